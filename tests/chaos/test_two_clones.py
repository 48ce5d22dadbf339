"""Two machines: clones of a shared lab whose runs publish, each killed again and again."""

from pathlib import Path
from random import Random

import pytest
from bad_labs import whole
from chaos_tally import FULL, Tally
from lives import Kills, Life
from remotes import served
from toys import airesearch, git
from worn_labs import finished, not_doubled, plain, same_trials, trials

LEASE = 2
pytestmark = pytest.mark.timeout(900)


def test_two_clones_that_are_killed(tmp_path: Path, rng: Random, tally: Tally) -> None:
    """Every life is short; what one clone published goes on in the other."""
    plain(tmp_path / "start")
    git(tmp_path, "clone", "-q", "--bare", "start", "lab.git")
    undisturbed = tmp_path / "undisturbed"
    git(tmp_path, "clone", "-q", "start", "undisturbed")
    finished(undisturbed)
    with served(tmp_path) as daemon:
        clones = [tmp_path / "one", tmp_path / "two"]
        for clone in clones:
            git(tmp_path, "clone", "-q", daemon.url("lab.git"), clone.name)
        kills = 0
        for turn in range(40 if FULL else 3):
            with (
                Life(clones[turn % 2], "run", "--publish", lease=LEASE) as killed,
                Life(clones[1 - turn % 2], "step", "--publish", lease=LEASE) as other,
            ):
                kills += Kills(rng).at_random(clones[turn % 2], killed)
                assert other.end() in (0, 3), other.said
        with Life(clones[0], "run", "--publish", lease=LEASE) as last:
            assert last.end(300) in (0, 3), last.said
        git(tmp_path, "clone", "-q", daemon.url("lab.git"), "fresh")
        fresh = tmp_path / "fresh"
        git(fresh, "fetch", "-q", "origin", "+refs/heads/node/*:refs/heads/node/*")
        not_doubled(fresh)
        same_trials(fresh, undisturbed)
        whole(tmp_path / "lab.git")
        said = airesearch(fresh, "verify")
        assert said.code == 0, said.out + said.err
        tally.add(kills=kills, trials=len(trials(fresh)))
