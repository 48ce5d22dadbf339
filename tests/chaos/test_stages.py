"""Killed, or halted for longer than a lease, at each stage of a step that has a name.

One lab is hurt at stage after stage, each time as the last hurt left it. With AIRESEARCH_CHAOS=full
each stage has a lab of its own besides, and workers are halted at all of them, not at a few.
"""

import signal
import time
from pathlib import Path

import pytest
from bad_labs import copied
from chaos_tally import FULL, Tally
from hurt_worker import IN_CALLS, IN_COMMITS, IN_ESTIMATES
from lives import Life
from worn_labs import (
    actions,
    commanded,
    finished,
    noisy,
    not_doubled,
    noted,
    plain,
    trials,
    whole_story,
)

IN_PROGRAMS = {
    "propose: agent running": "agent",
    "measure: trial running": "candidate",
    "measure: evaluator running": "evaluator",
}
IN_STEPS = sorted([*IN_CALLS, *IN_COMMITS, *IN_PROGRAMS])
FEW = [
    "claim: after the lease", "propose: reply kept", "measure: object written",
    "judge: before commit", "promote: object written", "commit: ref locked",
]  # fmt: skip
GAINS = [float(gain) for gain in range(1, 27)]
"""Each node is better than the one before: every step has every stage."""
LEASE = 1
OVER = 2.5
"""Seconds after which a lease of `LEASE` is over."""
pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return commanded(tmp_path_factory.mktemp("stages") / "lab", GAINS)


@pytest.fixture(scope="module")
def undisturbed(lab: Path) -> Path:
    folder = copied(lab, lab.with_name("undisturbed"))
    finished(folder)
    return folder


@pytest.fixture(scope="module")
def noise(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return noisy(tmp_path_factory.mktemp("noise") / "lab")


def begun(lab: Path, to: Path) -> Path:
    """A lab of one's own that has its baseline."""
    folder = copied(lab, to)
    with Life(folder, "step") as life:
        assert life.end() == 0, life.said
    return folder


def killed_in(folder: Path, who: str) -> None:
    """Kill the tree while one of the lab's programs runs."""
    hold = folder.with_name(f"{folder.name}.hold-{who}")
    held = folder.with_name(f"{folder.name}.held")
    hold.touch()
    with Life(folder, "run") as life:
        life.wait_until(held)
        life.kill()
    hold.unlink()
    held.unlink()


def killed_at(folder: Path, stage: str) -> None:
    """Kill a worker at a stage. Fails where it does not come to that."""
    if stage in IN_PROGRAMS:
        killed_in(folder, IN_PROGRAMS[stage])
        return
    with Life(folder, "run", stage=stage, signal=int(signal.SIGKILL)) as life:
        assert life.end() == -signal.SIGKILL, f"{stage} was not reached: {life.said}"


def test_killed_at_each_stage(lab: Path, undisturbed: Path, tmp_path: Path, tally: Tally) -> None:
    folder = begun(lab, tmp_path / "lab")
    for stage in IN_STEPS:
        killed_at(folder, stage)
    finished(folder)
    assert whole_story(folder) == whole_story(undisturbed)
    tally.add(kills=len(IN_STEPS), resumes=len(IN_STEPS), trials=len(trials(folder)))
    tally.tell(f"killed at {len(IN_STEPS)} stages: {', '.join(IN_STEPS)}")


def test_killed_in_estimates(noise: Path, tmp_path: Path, tally: Tally) -> None:
    undisturbed = copied(noise, tmp_path / "undisturbed")
    finished(undisturbed)
    folder = copied(noise, tmp_path / "lab")
    for stage in IN_ESTIMATES:
        killed_at(folder, stage)
    finished(folder)
    assert whole_story(folder) == whole_story(undisturbed)
    tally.add(kills=2, resumes=2, trials=len(trials(folder)))
    tally.tell(f"killed at 2 stages: {', '.join(IN_ESTIMATES)}")


@pytest.mark.skipif(not FULL, reason="with AIRESEARCH_CHAOS=full")
@pytest.mark.parametrize("stage", IN_STEPS)
def test_killed_at_one_stage(
    lab: Path, undisturbed: Path, tmp_path: Path, tally: Tally, stage: str
) -> None:
    folder = begun(lab, tmp_path / "lab")
    for _ in range(3):
        killed_at(folder, stage)
    finished(folder)
    assert whole_story(folder) == whole_story(undisturbed)
    tally.add(kills=3, resumes=3, trials=len(trials(folder)))


@pytest.mark.parametrize("jobs", ["1", "2"] if FULL else ["2"])
def test_halted_for_longer_than_a_lease(tmp_path: Path, tally: Tally, jobs: str) -> None:
    """Others take the work over; who goes on then does no harm, and does something else."""
    stages = sorted({*IN_CALLS, *IN_COMMITS}) if FULL else FEW
    gains = [float(gain) for gain in range(1, 4 * len(stages))]
    folder = begun(commanded(tmp_path / "start", gains), tmp_path / "lab")
    for stage in stages:
        hurts = {"stage": stage, "signal": int(signal.SIGSTOP), "lease": LEASE}
        with Life(folder, "step", **hurts) as halted:
            halted.halted()
            time.sleep(OVER)
            with Life(folder, "run", "--trials", "2", "--jobs", jobs, lease=LEASE) as other:
                assert other.end() in (0, 3), f"beside one halted at {stage}: {other.said}"
            halted.process.send_signal(signal.SIGCONT)
            assert halted.end() in (0, 3), f"halted at {stage}: {halted.said}"
        not_doubled(folder)
    finished(folder)
    asked = noted(folder, "asked")
    assert len(asked) <= len(set(asked)) + len(stages)
    tally.add(halts=len(stages), trials=len(trials(folder)))


def test_a_child_begun_before_its_parent_is_promoted(tmp_path: Path) -> None:
    """Its verdict names the incumbent of then, and `verify` has nothing against that."""
    folder = begun(plain(tmp_path / "start", [2.0, *range(-1, -9, -1)]), tmp_path / "lab")
    with Life(folder, "step", stage="promote: before commit", signal=int(signal.SIGSTOP)) as halted:
        halted.halted()
        with Life(folder, "run", "--trials", "8", explores=True) as other:
            assert other.end() == 0, other.said
        halted.process.send_signal(signal.SIGCONT)
        assert halted.end() == 0, halted.said
    said = actions(folder)
    assert [a["Node"] for a in said if a["Action"] == "promote"] == ["1", "0"]
    grown = {a["Node"] for a in said if a["Action"] == "propose" and a["Parent-Node"] == "1"}
    assert any(a["Incumbent"] == "0" for a in said if a["Node"] in grown), "none is such a child"
    finished(folder)


def test_a_lock_that_was_left_at_the_ref_of_the_checkout(tmp_path: Path) -> None:
    """By one that was killed as it noted which commit's files the checkout has."""
    folder = plain(tmp_path / "lab", [1.0])
    lock = folder / ".git" / "refs" / "worktree" / "airesearch-behind.lock"
    lock.parent.mkdir(parents=True)
    lock.touch()
    with Life(folder, "step", waits=0.5) as life:  # its ten seconds are in test_ref_file
        assert life.end() == 0, life.said
    assert not lock.exists()
    finished(folder)
