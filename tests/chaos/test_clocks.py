"""Clocks that are set back or forth by an hour: no wait of an hour, no work done twice."""

import signal
from pathlib import Path
from random import Random

import pytest
from bad_labs import copied
from chaos_tally import FULL, Tally
from lives import Kills, Life
from worn_labs import finished, noted, plain, same_trials, trials, whole_story

HOUR = 3600
pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return plain(tmp_path_factory.mktemp("clocks") / "lab")


@pytest.fixture(scope="module")
def undisturbed(lab: Path) -> Path:
    folder = copied(lab, lab.with_name("undisturbed"))
    finished(folder)
    return folder


def test_killed_while_the_clock_jumps(
    lab: Path, undisturbed: Path, tmp_path: Path, rng: Random, tally: Tally
) -> None:
    folder = copied(lab, tmp_path / "lab")
    worn = Kills(rng, lambda: {"clock": rng.choice([-HOUR, 0, HOUR])})
    worn.wear(folder, 1, 40 if FULL else 4)
    finished(folder)
    assert whole_story(folder) == whole_story(undisturbed)
    tally.add(kills=worn.kills, resumes=worn.lives - 1, trials=len(trials(folder)))


def test_a_halted_worker_s_lease_from_before_the_clock_was_set_back(
    lab: Path, undisturbed: Path, tmp_path: Path
) -> None:
    """Its deadline is an hour away by now; nobody waits for that."""
    folder = copied(lab, tmp_path / "lab")
    hurts = {"stage": "measure: before commit", "signal": int(signal.SIGSTOP)}
    with Life(folder, "step", **hurts) as halted:
        halted.halted()
        with Life(folder, "run", clock=-HOUR) as other:
            assert other.end() == 0, other.said
        halted.process.send_signal(signal.SIGCONT)
        assert halted.end() in (0, 3), halted.said
    finished(folder)
    assert whole_story(folder) == whole_story(undisturbed)


@pytest.mark.parametrize("off", [-HOUR, HOUR])
def test_two_at_once_whose_clocks_differ(
    lab: Path, undisturbed: Path, tmp_path: Path, off: int
) -> None:
    folder = copied(lab, tmp_path / "lab")
    with Life(folder, "run", "-j2") as one, Life(folder, "run", "-j2", clock=off) as two:
        assert one.end() in (0, 3), one.said
        assert two.end() in (0, 3), two.said
    finished(folder)
    same_trials(folder, undisturbed)
    assert len(noted(folder, "ran")) == len(trials(folder)), "a trial was run twice"
