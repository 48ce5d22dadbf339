"""The lives of a command that is killed and started again; all it starts is in its own sessions."""

import json
import signal
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import psutil
import warm
from worn_labs import below, noted, trials

PATIENCE = 60.0


class Life:
    """One run of the command line in a lab, from its start to its end or a kill."""

    def __init__(self, folder: Path, *words: str, **hurts: Any) -> None:
        worker = (str(Path(__file__).with_name("hurt_worker.py")), json.dumps(hurts))
        self._err = folder.with_name(f"{folder.name}.{time.monotonic_ns()}.err")
        with self._err.open("wb") as err:
            self.process = warm.begin(
                folder, *(worker if hurts else ()), *words, err=err, start_new_session=True
            )

    def __enter__(self) -> "Life":
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    @property
    def tree(self) -> list[psutil.Process]:
        """The command and all that descends from it, the command first."""
        try:
            boss = psutil.Process(self.process.pid)
            return [boss, *boss.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def send(self, number: signal.Signals, to: list[psutil.Process]) -> None:
        """Send a signal to some of the tree."""
        for process in to:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(number)

    def kill(self) -> None:
        """Kill the whole tree, as a machine that loses power would."""
        while self.process.poll() is None or self.tree[1:]:
            tree = self.tree
            self.send(signal.SIGKILL, tree)
            psutil.wait_procs(tree[1:], timeout=PATIENCE)
            self.process.wait(PATIENCE)

    def end(self, patience: float = PATIENCE) -> int:
        """Wait for its end; the exit code. Fails where it ended with a traceback."""
        code = self.process.wait(patience)
        assert "Traceback" not in self.said, self.said
        return code

    def wait_until(self, what: Path) -> None:
        """Wait until a file is there."""
        until = time.monotonic() + PATIENCE
        while not what.exists():
            assert self.process.poll() is None, f"it ended before: {self.said}"
            assert time.monotonic() < until, f"{what} never came"
            time.sleep(0.005)

    def halted(self) -> "Life":
        """Wait until it has halted itself; the same."""
        until = time.monotonic() + PATIENCE
        while not self._is_halted():
            assert self.process.poll() is None, f"it ended before: {self.said}"
            assert time.monotonic() < until, "it was never halted"
            time.sleep(0.005)
        return self

    def _is_halted(self) -> bool:
        with suppress(psutil.NoSuchProcess):
            return psutil.Process(self.process.pid).status() == psutil.STATUS_STOPPED
        return False

    @property
    def said(self) -> str:
        """Its errors so far."""
        return self._err.read_text(errors="replace")


class Kills:
    """Kills a command at random instants of its lives, until it comes to its end."""

    def __init__(self, rng: Random, hurts: Callable[[], dict[str, Any]] = dict) -> None:
        self._rng = rng
        self._hurts = hurts
        """What each life is hurt by besides."""
        self.kills = self.lives = 0

    def wear(self, folder: Path, jobs: int, most: int) -> None:
        """At most so many kills on this lab; fewer where it comes to its end before."""
        while most and not self._one_life(folder, jobs):
            most -= 1

    def at_random(self, folder: Path, life: Life) -> bool:
        """Kill the whole tree at a random instant; whether it had not come to its end before."""
        self._wait(folder, life)
        was_alive = life.process.poll() is None
        life.kill()
        return was_alive

    def _one_life(self, folder: Path, jobs: int) -> bool:
        """Whether the command came to its end."""
        escaped = bool(below(folder))
        settled = {(trial.node, trial.seed) for trial in trials(folder)}
        before = {kind: len(noted(folder, kind)) for kind in ("ran", "asked")}
        self.lives += 1
        is_whole = True
        with Life(folder, "run", "--jobs", str(jobs), **self._hurts()) as life:
            self._wait(folder, life)
            if life.process.poll() is None:
                is_whole = self._kill(life, jobs)
        assert "Traceback" not in life.said, life.said
        ran = noted(folder, "ran")[before["ran"] :]
        asked = noted(folder, "asked")[before["asked"] :]
        most = Counter((*ran, *asked)).most_common(1)
        # Two, where a worker lived on and took over from a killed one; or where a program of the
        # life before had lost its parent before it could ask to die with it, and was late.
        assert not most or most[0][1] <= 1 + (escaped or not is_whole), f"paid twice: {most}"
        again = [line for line in ran if _key(line) in settled]
        assert not again, f"run though its record was there: {again}"
        if life.process.returncode in (0, 3):
            return True
        assert life.process.returncode in (-signal.SIGKILL, 1), life.said
        if life.process.returncode == 1:
            assert "a worker was killed" in life.said
        self.kills += 1
        return False

    def _wait(self, folder: Path, life: Life) -> None:
        """Until a random instant: at times while it starts up, else once it is at work."""
        hand = folder / ".git" / "airesearch" / "clock"
        if self._rng.random() < 0.15:
            time.sleep(self._rng.uniform(0, 0.5))
            return
        began = hand.stat().st_mtime_ns if hand.exists() else 0
        until = time.monotonic() + PATIENCE
        while not hand.exists() or hand.stat().st_mtime_ns == began:
            if life.process.poll() is not None:
                return
            assert time.monotonic() < until, "it never began"
            time.sleep(0.005)
        time.sleep(self._rng.uniform(0, 0.4))

    def _kill(self, life: Life, jobs: int) -> bool:
        """The whole tree; or the command alone, whose workers are then on their own; or one.

        Whether it was all of them.
        """
        whom = self._rng.choice(["tree", "tree", "command", "worker"])
        workers = life.tree[1:]
        if whom == "command":
            self._kill_alone(life)
        elif whom == "worker" and jobs > 1 and workers:
            own = [one for one in workers if one.is_running() and _parent(one) == life.process.pid]
            life.send(signal.SIGKILL, self._rng.sample(own, min(1, len(own))))
            life.process.wait(PATIENCE)
        else:
            life.kill()
        return jobs == 1 or whom == "tree"

    def _kill_alone(self, life: Life) -> None:
        workers = life.tree[1:]
        life.process.kill()
        life.process.wait(PATIENCE)
        # They are told by the kernel, and end what they are at.
        assert not psutil.wait_procs(workers, timeout=PATIENCE)[1]


def _parent(process: psutil.Process) -> int:
    with suppress(psutil.NoSuchProcess):
        return process.ppid()
    return 0


def _key(line: str) -> tuple[int, str]:
    tag, seed = line.split()
    return int(tag), seed
