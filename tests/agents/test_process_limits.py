"""A trial that passes a limit is stopped, and the reason says by how much."""

import ctypes
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from airesearch.agents.executors.base import MachineFailure
from airesearch.agents.executors.local.process import Limits, ProcessResult, run
from airesearch.agents.executors.local.process.meters import folder_growth
from airesearch.agents.executors.local.process.meters.limits import over

MB = 2**20


@pytest.fixture(autouse=True)
def _no_child_remains() -> Iterator[None]:
    yield
    assert psutil.Process().children() == []


def bounded(
    folder: Path, *argv: str, seconds: float = 30, memory: int = 1024, mb: int = 16
) -> ProcessResult:
    limits = Limits(seconds=seconds, memory=memory * MB, output=mb * MB)
    ran = run(argv, folder=folder, env=dict(os.environ), limits=limits)
    assert (ran.code is None) == bool(ran.stopped) == bool(ran.reason)
    return ran


def python(folder: Path, script: str, **limits: int) -> ProcessResult:
    return bounded(folder, sys.executable, "-ISc", script, **limits)


def test_a_reason_shows_the_difference() -> None:
    assert over("wrote", 17 * MB + 5, 16 * MB) == "wrote 17 MB, over the 16 MB allowed"
    assert over("wrote", 16 * MB + 1, 16 * MB) == (
        "wrote 16,777,217 bytes, over the 16,777,216 bytes allowed"
    )
    assert over("wrote", 2 * MB, 1000) == "wrote 2 MB, over the 1,000 bytes allowed"


def test_a_timeout_says_the_limit(tmp_path: Path) -> None:
    ran = bounded(tmp_path, "sleep", "60", seconds=0.2)
    assert (ran.stopped, ran.reason) == ("timeout", "ran past 0.2 s")
    assert 0.2 <= ran.seconds < 10


def test_a_timeout_asks_first(tmp_path: Path) -> None:
    script = "trap 'echo saved; exit 5' TERM; echo start; while :; do sleep 0.01; done"
    ran = bounded(tmp_path, "sh", "-c", script, seconds=1)
    assert ran.stopped == "timeout"
    assert ran.log.startswith(b"start\n")
    assert ran.log.endswith(b"saved\n")


def test_memory_counts_all_processes_together(tmp_path: Path) -> None:
    script = """if 1:
        import os, time
        for worker in range(4):
            if os.fork() == 0:
                block = bytearray(60 * 2**20)
                time.sleep(60)
        time.sleep(60)
    """
    ran = python(tmp_path, script, memory=150)
    assert ran.stopped == "memory"
    assert ran.reason == over("used", ran.peak_memory, 150 * MB)
    assert 150 * MB < ran.peak_memory < 350 * MB


@pytest.mark.parametrize("script", ["import time; time.sleep(60)", ""])
@pytest.mark.parametrize("full", [{"f_bavail": 3}, {"f_favail": 0}])
def test_what_runs_on_a_full_disk_says_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, full: dict[str, int]
) -> None:
    facts = {"f_frsize": 4096, "f_bavail": 10**6, "f_files": 10**6, "f_favail": 10**6, **full}
    monkeypatch.setattr(os, "statvfs", lambda _: SimpleNamespace(**facts))
    with pytest.raises(MachineFailure, match="no space left"):
        python(tmp_path, script)


RESERVES = """if 1:
    import ctypes, os, time
    file = os.open("big", os.O_WRONLY | os.O_CREAT)
    keep_size, none, all_of_it = 1, ctypes.c_long(0), ctypes.c_long(64 * 2**20)
    ctypes.CDLL(None).fallocate(file, keep_size, none, all_of_it)
    assert os.fstat(file).st_size == 0
    time.sleep(SECONDS)
"""


@pytest.mark.parametrize("seconds", [0, 60])
def test_who_fills_the_disk_with_more_than_it_may_fails_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: int
) -> None:
    real = os.statvfs(tmp_path)

    def statvfs(folder: Path) -> SimpleNamespace:
        used = sum(path.stat().st_blocks for path in tmp_path.rglob("big"))
        free = 0 if used > 32 * MB // 512 else real.f_bavail
        return SimpleNamespace(f_frsize=4096, f_bavail=free, f_files=0, f_favail=0)

    (tmp_path / "probe").write_bytes(b"")
    with (tmp_path / "probe").open("r+b") as probe:
        libc = ctypes.CDLL(None)
        if libc.fallocate(probe.fileno(), 1, ctypes.c_long(0), ctypes.c_long(1 << 20)):
            pytest.skip("this file system reserves nothing")
        if not os.fstat(probe.fileno()).st_blocks:
            pytest.skip("this file system does not say what it reserved")
    (tmp_path / "probe").unlink()
    monkeypatch.setattr(os, "statvfs", statvfs)
    ran = python(tmp_path, RESERVES.replace("SECONDS", str(seconds)), mb=16)
    assert ran.stopped == "output"
    assert ran.reason == "wrote 64 MB, over the 16 MB allowed"


def test_file_systems_that_do_not_count_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = {"f_frsize": 4096, "f_bavail": 10**6, "f_files": 0, "f_favail": 0}
    monkeypatch.setattr(os, "statvfs", lambda _: SimpleNamespace(**facts))
    assert python(tmp_path, "").code == 0


def test_memory_that_forks_share_counts_once(tmp_path: Path) -> None:
    script = """if 1:
        import os, time
        block = bytearray(60 * 2**20)
        for worker in range(4):
            if os.fork() == 0:
                sum(block[::4096])
                time.sleep(0.5)
                os._exit(0)
        for worker in range(4):
            os.wait()
    """
    ran = python(tmp_path, script, memory=150)
    assert (ran.code, ran.stopped) == (0, "")
    assert 60 * MB < ran.peak_memory < 150 * MB


def test_a_short_burst_of_memory_is_seen_afterwards(tmp_path: Path) -> None:
    script = "import time; time.sleep(0.3); b = bytearray(400 * 2**20); del b"
    ran = python(tmp_path, script, memory=300)
    assert ran.stopped == "memory"
    assert re.fullmatch(r"used (3|4)\d\d MB, over the 300 MB allowed", ran.reason)


WRITE = "import os; f = os.open('big', os.O_CREAT | os.O_WRONLY); "
HUGE = {
    "python gets an error": f"{WRITE}\nwhile True: os.write(f, bytes(2**20))",
    "a signal kills it": f"import signal; signal.signal(25, signal.SIG_DFL); {WRITE}"
    "\nwhile True: os.write(f, bytes(2**20))",
    "sparse": f"{WRITE} os.truncate(f, 2**40)",
    "deleted": f"{WRITE} os.unlink('big')\nwhile True: os.write(f, bytes(2**20))",
    "deleted, and a signal": f"import signal; signal.signal(25, signal.SIG_DFL); {WRITE}"
    "os.unlink('big')\nwhile True: os.write(f, bytes(2**20))",
    "swallowed": f"{WRITE}\ntry:\n  while True: os.write(f, bytes(2**20))\nexcept OSError: pass",
    "by a child": "import os; os.system('head -c 1000000000 /dev/zero > big'); exit(9)",
    "by a shell": "import os; os.execlp('sh', 'sh', '-c', 'head -c 1000000000 /dev/zero > big')",
}


@pytest.mark.parametrize("script", HUGE.values(), ids=HUGE)
def test_one_huge_file_stops_growing_at_the_limit(tmp_path: Path, script: str) -> None:
    ran = python(tmp_path, script)
    assert ran.stopped == "output"
    assert "16" in ran.reason
    assert ran.written <= 16 * MB + 512
    assert list(tmp_path.glob("core*")) == []


def test_a_file_of_exactly_the_limit_is_allowed(tmp_path: Path) -> None:
    ran = bounded(tmp_path, "sh", "-c", "head -c 16777216 /dev/zero > big")
    assert (ran.code, ran.written) == (0, 16 * MB)
    ran = bounded(tmp_path, "sh", "-c", "printf x > one; head -c 16777216 /dev/zero > more")
    assert ran.reason == "wrote 16,777,217 bytes, over the 16,777,216 bytes allowed"


def test_many_small_files_are_stopped_on_the_way(tmp_path: Path) -> None:
    script = """if 1:
        import os, time
        for number in range(10**6):
            os.makedirs(f'd{number // 100}', exist_ok=True)
            open(f'd{number // 100}/{number}', 'wb').write(bytes(100_000))
            time.sleep(0.002)
    """
    ran = python(tmp_path, script)
    assert ran.stopped == "output"
    assert re.fullmatch(r"wrote [\d,]+ (MB|bytes), over the .* allowed", ran.reason)
    assert 16 * MB < ran.written < 200 * MB


def test_empty_files_and_folders_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder_growth, "MOST_FILES", 500)
    script = "import os\nfor n in range(300): open(f'f{n}', 'w'); os.mkdir(f'd{n}')"
    ran = python(tmp_path, script)
    assert ran.stopped == "output"
    assert re.fullmatch(r"made [56]\d\d files, over the 500 allowed", ran.reason)


def test_a_folder_too_deep_to_measure_is_no_hiding_place(tmp_path: Path) -> None:
    script = "import os\nfor _ in range(20): os.mkdir('d' * 250); os.chdir('d' * 250)"
    ran = python(tmp_path, script)
    assert ran.stopped == "output"
    assert "cannot be measured" in ran.reason


def test_a_file_renamed_all_the_time_is_not_counted_twice(tmp_path: Path) -> None:
    script = """if 1:
        import os, time
        os.mkdir('a'), os.mkdir('b')
        open('a/x', 'wb').write(bytes(10 * 2**20))
        end = time.monotonic() + 1
        while time.monotonic() < end:
            os.rename('a/x', 'b/x'), os.rename('b/x', 'a/x')
    """
    ran = python(tmp_path, script)
    assert (ran.code, ran.written) == (0, 10 * MB)


def test_too_much_on_the_screen_is_stopped(tmp_path: Path) -> None:
    ran = bounded(
        tmp_path, "sh", "-c", "while :; do echo yyyyyyyyyyyyyyyyyyyyyyyyyyyyyy; done", mb=1
    )
    assert ran.stopped == "output"
    assert re.fullmatch(r"printed \S+ bytes, over the 1,048,576 bytes allowed", ran.reason)
    assert 1 * MB < ran.printed < 2 * MB


def test_what_eats_disk_is_not_asked_first(tmp_path: Path) -> None:
    script = (
        "trap 'echo asked; exit' TERM; while :; do echo yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy; done"
    )
    assert b"asked" not in bounded(tmp_path, "sh", "-c", script, mb=1).log


def test_a_fork_bomb_is_stopped(tmp_path: Path) -> None:
    # Eleven doublings and an alarm bound the damage should the test fail.
    script = """if 1:
        import os, signal, time
        for _ in range(11):
            signal.alarm(20)
            os.fork()
            time.sleep(0.01)
        time.sleep(20)
    """
    ran = python(tmp_path, script, memory=20_000)
    assert ran.stopped == "processes"
    assert "processes at once, over the 1,000 allowed" in ran.reason
    assert ran.seconds < 15


def test_what_is_measured_in_the_kernel_is_left_as_it_was(tmp_path: Path) -> None:
    script = (
        "import os, socket, time\n"
        "pairs = [socket.socketpair() for _ in range(40)]; pipes = [os.pipe() for _ in range(40)]\n"
        "for one, _ in pairs: one.send(b'x')\n"
        "for _, into in pipes: os.write(into, b'x')\n"
        "time.sleep(0.5)\n"
        "for one, other in pairs: one.close(); assert other.recv(9) + other.recv(9) == b'x'\n"
        "for out, into in pipes: os.close(into); assert os.read(out, 9) + os.read(out, 9) == b'x'\n"
    )
    mine = len(os.listdir("/proc/self/fd"))
    assert python(tmp_path, script).code == 0
    assert len(os.listdir("/proc/self/fd")) == mine


def test_the_time_of_a_child_that_works_on_is_counted(tmp_path: Path) -> None:
    script = (
        "import os, time\n"
        "start = time.monotonic()\n"
        "if os.fork() == 0:\n"
        "    time.sleep(0.05)\n"
        "    open('out', 'w').write(str(time.monotonic() - start))\n"
    )
    ran = python(tmp_path, script)
    assert ran.seconds > float((tmp_path / "out").read_text())
