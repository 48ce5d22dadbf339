"""Workers beside each other in one command: forks that each take steps on the same lab.

They share nothing but the repository, like workers on other machines do, and a turnstile: there is
one worker in four more than trials may run at a time, so that the next one is proposed already when
a trial ends, however long its agent thinks. This process gives out steps and hears what came of
them; it does none itself, so that it holds no lease and no slot.
"""

import gc
import math
import multiprocessing
import os
import pickle
import signal
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from types import FrameType
from typing import Any

from ..gitlab.errors import AiresearchError, NothingToDo
from .campaign import Campaign
from .executors.local.process import end_with_parent
from .loop import Step, run

_TRIALS_A_SPARE_WORKER = 4
Show = Callable[[Campaign, Step], Any]
"""What is told of a step; it is made where the step was taken, and must pickle."""
_Steps = Callable[[], Iterator[Any]]
"""Takes one step after the other, and tells of each."""


def run_beside(
    campaign: Campaign,
    jobs: int,
    trials: int | None,
    hours: float | None,
    show: Show,
    tell: Callable[[str], object] = str,
) -> Iterator[Any]:
    """What `show` says of each step, as they end, until the budget does; `jobs` trials at a time.

    `tell` is called in a worker with what a person should know at once.
    Raises NothingToDo where there was no step to take, and what a worker raised; the others finish
    the step they are at first.
    """
    end = None if hours is None else time.monotonic() + hours * 3600
    pool = _WorkerPool(
        campaign,
        jobs,
        lambda: (show(campaign, done) for done in run(campaign, None, hours, tell)),
    )
    given = done = 0
    try:
        while True:
            may_start = pool.fault is None and (end is None or time.monotonic() < end)
            while may_start and pool.idle and (trials is None or given < trials):
                pool.dispatch(None if trials is None else trials - given)
                given += 1
            if not pool.busy:
                break
            for shown in pool.receive():
                done += 1
                yield shown
    finally:
        pool.close()
    if pool.fault is not None:
        raise pool.fault
    if not done and pool.nothing:
        raise NothingToDo(pool.nothing)


class _WorkerPool:
    """The workers of one command, each idle, busy or gone."""

    def __init__(self, campaign: Campaign, jobs: int, steps: _Steps) -> None:
        context = multiprocessing.get_context("fork")
        assert campaign.places is not None, "workers share the places for trials"
        self._places = campaign.places
        self.idle: list[Connection] = []
        self.busy: list[Connection] = []
        self.fault: Exception | None = None
        self.nothing = ""
        self._processes: list[BaseProcess] = []
        mine: list[Connection] = []
        # What is known by now is known to all, and stays in memory that all share.
        campaign.get_ready()
        gc.freeze()
        for _ in range(jobs + math.ceil(jobs / _TRIALS_A_SPARE_WORKER)):
            ours, theirs = context.Pipe()
            mine.append(ours)
            process = context.Process(target=_work, args=(theirs, tuple(mine), campaign, steps))
            process.start()
            theirs.close()
            self._processes.append(process)
            self.idle.append(ours)

    def dispatch(self, left: int | None) -> None:
        """Tell an idle worker to take a step, of so many that are left."""
        worker = self.idle.pop()
        with suppress(BrokenPipeError):  # its end is heard of below
            worker.send(left)
        self.busy.append(worker)

    def receive(self) -> Iterator[Any]:
        """Wait for workers, and say what they did."""
        for ready in wait(self.busy):
            assert isinstance(ready, Connection), "workers are heard through pipes"
            self.busy.remove(ready)
            try:
                kind, told = ready.recv()
            except (EOFError, OSError):
                self._places.open(1)  # its place, if it had one
                kind, told = "fault", AiresearchError("a worker was killed", "run it again")
            if kind == "step":
                self.idle.append(ready)
                yield told
                continue
            ready.close()
            if kind == "nothing":
                self.nothing = self.nothing or told
            else:
                self.fault = self.fault or told
            self._dismiss()

    def _dismiss(self) -> None:
        """Nobody who is idle now takes another step."""
        for worker in self.idle:
            worker.close()
        self.idle.clear()

    def close(self) -> None:
        """Let the workers finish their steps, or end them where this one is interrupted.

        They hear of each further Ctrl-C as well; this one waits for them whatever comes.
        """
        pressed = bool(self.busy)

        def on_sigint(number: int, frame: FrameType | None) -> None:
            nonlocal pressed
            pressed = True
            self._interrupt()

        before = signal.signal(signal.SIGINT, on_sigint)
        self._dismiss()
        if pressed:
            self._interrupt()
        for process in self._processes:
            process.join()
        self._places.close()
        signal.signal(signal.SIGINT, before)
        if pressed:
            raise KeyboardInterrupt

    def _interrupt(self) -> None:
        for process in self._processes:
            if process.pid is not None:
                with suppress(ProcessLookupError):
                    os.kill(process.pid, signal.SIGINT)


def _work(
    boss: Connection, others: tuple[Connection, ...], campaign: Campaign, steps: _Steps
) -> None:
    """A worker's life: a step for each word from the boss, until it says no more."""
    # Ctrl-C on a terminal goes to all that share it; the boss decides what workers hear of it.
    os.setsid()
    end_with_parent()
    for other in others:
        other.close()  # a pipe of the boss that we hold too would never end
    with suppress(KeyboardInterrupt):
        with suppress(BrokenPipeError, EOFError, KeyboardInterrupt):
            boss.send(_take(boss, campaign, steps))
        _ignore_sigint()
    _ignore_sigint()  # where one more came in between


def _ignore_sigint() -> None:
    """All is done and said: no further Ctrl-C is to show as a traceback."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _take(boss: Connection, campaign: Campaign, steps: _Steps) -> tuple[str, Any]:
    """Take steps and tell of them; the last word."""
    try:
        campaign.left = boss.recv()
        for shown in steps():
            boss.send(("step", shown))
            campaign.left = boss.recv()
    except NothingToDo as nothing:
        return "nothing", str(nothing)
    except AiresearchError as error:
        return "fault", error
    except (EOFError, BrokenPipeError, KeyboardInterrupt):
        raise
    except Exception as error:  # told where the boundary is: a bug has its traceback
        return "fault", _with_traceback(error)
    return "nothing", ""


def _with_traceback(error: Exception) -> Exception:
    """The same with our traceback as a note; in other words where it cannot be sent."""
    text = traceback.format_exc()
    told: Exception = error
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # whatever its class does when it is made again
        told = RuntimeError(f"{type(error).__name__}: {error}")
    told.add_note(text)
    return told
