"""Sixteen workers on one lab whose trials do next to nothing: 100 steps; in full, 2,000."""

import os
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from chaos_tally import FULL, Tally
from lives import Life
from toys import TASK, repository, toy_files
from worn_labs import sound, trials

STEPS, WORKERS = 2000 if FULL else 100, 16
pytestmark = pytest.mark.timeout(1800)


def lab(folder: Path) -> Path:
    """A lab whose trials are a shell's one command, each another candidate."""
    turns = [
        {"subject": f"turn {n}", "write": {"train.py": f"echo score {1 + n % 7}.{n}\n"}}
        for n in range(1, STEPS + 1)
    ]
    task: dict[str, Any] = {
        "objective": {**TASK["objective"], "pattern": "score ([0-9.]+)"},
        "candidate": "sh train.py",
        "sandbox": "none",
        "outputs": [],
    }
    files = toy_files(turns, **task)
    whole_task = files["airesearch.yaml"]
    files["airesearch.yaml"] = whole_task.replace("evaluate: python evaluate.py\n", "")
    return repository(folder, {**files, "train.py": "echo score 9.0\n"})


@pytest.mark.parametrize("commands", [1, WORKERS])
def test_sixteen_workers(tmp_path: Path, tally: Tally, commands: int) -> None:
    folder = lab(tmp_path / "lab")
    words = ["run", "--jobs", str(WORKERS // commands)]
    began = time.monotonic()
    with ExitStack() as stack:
        lives = [stack.enter_context(Life(folder, *words)) for _ in range(commands)]
        for life in lives:
            assert life.end(1500) in (0, 3), life.said
    seconds = time.monotonic() - began
    assert {trial.node for trial in trials(folder)} == set(range(STEPS + 1)), "a node was lost"
    assert {trial.status for trial in trials(folder)} == {"ok"}
    sound(folder)
    rate, cpus = (STEPS + 1) / seconds, len(os.sched_getaffinity(0))
    tally.tell(f"{commands} commands of {WORKERS // commands} workers: {STEPS + 1} steps in "
               f"{seconds:.1f} s, {rate:.1f} a second on {cpus} CPUs")  # fmt: skip
    tally.add(trials=STEPS + 1)
