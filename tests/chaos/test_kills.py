"""Killed at random instants and started again, to the end: nothing lost, nothing doubled.

18 kills, under a minute; with AIRESEARCH_CHAOS=full 312. What must be equal to a run that nobody
disturbed: with one worker all that was done and said, but for times. With three, what `same_trials`
says: the order is theirs, and how many replicates a node gets depends on the incumbent it meets.
"""

from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from bad_labs import copied
from chaos_tally import FULL, Tally
from lives import Kills
from worn_labs import (
    commanded,
    finished,
    noisy,
    noted,
    plain,
    same_trials,
    trials,
    whole_story,
)

KINDS: dict[str, Callable[[Path], Path]] = {"plain": plain, "noisy": noisy, "command": commanded}
KILLS = 52 if FULL else 3
pytestmark = pytest.mark.timeout(1200)


@pytest.fixture(scope="module", params=KINDS)
def lab(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lab nobody has run yet."""
    return KINDS[request.param](tmp_path_factory.mktemp(request.param) / "lab")


@pytest.fixture(scope="module")
def undisturbed(lab: Path) -> Path:
    folder = copied(lab, lab.with_name("undisturbed"))
    finished(folder)
    assert len(noted(folder, "ran")) == len(trials(folder))
    return folder


@pytest.mark.parametrize("jobs", [1, 3])
def test_killed_at_random_instants(
    lab: Path, undisturbed: Path, tmp_path: Path, rng: Random, tally: Tally, jobs: int
) -> None:
    worn = Kills(rng)
    labs = done = 0
    while worn.kills < KILLS:
        labs += 1
        folder = copied(lab, tmp_path / f"lab{labs}")
        worn.wear(folder, jobs, KILLS - worn.kills)
        finished(folder, "--jobs", str(jobs))
        same_trials(folder, undisturbed)
        if jobs == 1:
            assert whole_story(folder) == whole_story(undisturbed)
        asked = noted(folder, "asked")
        assert len(asked) <= len(set(asked)) + worn.kills
        done += len(trials(folder))
    tally.add(kills=worn.kills, resumes=worn.lives - labs, trials=done)
