"""The sandbox, tried from inside by real processes, under each means that this machine has."""

import os
import signal
import socket
import subprocess
import sys
import time
import venv
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from airesearch.agents.executors.local.process import Limits
from airesearch.agents.executors.local.process_outcome import exit_of
from airesearch.agents.executors.local.sandbox import (
    Kind,
    SandboxSpec,
    Tools,
    choose,
    has_own_files,
    landlock,
    shim,
    tools_for,
)
from airesearch.agents.executors.local.sandbox.bubblewrap import fault
from sandboxes import MB, NEEDS, ROOMY, python, said
from sandboxes import kind as kind
from sandboxes import spec as spec

bwrap_only = NEEDS["bwrap"]


def test_it_works_in_its_folder_and_its_python_is_whole(kind: Kind, spec: SandboxSpec) -> None:
    script = (
        "import numpy, sqlite3, ssl, subprocess, tempfile, multiprocessing, os\n"
        "open('out', 'w').write('done'); os.rename('out', 'new')\n"
        "tempfile.TemporaryFile().write(b'x')\n"
        "print(sys.prefix, subprocess.check_output(['sh', '-c', 'echo shell']))"
    )
    assert said(kind, spec, script) == [f"{sys.prefix} b'shell\\n'"]
    assert (spec.folder / "new").read_text() == "done"


def test_what_is_outside_can_be_neither_read_nor_written(kind: Kind, spec: SandboxSpec) -> None:
    secret, beside = spec.folder.parent / "secret", spec.folder.parent / "planted"
    script = (
        f"for place in [{str(secret)!r}, '/etc/shadow', '/root/.bashrc', "
        f"'/proc/{os.getpid()}/environ', '/proc/{os.getpid()}/root/etc/passwd']:\n"
        "    print(tried(lambda: open(place).read()))\n"
    )
    assert all(answer.endswith("Error") for answer in said(kind, spec, script))
    script = (
        "import os\n"
        f"for place in [{str(beside)!r}, '/usr/planted', '/etc/planted', '/planted', "
        f"'/dev/planted', sys.prefix + '/planted', {str(secret)!r}]:\n"
        "    print(tried(lambda: open(place, 'w').write('x')))\n"
        f"print(tried(lambda: os.link({str(secret)!r}, 'link')))\n"
        f"print(tried(lambda: os.rename({str(secret)!r}, 'moved')))\n"
    )
    assert all(answer.endswith("Error") for answer in said(kind, spec, script))
    assert secret.read_text() == "sealed"
    assert not beside.exists()


def test_an_evaluator_writes_one_file(kind: Kind, spec: SandboxSpec) -> None:
    answer, scratch = spec.folder.parent / "answer", spec.folder.parent / "scratch"
    answer.touch()
    scratch.mkdir()
    (spec.folder / "labels").write_text("labels")
    sealed = replace(spec, writable=False, answer=answer, scratch=scratch)
    place = "/metrics.json" if has_own_files(kind) else str(answer)
    script = (
        "import tempfile\n"
        f"print(open('labels').read(), open({place!r}, 'w').write('score'))\n"
        "tempfile.TemporaryFile().write(b'x')\n"
        "print(tried(lambda: open('labels', 'w')), tried(lambda: open('new', 'w')))\n"
    )
    first, second = said(kind, sealed, script)
    assert first == "labels 5"
    assert second in ("OSError OSError", "PermissionError PermissionError")
    assert answer.read_text() == "score"


def test_data_is_let_in_to_be_read(kind: Kind, spec: SandboxSpec) -> None:
    data = spec.folder.parent / "data"
    data.mkdir()
    (data / "set").write_text("numbers")
    script = (
        f"print(open({str(data / 'set')!r}).read(), tried(lambda: open({str(data / 'x')!r}, 'w')))"
    )
    (answer,) = said(kind, replace(spec, data=(str(data),)), script)
    assert answer.startswith("numbers ")
    assert answer.endswith("Error")
    assert "numbers" not in said(
        kind, spec, f"print(tried(lambda: open({str(data / 'set')!r}).read()))"
    )


def test_no_connection_leaves_it(kind: Kind, spec: SandboxSpec) -> None:
    if kind == "landlock" and landlock.abi() < 4:
        pytest.skip("Landlock shuts off the network from ABI 4 (Linux 6.7) on")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        script = (
            "import socket\n"
            f"print(tried(lambda: socket.create_connection(('127.0.0.1', {port}), 5)))\n"
            "print(tried(lambda: socket.create_server(('127.0.0.1', 0)) and 'open'))"
        )
        called, served = said(kind, spec, script)
    assert called in ("ConnectionRefusedError", "PermissionError")
    # With bubblewrap the loopback is one's own.
    assert served == ("open" if kind == "bwrap" else "PermissionError")


def test_it_sees_its_own_processes_and_no_privilege(kind: Kind, spec: SandboxSpec) -> None:
    if not has_own_files(kind):
        pytest.skip("without user namespaces all processes are seen")
    script = (
        "import os, subprocess\n"
        "print(sorted(int(p) for p in os.listdir('/proc') if p.isdigit())[-1] < 10)\n"
        "print([line for line in open('/proc/self/status') if line.startswith('CapEff')])\n"
        f"print(tried(lambda: os.kill({os.getpid()}, 0)), os.uname().nodename)\n"
        "print(subprocess.call(['unshare', '-Ur', 'true'], stderr=-3) != 0)\n"
        "print([path for path in ('/home', '/var', '/srv', '/old') if os.path.exists(path)])"
    )
    mine, powers, killed, nested, shown = said(kind, spec, script)
    assert (mine, nested) == ("True", "True")
    assert "CapEff:\\t0000000000000000" in powers
    assert killed == "ProcessLookupError trial"
    assert shown == "[]"


@bwrap_only
def test_a_device_is_let_in_alone(spec: SandboxSpec) -> None:
    script = (
        "import os; print(tried(lambda: open('/dev/kmsg', 'rb').name), os.path.exists('/dev/vda'))"
    )
    assert said("bwrap", spec, script) == ["FileNotFoundError False"]
    with_device = replace(spec, devices=("/dev/kmsg",))
    assert said("bwrap", with_device, "import os; print(os.path.exists('/dev/kmsg'))") == ["True"]


@pytest.mark.parametrize("place", ["/tmp", "/dev/shm"])
def test_files_in_memory_count_as_memory(kind: Kind, spec: SandboxSpec, place: str) -> None:
    if not has_own_files(kind):
        pytest.skip("without user namespaces there are no files in memory")
    write = (
        f"f = open('{place}/x', 'wb'); [f.write(bytes(2**20)) for _ in range({{}})]; f.flush()\n"
    )
    wait = "import time; time.sleep(5)"
    limits = Limits(seconds=20, memory=150 * MB, output=400 * MB)
    stopped = python(kind, spec, write.format(200) + wait, limits)
    assert (stopped.stopped, stopped.written) == ("memory", 0)
    limits = replace(limits, memory=400 * MB)
    ran = python(kind, spec, write.format(100) + "import time; time.sleep(1)", limits)
    assert ran.code == 0
    assert ran.peak_memory > 100 * MB


def test_files_in_memory_have_a_hard_bound(kind: Kind, spec: SandboxSpec) -> None:
    if not has_own_files(kind):
        pytest.skip("without user namespaces there are no files in memory")
    small = replace(spec, memory=4 * MB)
    script = "print(tried(lambda: open('/tmp/x', 'wb').write(bytes(8 * 2**20))))"
    assert said(kind, small, script) in (["OSError"], [str(4 * MB)])
    assert Path("/tmp/x").exists() is False


@bwrap_only
def test_limits_still_hold(spec: SandboxSpec) -> None:
    brief = "x = b'x' * (800 * 2**20)"  # over before a sample need see it
    assert python("bwrap", spec, brief).stopped == "memory"
    short = replace(ROOMY, seconds=1)
    family = "import os, time; os.fork(); os.setsid() if os.fork() == 0 else 0; time.sleep(60)"
    assert python("bwrap", spec, family, short).reason == "ran past 1 s"
    tight = replace(ROOMY, output=MB)
    assert (
        python("bwrap", spec, "open('x', 'wb').write(bytes(4 * 2**20))", tight).stopped == "output"
    )


def test_its_end_is_told(kind: Kind, spec: SandboxSpec) -> None:
    killed = python(kind, spec, "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
    assert exit_of(killed) == "killed by SIGSEGV"
    assert exit_of(python(kind, spec, "sys.exit(3)")) == "exit 3"


def test_it_dies_with_the_worker(kind: Kind, spec: SandboxSpec) -> None:
    mark = f"airesearch-test-{os.getpid()}"
    inner = [spec.tools.program, "-c", "import time; time.sleep(60)", mark]
    script = (
        "import os, sys; from pathlib import Path, PosixPath\n"
        "from airesearch.agents.executors.local.process import *\n"
        "from airesearch.agents.executors.local.sandbox import *\n"
        f"with confined({kind!r}, {spec!r}, {inner!r}) as start:\n"
        f"    run(start.argv, folder=Path({str(spec.folder)!r}), env=dict(os.environ), "
        "limits=Limits(60, 2**30, 2**20), inherits=start.inherits)"
    )
    worker = subprocess.Popen([sys.executable, "-c", script])
    until = time.monotonic() + 20
    while not (below := marked(worker, mark)) and time.monotonic() < until:
        time.sleep(0.05)
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    gone, alive = psutil.wait_procs(below, timeout=10)
    assert gone
    assert not alive


def marked(worker: "subprocess.Popen[bytes]", mark: str) -> list[psutil.Process]:
    """The worker's children, once the marked program itself runs among them."""
    below = psutil.Process(worker.pid).children(recursive=True)
    started = [p for p in below if "python" in p.name() and mark in p.cmdline()]
    return below if started else []


def test_an_environment_anywhere_runs(kind: Kind, spec: SandboxSpec, tmp_path: Path) -> None:
    made = tmp_path / "some where" / "venv"
    venv.create(made, symlinks=True, with_pip=False)
    tools = tools_for(str(made / "bin" / "python"), str(made / "bin"))
    assert said(kind, replace(spec, tools=tools), "print(sys.prefix)") == [str(made)]


@bwrap_only
def test_a_shim_becomes_the_python_it_stands_for(spec: SandboxSpec, tmp_path: Path) -> None:
    wrapper = tmp_path / "shims" / "python"
    wrapper.parent.mkdir()
    wrapper.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    wrapper.chmod(0o755)
    tools = tools_for(str(wrapper), str(wrapper.parent))
    assert tools.program == sys.executable
    assert said("bwrap", replace(spec, tools=tools), "print(1)") == ["1"]


def test_a_python_in_the_home_folder_does_not_open_the_home_folder() -> None:
    home = Path(sys.base_prefix).parent
    tools = tools_for(sys.executable, "", (home, Path(sys.base_prefix, "lib", "python3")))
    assert Path(sys.base_prefix) not in tools.read
    assert not any(home.is_relative_to(path) for path in tools.read)


def test_a_program_that_is_the_candidates_own_needs_nothing() -> None:
    assert tools_for("./train", "") == Tools("./train")


def test_none_is_taken_only_when_it_is_asked_for_or_all_there_is() -> None:
    assert choose("none") == "none"
    assert choose("auto") == ("bwrap" if not fault() else "landlock" if landlock.abi() else "none")


@pytest.mark.parametrize(
    ("version", "size", "files", "network", "scopes"),
    [
        (1, 8, 0x1FFF, 0, 0),
        (2, 8, 0x3FFF, 0, 0),
        (3, 8, 0x7FFF, 0, 0),
        (4, 16, 0x7FFF, 3, 0),
        (5, 16, 0xFFFF, 3, 0),
        (6, 24, 0xFFFF, 3, 3),
        (9, 24, 0xFFFF, 3, 3),
    ],
)
def test_landlock_denies_all_that_its_version_can(
    version: int, size: int, files: int, network: int, scopes: int
) -> None:
    assert shim.handled(version) == (files, network, scopes)
    packed = shim.attributes(version)
    words = [int.from_bytes(packed[i : i + 8], sys.byteorder) for i in range(0, len(packed), 8)]
    assert (len(packed), words) == (size, [files, network, scopes][: size // 8])


def test_landlock_gives_no_right_to_write_with_one_to_read() -> None:
    assert shim.READ & (shim.WRITE_FILE | shim.TRUNCATE | shim.MAKE_REG | shim.REMOVE_FILE) == 0
    assert shim.WRITE & (1 << 6 | 1 << 11 | shim.IOCTL_DEV) == 0  # character and block devices
    assert shim.ON_FILES & shim.READ_DIR == 0
