"""Trials beside each other: one command with several workers, several commands, slots, Ctrl-C."""

import json
import os
import signal
import time
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import psutil
import pytest
import warm
from airesearch.agents.executors.capacity import slots_for
from airesearch.gitlab.lab.lab import open_lab
from airesearch.policies.task.task import parse_task
from bad_labs import left_in_trials
from toys import airesearch, git, toy

SLOW = """\
import os, time
from pathlib import Path
start = time.monotonic()
time.sleep(0.4)
device = os.environ.get("CUDA_VISIBLE_DEVICES", "-")
with open({shared!r}, "a") as file:
    file.write(f"{{start}} {{time.monotonic()}} {{device}}\\n")
open("out.txt", "w").write("{score}")
"""


def lab(folder: Path, turns: int, **task: Any) -> Path:
    """A lab without a sandbox whose trials of 0.4 s write down when they ran."""
    shared = str(folder / "ran.txt")
    scripted = [
        {"subject": f"turn {n}", "write": {"train.py": SLOW.format(shared=shared, score=n)}}
        for n in range(2, turns + 2)
    ]
    return toy(folder / "lab", scripted, sandbox="none", **task)


def ran(folder: Path) -> list[tuple[float, float, str]]:
    """When each trial began and ended, and on which GPU."""
    rows = [line.split() for line in (folder / "ran.txt").read_text().splitlines()]
    return sorted((float(start), float(end), device) for start, end, device in rows)


def most_at_once(folder: Path) -> int:
    """How many trials ran at the same time, at most."""
    times = [(start, 1) for start, _, _ in ran(folder)] + [(end, -1) for _, end, _ in ran(folder)]
    running = most = 0
    for _, change in sorted(times):
        running += change
        most = max(most, running)
    return most


def sound(folder: Path, nodes: int) -> None:
    """Every node is there once, measured and judged, and the record is true."""
    listed = airesearch(folder, "log", "--json").json()
    assert sorted(node["node"] for node in listed) == list(range(nodes))
    assert all(node["verdict"] for node in listed)
    assert left_in_trials(folder) == []
    assert git(folder, "for-each-ref", "refs/airesearch/lease") == ""
    said = airesearch(folder, "verify")
    assert said.code == 0, said.out
    git(folder, "fsck", "--strict")


def workers_of(pid: int) -> list[psutil.Process]:
    """The workers of a running command with three jobs, once they are there: one is ahead."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        found = psutil.Process(pid).children()
        # Before them it starts programs that tell of the machine.
        if len(found) == 4 and all(worker.name().startswith("python") for worker in found):
            return found
        time.sleep(0.02)
    raise AssertionError("it has no workers")


def started(folder: Path, trials: int) -> None:
    """Wait until so many trials have ended."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        if (folder / "ran.txt").exists() and len(ran(folder)) >= trials:
            return
        time.sleep(0.02)
    raise AssertionError("no trial ended")


def gone(processes: list[psutil.Process]) -> bool:
    """Whether all of them end within a minute."""
    return not psutil.wait_procs(processes, timeout=60)[1]


def test_workers_share_a_run(tmp_path: Path) -> None:
    folder = lab(tmp_path, 12)
    said = airesearch(folder, "run", "--trials", "12", "--jobs", "4", "--json")
    assert said.code == 0, said.err
    told = [json.loads(line) for line in said.out.splitlines()]
    assert sorted(step["node"] for step in told) == list(range(1, 13))
    sound(folder, 13)
    assert most_at_once(tmp_path) == 4, "though five are at work"


def test_more_workers_than_work(tmp_path: Path) -> None:
    folder = lab(tmp_path, 2)
    said = airesearch(folder, "run", "--jobs", "5")
    assert said.code == 0, said.err
    sound(folder, 3)
    again = airesearch(folder, "run", "--jobs", "5")
    assert again.code == 3
    assert "turns are played" in again.err


def test_two_commands_go_faster(tmp_path: Path) -> None:
    folder = lab(tmp_path, 20)
    both = [warm.begin(folder, "run", "--jobs", "2") for _ in range(2)]
    assert [command.wait(60) for command in both] == [0, 0]
    sound(folder, 21)
    assert most_at_once(tmp_path) > 2


def test_the_budget_holds_for_all_together(tmp_path: Path) -> None:
    folder = lab(tmp_path, 20, budget={"trials": 8, "trial_seconds": 20, "trial_memory_mb": 300})
    assert airesearch(folder, "run", "--jobs", "6").code in (0, 3)
    sound(folder, 8)


@pytest.mark.parametrize("presses", [1, 2, 5])
def test_interrupted(tmp_path: Path, presses: int) -> None:
    folder = lab(tmp_path, 14)  # more than are played before it is heard
    command = warm.begin(folder, "run", "--jobs", "3", start_new_session=True)
    workers = workers_of(command.pid)
    started(tmp_path, 2)
    for _ in range(presses):
        with suppress(ProcessLookupError):  # it has ended by then
            os.killpg(command.pid, signal.SIGINT)  # as a terminal sends it
        time.sleep(0.02)
    _, err = command.communicate(timeout=30)
    assert command.returncode == 130, (command.returncode, err.decode())
    assert b"Traceback" not in err
    assert gone(workers)
    assert left_in_trials(folder) == []
    recorded = len(git(folder, "log", "--all", "--grep", "^Action: measure", "--format=%h").split())
    assert recorded - 1 <= len(ran(tmp_path)), "and what had ended is recorded"
    assert airesearch(folder, "run", "--jobs", "3").code == 0
    sound(folder, 15)


def test_killed_with_its_workers_left(tmp_path: Path) -> None:
    folder = lab(tmp_path, 8)
    command = warm.begin(folder, "run", "--jobs", "3")
    workers = workers_of(command.pid)
    started(tmp_path, 2)
    command.kill()
    command.wait()
    assert gone(workers)
    assert airesearch(folder, "run", "--jobs", "3").code == 0
    sound(folder, 9)


def test_a_worker_is_killed(tmp_path: Path) -> None:
    folder = lab(tmp_path, 30)
    command = warm.begin(folder, "run", "--jobs", "3")
    workers = workers_of(command.pid)
    started(tmp_path, 2)
    workers[0].kill()
    _, err = command.communicate(timeout=30)
    assert command.returncode == 1
    assert b"a worker was killed" in err
    assert gone(workers)
    assert len(ran(tmp_path)) <= 10, "the others end the step they are at, and take no other"
    assert airesearch(folder, "run", "--jobs", "3").code in (0, 3)
    sound(folder, 31)


def test_trials_take_no_more_than_the_machine_has(tmp_path: Path) -> None:
    cpus = len(os.sched_getaffinity(0))
    folder = lab(tmp_path, 6, resources={"cpus": cpus})
    assert airesearch(folder, "run", "--jobs", "4").code == 0
    sound(folder, 7)
    assert most_at_once(tmp_path) == 1


def test_each_trial_has_a_gpu_to_itself(tmp_path: Path) -> None:
    folder = lab(tmp_path, 8, resources={"gpus": ["3", "GPU-8f6a"]})
    assert airesearch(folder, "run", "--jobs", "4").code == 0
    sound(folder, 9)
    assert most_at_once(tmp_path) <= 2
    for device in ("3", "GPU-8f6a"):
        alone = [(start, end) for start, end, found in ran(tmp_path) if found == device]
        assert alone, f"{device} was never used"
        assert all(end <= start for (_, end), (start, _) in pairwise(alone))


def test_timing_runs_alone(tmp_path: Path) -> None:
    objective = {"metric": "val_error", "goal": "minimize", "timing": True}
    folder = lab(tmp_path, 5, objective=objective)
    assert airesearch(folder, "run", "--jobs", "3").code == 0
    sound(folder, 6)
    assert most_at_once(tmp_path) == 1


def test_memory_bounds_the_slots(tmp_path: Path) -> None:
    folder = lab(tmp_path, 1)
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // (1 << 20)
    text = (folder / "airesearch.yaml").read_text()
    budget = f"budget: {{trial_memory_mb: {total // 2 + 1}}}\nresources: {{cpus: 1}}\n"
    kept = text.split("budget:")[0] + budget + "team:" + text.split("team:")[1]
    slots = slots_for(open_lab(folder), parse_task(kept))
    assert slots is not None
    assert slots.count == 1
