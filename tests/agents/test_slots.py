"""Never more trials at once than there are slots, and none beside one that runs alone."""

import fcntl
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest
from airesearch.agents.executors.slots import NoSlot, Slot, Slots
from airesearch.gitlab.errors import AiresearchError

HOLD = """
import json, sys, time
from pathlib import Path
from airesearch.agents.executors.local.process.launch import bounded, launch
from airesearch.agents.executors.slots import Slots
folder, count, gpus, alone, argv = json.loads(sys.argv[1])
with Slots(Path(folder), count, tuple(gpus)).take(alone=alone) as slot:
    if argv:
        command = bounded(argv, folder=Path(folder), env={}, largest_file=1 << 20)
        launch(command, folder=Path(folder), env={"PATH": "/usr/bin:/bin"}).stdout.readline()
    print(json.dumps([slot.index, slot.gpu]), flush=True)
    sys.stdin.read()
"""


class Holder:
    """A process that takes a slot and holds it until it is told to end, or killed."""

    def __init__(self, slots: Slots, *, alone: bool = False, runs: list[str] | None = None) -> None:
        words = json.dumps([str(slots.folder), slots.count, slots.gpus, alone, runs])
        pipe = subprocess.PIPE
        argv = [sys.executable, "-c", HOLD, words]
        self.process = subprocess.Popen(argv, stdin=pipe, stdout=pipe, text=True)

    def slot(self) -> Slot:
        assert self.process.stdout is not None
        index, gpu = json.loads(self.process.stdout.readline())
        return Slot(index, gpu)

    def end(self) -> None:
        with self.process:
            assert self.process.stdin is not None
            self.process.stdin.close()

    def kill(self) -> None:
        with self.process:
            self.process.kill()


@pytest.fixture
def slots(tmp_path: Path) -> Slots:
    return Slots(tmp_path / "not" / "there" / "yet", 2)


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as found:
        yield found


def hold(stack: ExitStack, slots: Slots, *, alone: bool = False) -> Holder:
    """A holder that has not taken its slot yet."""
    found = Holder(slots, alone=alone)
    stack.callback(found.kill)
    return found


def is_free(slots: Slots, *, alone: bool = False) -> bool:
    try:
        with slots.take(alone=alone, wait=0):
            return True
    except NoSlot:
        return False


def test_each_takes_one_and_the_next_has_to_wait(slots: Slots) -> None:
    with slots.take() as first, slots.take() as second:
        assert (first, second) == (Slot(0, None), Slot(1, None))
        start = time.monotonic()
        with pytest.raises(NoSlot), slots.take(wait=0.2):
            pass
        assert time.monotonic() - start >= 0.2
    with slots.take(wait=0) as again:
        assert again == Slot(0, None)


def test_a_gpu_each_whatever_the_order(slots: Slots) -> None:
    names = ("1", "GPU-8f/..", "..")
    one, other = Slots(slots.folder, 1, names), Slots(slots.folder, 1, names[::-1])
    with one.take() as first, other.take() as second, one.take() as third:
        assert [first.gpu, second.gpu, third.gpu] == ["1", "..", "GPU-8f/.."]
        assert [first.index, second.index, third.index] == [0, 0, 1]
        assert not is_free(other)
    assert [p.parent for p in slots.folder.rglob("gpu-*")] == [next(slots.folder.iterdir())] * 3


def test_alone_is_alone(slots: Slots) -> None:
    with slots.take():
        assert not is_free(slots, alone=True)
        assert is_free(slots)  # the failed try has let go of all it took
    with slots.take(alone=True) as slot:
        assert slot == Slot(0, None)
        assert not is_free(slots)
        assert not is_free(slots, alone=True)
    assert is_free(slots, alone=True)
    with Slots(slots.folder, 1, ("a", "b")).take(alone=True) as slot:
        assert slot == Slot(0, "a")


def test_alone_counts_those_who_were_told_of_more_slots(slots: Slots) -> None:
    wide = Slots(slots.folder, 4)
    with ExitStack() as last:
        with wide.take(), wide.take():
            assert last.enter_context(wide.take()).index == 2
        assert not is_free(slots, alone=True)
    assert is_free(slots, alone=True)


@pytest.mark.parametrize("name", ["", "..", "two\nlines", "a/b", "latin \udce9", "é" * 20])
def test_machines_have_each_their_own(
    slots: Slots, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    with slots.take(alone=True):
        monkeypatch.setattr(socket, "gethostname", lambda: name)
        with slots.take(alone=True, wait=0):
            assert len(list(slots.folder.iterdir())) == 2
            assert not is_free(slots)


def test_a_body_that_fails_lets_go(slots: Slots) -> None:
    with pytest.raises(ZeroDivisionError), slots.take(alone=True):
        _ = 1 / 0
    assert is_free(slots, alone=True)


def test_a_killed_holder_s_slot_is_free_though_its_grandchild_lives(
    slots: Slots, stack: ExitStack
) -> None:
    slots.folder.mkdir(parents=True)
    script = "sleep 600 & echo $! > sleeper; echo up; wait"
    one = Slots(slots.folder, 1)
    holder = Holder(one, runs=["sh", "-c", script])
    stack.callback(holder.kill)
    assert holder.slot().index == 0
    sleeper = psutil.Process(int((slots.folder / "sleeper").read_text()))
    stack.callback(sleeper.kill)
    assert not is_free(one)
    holder.kill()
    assert is_free(one)
    assert sleeper.is_running() and sleeper.status() != psutil.STATUS_ZOMBIE


def test_a_halted_holder_keeps_its_slot_and_halts_nobody_else(
    slots: Slots, stack: ExitStack
) -> None:
    holder = hold(stack, slots)
    holder.slot()
    holder.process.send_signal(signal.SIGSTOP)
    assert is_free(slots)
    with slots.take(wait=5):
        assert not is_free(slots)
        waiter = hold(stack, slots)
        time.sleep(0.5)
        waiter.process.send_signal(signal.SIGSTOP)  # while it waits
    assert is_free(slots)


def test_who_wants_to_be_alone_is_not_starved(slots: Slots, stack: ExitStack) -> None:
    """It shuts the gate: who comes later waits, even where a slot is free."""
    first = hold(stack, slots)
    first.slot()
    lonely = hold(stack, slots, alone=True)
    until = time.monotonic() + 20
    while is_free(slots):  # until the gate is shut, though one slot is free
        assert time.monotonic() < until
        time.sleep(0.01)
    late = hold(stack, slots)
    first.end()
    assert lonely.slot().index == 0
    assert not is_free(slots)
    lonely.end()
    assert late.slot().index == 0


def test_a_killed_waiter_opens_the_gate(slots: Slots, stack: ExitStack) -> None:
    with slots.take():
        lonely = hold(stack, slots, alone=True)
        until = time.monotonic() + 20
        while is_free(slots):
            assert time.monotonic() < until
            time.sleep(0.01)
        lonely.kill()
        assert is_free(slots)


def test_two_that_want_to_be_alone_come_one_after_the_other(slots: Slots, stack: ExitStack) -> None:
    lonely = [hold(stack, Slots(slots.folder, 8), alone=True) for _ in range(4)]
    for one in lonely:
        one.process.stdin.close()  # type: ignore[union-attr]
    for one in lonely:
        assert one.process.wait(30) == 0


def test_a_file_deleted_while_it_is_locked_is_not_what_others_lock(
    slots: Slots, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = fcntl.flock
    deleted: list[Path] = []

    def flock(handle: int, how: int) -> None:
        real(handle, how)
        path = Path(os.readlink(f"/proc/self/fd/{handle}"))
        if path.name == "slot-0" and not deleted:
            deleted.append(path)
            path.unlink()

    monkeypatch.setattr(fcntl, "flock", flock)
    with slots.take() as first, slots.take() as second:
        assert deleted
        assert {first.index, second.index} == {0, 1}
        assert not is_free(slots)


def test_a_folder_deleted_at_any_time_stops_nobody(slots: Slots) -> None:
    with slots.take():
        shutil.rmtree(slots.folder)
        with slots.take(wait=5):
            pass
        shutil.rmtree(slots.folder)
        with slots.take(alone=True, wait=5):
            shutil.rmtree(slots.folder)
    assert is_free(slots, alone=True)


@pytest.mark.parametrize("alone", [True, False])
@pytest.mark.parametrize("what", ["the folder", "a slot"])
def test_what_is_in_the_way_is_said(slots: Slots, what: str, alone: bool) -> None:
    if what == "the folder":
        slots.folder.parent.mkdir(parents=True)
        slots.folder.write_text("a file")
    else:
        with slots.take():
            pass
        path = next(slots.folder.rglob("slot-0"))
        path.unlink()
        path.mkdir()
    with pytest.raises(AiresearchError, match="cannot take a slot") as said:
        is_free(slots, alone=alone)
    assert said.value.mend == f"clear its place: rm -r {slots.folder}"


# The kernel is the referee: a holder also locks a file of its slot, and a room that one who is
# alone shares with nobody.
STRIVE = """
import fcntl, json, os, random, sys, time
from pathlib import Path
from airesearch.agents.executors.slots import Slots
folder, log, seed = sys.argv[1:]
draw = random.Random(int(seed))
slots = Slots(Path(folder), 3)
out = os.open(log, os.O_WRONLY | os.O_APPEND)
def lock(name, how):
    handle = os.open(f"{log}.{name}", os.O_CREAT | os.O_RDWR)
    try: fcntl.flock(handle, how | fcntl.LOCK_NB)
    except BlockingIOError: os.write(out, f"TAKEN {name}\\n".encode())
    return handle
while True:
    alone = draw.random() < 0.2
    with slots.take(alone=alone) as slot:
        room = lock("room", fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        own = lock(slot.index, fcntl.LOCK_EX)
        os.write(out, b"alone\\n" if alone else b"held\\n")
        time.sleep(draw.uniform(0, 0.01))
        os.close(own)
        os.close(room)
"""


def test_never_more_than_there_are_though_holders_are_killed(slots: Slots, tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.touch()
    seeds = iter(range(1000))
    draw = random.Random(0)

    def start() -> subprocess.Popen[bytes]:
        argv = [sys.executable, "-c", STRIVE, str(slots.folder), str(log), str(next(seeds))]
        return subprocess.Popen(argv, stderr=subprocess.PIPE)

    workers = [start() for _ in range(6)]
    try:
        until = time.monotonic() + 6
        while time.monotonic() < until:
            time.sleep(draw.uniform(0.05, 0.3))
            place = draw.randrange(len(workers))
            assert workers[place].poll() is None, workers[place].communicate()[1].decode()
            workers[place].kill()
            workers[place].communicate()
            workers[place] = start()
    finally:
        for one in workers:
            one.kill()
            one.communicate()
    said = log.read_text().splitlines()
    assert set(said) == {"held", "alone"}
    assert is_free(slots, alone=True)
