"""Nothing of a trial outlives it, whatever it does to stay; and nothing else is touched."""

import dataclasses
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from airesearch.agents.executors.local.process import Limits, ProcessResult, proctable, reaper, run
from airesearch.agents.executors.local.process.reaper import CannotEnd

MB = 2**20
# Children that write their pid, so that a test can look for them when no tree leads there.
LIB = """
import os, signal, subprocess, sys, time
def here():
    with open('pids', 'a') as file: file.write(f'{os.getpid()}\\n')
def stay():
    here()
    while True: time.sleep(60)
def fork(then):
    if os.fork() == 0: then(); os._exit(0)
def daemon():
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.execve(sys.executable, ['x', '-ISc', 'import time; time.sleep(60)'], {})
        os._exit(0)
    os.wait()
def wait_for(count, file='pids'):
    while not os.path.exists(file) or len(open(file).readlines()) < count: time.sleep(0.005)
"""


@pytest.fixture(autouse=True)
def _nothing_remains(tmp_path: Path) -> Iterator[None]:
    yield
    assert psutil.Process().children() == []
    assert recorded(tmp_path) == []
    assert inhabitants(tmp_path) == []


def inhabitants(folder: Path) -> list[psutil.Process]:
    return [p for p in psutil.process_iter(["cwd"]) if p.info["cwd"] == str(folder)]


def recorded(folder: Path) -> list[int]:
    file = folder / "pids"
    pids = [int(line) for line in file.read_text().split()] if file.exists() else []
    running = {p.pid for p in psutil.process_iter(["status"]) if p.info["status"] != "zombie"}
    return [pid for pid in pids if pid in running]


def start(folder: Path, script: str, seconds: float = 30) -> ProcessResult:
    limits = Limits(seconds=seconds, memory=1024 * MB, output=16 * MB)
    argv = [sys.executable, "-ISc", LIB + script]
    return run(argv, folder=folder, env=dict(os.environ), limits=limits)


def timed_out(folder: Path, script: str) -> ProcessResult:
    """A trial that ran out of time; of more time where it had not come to its first `here`."""
    for seconds in (0.4, 3, 15):
        ran = start(folder, script, seconds)
        assert ran.stopped == "timeout"
        if (folder / "pids").exists():
            return ran
    raise AssertionError("it never began")


STUBBORN = {
    "children": "fork(stay); fork(stay)",
    "grandchildren": "fork(lambda: (fork(stay), stay()))",
    "own sessions": "fork(lambda: (os.setsid(), stay()))",
    "daemon, no environment": "daemon()",
    "deaf": "signal.signal(signal.SIGTERM, signal.SIG_IGN); fork(stay)",
    "halted": "fork(lambda: (here(), os.kill(os.getpid(), signal.SIGSTOP)))",
    "orphans": "fork(lambda: (os.setsid(), fork(lambda: (os.setsid(), stay()))))",
    "zombies": "fork(lambda: None); fork(lambda: fork(stay))",
    "phoenix": """if 1:
        def guard():
            os.setsid()
            while True:
                fork(lambda: (os.setsid(), time.sleep(60)))
                os.wait()
        fork(guard)""",
    "thread": """import ctypes, threading
if 1:
        def survive():
            threading.Thread(target=stay).start()
            ctypes.CDLL(None).pthread_exit(None)
        fork(survive)""",
}


@pytest.mark.parametrize("script", STUBBORN.values(), ids=STUBBORN)
def test_nothing_survives_a_timeout(tmp_path: Path, script: str) -> None:
    timed_out(tmp_path, f"{script}\nstay()")


@pytest.mark.parametrize("script", STUBBORN.values(), ids=STUBBORN)
def test_nothing_survives_the_main_process(tmp_path: Path, script: str) -> None:
    ran = start(tmp_path, f"{script}\ntime.sleep(0.2)\nos._exit(4)")
    assert (ran.code, ran.stopped) == (4, "")
    assert ran.leftovers >= 1


def test_the_main_process_halted_is_ended(tmp_path: Path) -> None:
    script = "print('here', flush=True); here(); os.kill(os.getpid(), signal.SIGSTOP)"
    assert timed_out(tmp_path, script).log == b"here\n"


def test_none_of_them_sees_another_die(tmp_path: Path) -> None:
    script = """if 1:
        here_end, there_end = os.pipe()
        def first():
            os.setsid(); os.close(here_end); stay()
        def last():
            os.setsid(); os.close(there_end); here(); os.read(here_end, 1); open('seen', 'w')
        fork(first)
        for _ in range(20): fork(lambda: (os.close(there_end), stay()))
        fork(last)
        os.close(there_end)
        wait_for(22)
        os._exit(0)
    """
    assert start(tmp_path, script).leftovers == 22
    assert not (tmp_path / "seen").exists()


def test_leftovers_are_counted_but_not_those_that_end_by_themselves(tmp_path: Path) -> None:
    assert start(tmp_path, "fork(stay); fork(stay); daemon(); wait_for(2)").leftovers == 3
    assert start(tmp_path, "fork(lambda: time.sleep(0.02))").leftovers == 0


def test_a_daemon_that_holds_the_output_does_not_hold_us(tmp_path: Path) -> None:
    ran = start(tmp_path, "daemon(); print('done')", seconds=50)
    assert (ran.code, ran.log, ran.leftovers) == (0, b"done\n", 1)
    assert ran.seconds < 30


def test_orphans_that_end_during_the_trial_leave_no_zombie(tmp_path: Path) -> None:
    script = """if 1:
        fork(lambda: fork(here))
        wait_for(1)
        orphan = int(open('pids').read())
        while os.path.exists(f'/proc/{orphan}'): time.sleep(0.005)
    """
    assert start(tmp_path, script).leftovers == 0


def runner(folder: Path, script: str) -> subprocess.Popen[bytes]:
    """A process of its own that runs `script` as a trial, once two pids are recorded."""
    program = (
        "import os, sys\nfrom pathlib import Path\n"
        "from airesearch.agents.executors.local.process import Limits, run\n"
        "limits = Limits(seconds=60, memory=2**30, output=2**24)\n"
        "argv = [sys.executable, '-ISc', sys.argv[1]]\n"
        "try: run(argv, folder=Path(sys.argv[2]), env=dict(os.environ), limits=limits)\n"
        "except KeyboardInterrupt: sys.exit(33)\n"
    )
    argv = [sys.executable, "-c", program, LIB + script, str(folder)]
    process = subprocess.Popen(argv, start_new_session=True)
    wait_until(lambda: len(recorded(folder)) == 2)
    return process


def wait_until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not true():
        assert time.monotonic() < end
        time.sleep(0.005)


@pytest.mark.parametrize("presses", [1, 3])
def test_ctrl_c_ends_everything_first(tmp_path: Path, presses: int) -> None:
    script = "signal.signal(signal.SIGTERM, signal.SIG_IGN); fork(stay); daemon(); stay()"
    with runner(tmp_path, script) as process:
        for _ in range(presses):
            process.send_signal(signal.SIGINT)
            time.sleep(0.05)
        assert process.wait(20) == 33
    assert recorded(tmp_path) == []


def test_the_main_process_dies_with_its_runner(tmp_path: Path) -> None:
    with runner(tmp_path, "here(); stay()") as process:
        process.kill()
    wait_until(lambda: recorded(tmp_path) == [])


def test_what_is_not_the_trials_is_left_alone(tmp_path: Path) -> None:
    orphan = (
        "sleep 0.3; (sleep 60 & echo $! >> orphans); setsid sleep 60 & echo $! >> orphans; sleep 60"
    )
    shells = [
        subprocess.Popen(["sh", "-c", orphan], cwd=tmp_path, start_new_session=own)
        for own in (False, True)
    ]
    late: list[subprocess.Popen[bytes]] = []

    def begin_late() -> None:
        late.append(subprocess.Popen(["sleep", "60"]))
        (tmp_path / "late").write_text("begun\n")

    thread = threading.Timer(0.3, begin_late)
    thread.start()
    try:
        script = "fork(stay)\nwait_for(4, 'orphans'); wait_for(1, 'late'); time.sleep(0.1)"
        assert start(tmp_path, script).leftovers == 1
        thread.join()
        assert [process.poll() for process in (*shells, *late)] == [None] * 3
        orphans = [int(pid) for pid in (tmp_path / "orphans").read_text().split()]
        assert [psutil.Process(pid).status() for pid in orphans] == ["sleeping"] * 4
    finally:
        for process in psutil.Process().children(recursive=True):
            process.kill()
        for started in (*shells, *late):
            started.wait()
        for process in psutil.Process().children():  # the orphans, which we have adopted
            os.waitpid(process.pid, 0)
        wait_until(lambda: inhabitants(tmp_path) == [])


def test_a_recycled_pid_is_not_signalled() -> None:
    with subprocess.Popen(["sleep", "60"]) as process:
        proc = proctable.look(process.pid)
        assert proc is not None
        proctable.signal_exactly(dataclasses.replace(proc, born=proc.born - 1), signal.SIGKILL)
        time.sleep(0.05)
        assert process.poll() is None
        proctable.signal_exactly(proc, signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL


def test_processes_that_cannot_be_ended_are_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reaper, "PATIENCE", -1)
    with pytest.raises(CannotEnd, match=r"kill -9 \d+") as caught:
        start(tmp_path, "signal.signal(signal.SIGTERM, signal.SIG_IGN); stay()", seconds=0.3)
    pid = int(caught.value.mend.split()[-1])
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


PORTABLE = {
    "child": "fork(stay)",
    "own session": "fork(lambda: (os.setsid(), stay()))",
    "orphan": "fork(lambda: fork(stay))",
    "orphan of another session": (
        "fork(lambda: (os.setsid(), fork(stay), wait_for(1, 'looked'))); os.wait()"
    ),
}


@pytest.mark.parametrize("script", PORTABLE.values(), ids=PORTABLE)
def test_without_what_only_linux_has_they_are_ended_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    """Each once it was seen: who leaves session and parent between two looks is missed."""

    def look_and_tell(*asked: Any) -> list[proctable.Proc]:
        family = proctable.kin(*asked)
        pids = tmp_path / "pids"
        if pids.exists() and {int(p) for p in pids.read_text().split()} & {p.pid for p in family}:
            (tmp_path / "looked").write_text("seen\n")
        return family

    monkeypatch.delattr(os, "pidfd_open")
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(proctable, "LINUX", False)
    monkeypatch.setattr(reaper, "kin", look_and_tell)
    ran = start(tmp_path, f"{script}; wait_for(1, 'looked'); sys.exit(3)")
    assert (ran.code, ran.leftovers) == (3, 1)
    for told in ("pids", "looked"):
        (tmp_path / told).unlink()
    timed_out(tmp_path, f"{script}; stay()")
