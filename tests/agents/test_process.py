"""One bounded process: how it starts, what it is given, and what is known of it afterwards."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from airesearch.agents.executors.local.process import CannotStart, Limits, ProcessResult, run
from airesearch.agents.executors.local.process.capture import HEAD, TAIL, Capture
from hypothesis import given
from hypothesis import strategies as st

MB = 2**20
ROOMY = Limits(seconds=30, memory=1024 * MB, output=512 * MB)


@pytest.fixture(autouse=True)
def _no_child_remains() -> Iterator[None]:
    yield
    assert psutil.Process().children() == []


def sh(folder: Path, script: str, limits: Limits = ROOMY) -> ProcessResult:
    return run(["sh", "-c", script], folder=folder, env=dict(os.environ), limits=limits)


def python(folder: Path, script: str, limits: Limits = ROOMY) -> ProcessResult:
    argv = [sys.executable, "-ISc", script]
    return run(argv, folder=folder, env=dict(os.environ), limits=limits)


@pytest.mark.parametrize("code", [0, 3, 255])
def test_the_exit_code_is_reported(tmp_path: Path, code: int) -> None:
    ran = sh(tmp_path, f"exit {code}")
    assert (ran.code, ran.stopped, ran.reason, ran.leftovers) == (code, "", "", 0)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGSEGV])
def test_a_signal_is_a_negative_code(tmp_path: Path, number: signal.Signals) -> None:
    assert sh(tmp_path, f"kill -{int(number)} $$").code == -number


def test_it_gets_the_folder_the_environment_and_no_input(tmp_path: Path) -> None:
    argv = [sys.executable, "-ISc", "import os, sys; print(os.getcwd(), os.environ, sys.argv[1:])"]
    env = {"LC_ALL": "C.UTF-8", "odd.name": "ä b"}
    ran = run([*argv, "-x", "--", ""], folder=tmp_path, env=env, limits=ROOMY)
    assert ran.log.decode() == f"{tmp_path} environ({env}) ['-x', '--', '']\n"
    assert sh(tmp_path, "cat").code == 0


def test_it_has_a_session_of_its_own_no_core_and_no_other_descriptors(tmp_path: Path) -> None:
    script = (
        "import os, resource; "
        "print(os.getsid(0) == os.getpgid(0) == os.getpid(), "
        "resource.getrlimit(resource.RLIMIT_CORE), "
        "[fd for fd in range(99) if os.path.exists(f'/proc/self/fd/{fd}')])"
    )
    assert python(tmp_path, script).log == b"True (0, 0) [0, 1, 2]\n"


def test_both_streams_are_logged_in_order(tmp_path: Path) -> None:
    ran = sh(tmp_path, "echo one; echo two >&2; echo three")
    assert (ran.log, ran.printed) == (b"one\ntwo\nthree\n", 14)


def test_binary_output_is_kept_byte_for_byte(tmp_path: Path) -> None:
    ran = python(tmp_path, "import os; os.write(1, bytes(range(256)) * 200)")
    assert ran.log == bytes(range(256)) * 200


def test_a_flood_leaves_head_and_tail_and_no_trace_in_our_memory(tmp_path: Path) -> None:
    before = psutil.Process().memory_info().rss
    script = "import os\nfor i in range(3200): os.write(1, b'%065535d\\n' % i)"
    ran = python(tmp_path, script)
    flood = 3200 * 65536
    assert ran.printed == flood == 200 * MB
    marker = f"\n... {flood - HEAD - TAIL:,} bytes left out ...\n".encode()
    assert ran.log == b"0" * HEAD + marker + b"%032767d\n" % 3199
    assert psutil.Process().memory_info().rss - before < 20 * MB


@given(st.lists(st.integers(0, 3 * HEAD)), st.binary(min_size=1, max_size=9))
def test_a_log_does_not_depend_on_how_it_is_cut(cuts: list[int], seed: bytes) -> None:
    stream = (seed * (sum(cuts) // len(seed) + 1))[: sum(cuts)]
    cut, whole = Capture(), Capture()
    whole.add(stream)
    for end, length in zip([sum(cuts[: i + 1]) for i in range(len(cuts))], cuts, strict=True):
        cut.add(stream[end - length : end])
    assert cut.text() == whole.text()
    assert cut.text().startswith(stream[:HEAD])
    assert cut.text().endswith(stream[-TAIL:])
    assert (cut.text() == stream) == (len(stream) <= HEAD + TAIL)


def test_what_is_written_is_the_growth_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "old").write_bytes(b"x" * 500)
    assert sh(tmp_path, "mkdir -p a/b; printf 123 > a/b/c; ln a/b/c d; ln -s / e").written == 4
    assert sh(tmp_path, "rm old").written == -500


def test_a_folder_of_many_files_costs_nothing_in_the_result(tmp_path: Path) -> None:
    for number in range(5000):
        (tmp_path / str(number)).touch()
    ran = sh(tmp_path, "sleep 0.3; echo done", Limits(seconds=20, memory=64 * MB, output=1000))
    assert (ran.code, ran.written, ran.log) == (0, 0, b"done\n")


def test_peak_memory_is_that_of_the_trial_and_not_of_its_parent(tmp_path: Path) -> None:
    hog = "b = bytearray(150 * 2**20); del b"
    assert (
        150 * MB < python(tmp_path, f"{hog}; import time; time.sleep(0.3)").peak_memory < 250 * MB
    )
    idle = "import os, time; os.fork() and (time.sleep(1.2), os._exit(0)); time.sleep(0.5)"
    assert python(tmp_path, f"{idle}; {hog}; time.sleep(60)").peak_memory > 150 * MB
    script = (
        "import sys; from pathlib import Path\n"
        "from airesearch.agents.executors.local.process import Limits, run\n"
        "ballast = bytearray(200 * 2**20)\n"
        "limits = Limits(seconds=30, memory=100 * 2**20, output=9)\n"
        "print(run(['true'], folder=Path(sys.argv[1]), env={}, limits=limits).peak_memory)"
    )
    peak = int(subprocess.check_output([sys.executable, "-c", script, str(tmp_path)]))
    assert peak < 50 * MB


def test_a_missing_command_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("no program")
    (tmp_path / "tool").write_text("#!/bin/sh\nexit 7\n")
    (tmp_path / "tool").chmod(0o755)
    for argv in (["no-such-program"], ["./data"], [str(tmp_path)], ["tool"], []):
        with pytest.raises(CannotStart, match=r"no such program|empty"):
            run(argv, folder=tmp_path, env=dict(os.environ), limits=ROOMY)
    assert run(["./tool"], folder=tmp_path, env={}, limits=ROOMY).code == 7
    with pytest.raises(CannotStart, match="Argument list too long"):
        run(["echo", "x" * 3 * MB], folder=tmp_path, env={}, limits=ROOMY)
