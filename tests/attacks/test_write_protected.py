"""Attacks that would write what is protected: as a proposal, as an agent, as a candidate."""

from pathlib import Path

import pytest
from attacked import MEANS, Report, Scene, held_by, needs_bubblewrap, strike
from toys import git
from writing import CANDIDATES, CHECKOUT, FOLDERS, PROPOSALS

PROTECTED = ("evaluate.py", "airesearch.yaml", "private", "edits.yaml")


@pytest.fixture(scope="module")
def proposals(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    return strike(tmp_path_factory.mktemp("proposals") / "lab", PROPOSALS)


@pytest.fixture(scope="module")
def desks(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    return strike(tmp_path_factory.mktemp("desks") / "lab", FOLDERS, by_folder=True)


@pytest.fixture(scope="module", params=MEANS)
def candidates(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Scene:
    folder = tmp_path_factory.mktemp(request.param)
    variables = held_by(request.param, folder)
    scene = strike(folder / "lab", CANDIDATES, env=lambda _: variables)
    assert scene.sandbox() == request.param
    return scene


def check_what_is_protected(scene: Scene) -> None:
    """No commit of any node changes a protected file, and nothing was planted beside the lab."""
    for path in PROTECTED:
        changed = git(scene.root, "log", "--all", "--format=%h", "--", path).split()
        assert len(changed) == 1, path
    assert {path.name for path in scene.root.parent.iterdir()} <= {"lab", "bin"}
    assert not Path("/etc/airesearch-planted").exists()


@pytest.mark.parametrize("name", PROPOSALS)
def test_proposal_is_refused(proposals: Scene, name: str, stopped: Report) -> None:
    attack = PROPOSALS[name]
    stopped(attack.threat, attack.gate, proposals.check(name).seconds)


def test_refused_proposals_change_nothing(proposals: Scene) -> None:
    check_what_is_protected(proposals)
    proposals.check_the_run_went_on()


@needs_bubblewrap
@pytest.mark.parametrize("name", FOLDERS)
def test_agent_is_refused(desks: Scene, name: str, stopped: Report) -> None:
    attack = FOLDERS[name]
    stopped(attack.threat, attack.gate, desks.check(name).seconds)


@needs_bubblewrap
def test_agents_changed_nothing(desks: Scene) -> None:
    check_what_is_protected(desks)
    desks.check_the_run_went_on()


@needs_bubblewrap
def test_agent_does_not_write_in_the_labs_checkout(tmp_path: Path, stopped: Report) -> None:
    scene = strike(tmp_path / "lab", CHECKOUT, by_folder=True)
    (attack,) = CHECKOUT.values()
    stopped(attack.threat, attack.gate, scene.check(*CHECKOUT).seconds)
    assert git(scene.root, "status", "--porcelain", "--ignored") == ""


@pytest.mark.parametrize("name", CANDIDATES)
def test_candidate_writes_nothing(candidates: Scene, name: str, stopped: Report) -> None:
    attack = CANDIDATES[name]
    stopped(attack.threat, attack.gate, candidates.check(name).seconds)


def test_candidates_changed_nothing(candidates: Scene) -> None:
    check_what_is_protected(candidates)
    candidates.check_the_run_went_on()
