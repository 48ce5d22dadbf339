"""What `verify` names, the push of a shared lab refuses, and says the same of the same commit."""

import shutil
from collections.abc import Callable
from pathlib import Path

import forgeries
import merge_forgeries
import noise_forgeries
import plan_forgeries
import push_on_nodes
import push_on_trunk
import pytest
import rules_forgeries
from agreeing import compare
from airesearch.agents.audit.push.push import push_faults
from airesearch.agents.audit.push.rights import Rights
from airesearch.gitlab.hooks.push_view import Update
from airesearch.gitlab.lab.lab import open_lab
from airesearch.gitlab.record.text import one_line
from airesearch.gitlab.record.unicode import escaped
from forging import Forger, audited
from labs_to_verify import healthy
from pushes import World, new_world
from toys import TRAIN, airesearch, code, git, lr, toy


def twins(folder: Path) -> Path:
    """Node 1 is node 0 with a comment, node 3 is node 2."""
    toy(folder, [code(TRAIN + "# the same\n"), lr(0.3), lr(0.3)])
    assert airesearch(folder, "run").code == 0
    return folder


def counted(folder: Path) -> Path:
    """A lab whose task counts lines, comments too."""
    gate = [{"metric": "code_lines", "max": 50}]
    toy(folder, [code(TRAIN + "# a line\n")], constraints=gate)
    assert airesearch(folder, "run").code == 0
    return folder


LABS: dict[Callable[[Path], Path], dict[str, tuple[forgeries.Forgery, str]]] = {
    healthy: forgeries.FORGERIES,
    twins: forgeries.TWINS,
    counted: {"a duplicate by program where lines count": forgeries.COUNTED},
    noise_forgeries.contested: noise_forgeries.FORGERIES,
    merge_forgeries.merged: merge_forgeries.FORGERIES,
    rules_forgeries.ruled: rules_forgeries.FORGERIES,
    plan_forgeries.planned: plan_forgeries.FORGERIES,
}
ATTACKS = push_on_nodes.ATTACKS | push_on_trunk.ATTACKS


@pytest.fixture(scope="module")
def labs(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Callable[[Path], Path]], Path]:
    """Each lab, made when it is first asked for."""
    made: dict[object, Path] = {}

    def get(make: Callable[[Path], Path]) -> Path:
        if make not in made:
            made[make] = make(tmp_path_factory.mktemp("forged") / "lab")
        return made[make]

    return get


def push_of_all(folder: Path) -> list[str]:
    """What a guarded lab that is empty says to a push of every branch, without the refs' names."""
    refs = [line.split() for line in git(folder, "for-each-ref", "refs/heads").splitlines()]
    updates = tuple(Update(None, oid, ref) for oid, _, ref in refs)
    said = push_faults(open_lab(folder), updates, Rights("", None, people=True))
    return [one_line(reason.partition(" ")[2]) for reason in said]


@pytest.mark.parametrize("make", LABS)
def test_the_labs_forged_from_are_true_at_both(
    make: Callable[[Path], Path], labs: Callable[[Callable[[Path], Path]], Path], tmp_path: Path
) -> None:
    folder = Forger(labs(make), tmp_path / "lab").folder
    assert audited(folder).violations == []
    assert push_of_all(folder) == []


@pytest.mark.parametrize(("make", "name"), [(make, name) for make in LABS for name in LABS[make]])
def test_a_forgery_is_named_at_both_by_its_commit(
    make: Callable[[Path], Path],
    name: str,
    labs: Callable[[Callable[[Path], Path]], Path],
    tmp_path: Path,
) -> None:
    forger = Forger(labs(make), tmp_path / "lab")
    forge, said = LABS[make][name]
    commit = forge(forger)
    named = [(one.commit, one.what) for one in audited(forger.folder).violations]
    told = [what for one, what in named if one == commit]
    assert any(word in what for what in told for word in said.split("|")), (commit, named)
    compare(named, push_of_all(forger.folder))


@pytest.mark.parametrize("seconds", [-250, 250])
def test_clocks_that_differ_by_minutes_make_nothing_false(
    seconds: int, labs: Callable[[Callable[[Path], Path]], Path], tmp_path: Path
) -> None:
    forger = Forger(labs(noise_forgeries.contested), tmp_path / "lab")
    node = noise_forgeries.LOSER
    forger.forge(
        node, dict.fromkeys(range(len(forger.steps(node))), lambda raw: raw.later(seconds))
    )
    assert audited(forger.folder).violations == []
    assert push_of_all(forger.folder) == []


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """One pair of labs for all: what is refused changes nothing."""
    return new_world(tmp_path_factory.mktemp("world"))


@pytest.mark.parametrize("name", ATTACKS)
def test_a_dishonest_push_is_refused_and_would_be_found(
    name: str, world: World, tmp_path: Path
) -> None:
    attack = ATTACKS[name]
    before = world.shared_refs()
    words = attack.words(world)
    done = world.push(*words)
    assert attack.reason in done.stderr
    assert "pre-receive hook declined" in done.stderr
    assert "Traceback" not in done.stderr
    assert world.shared_refs() == before
    if attack.only_here:
        return
    copy = Path(shutil.copytree(world.shared, tmp_path / "copy.git", symlinks=True))
    (copy / "objects" / "info" / "alternates").write_text(f"{world.lab}/.git/objects\n")
    for word in words:
        tip, _, ref = word.lstrip("+").partition(":")
        git(copy, "update-ref", ref or f"refs/heads/{tip}", world.at(tip))
    old = git(world.shared, "rev-list", "--all").split()
    named = [(one.commit, one.what) for one in audited(copy).violations if one.commit not in old]
    assert any(attack.reason in what for _, what in named)
    named = [(commit, escaped(what)) for commit, what in named]  # as a terminal is told
    said = [line.removeprefix("remote:").strip() for line in done.stderr.splitlines()]
    compare(named, [line.partition(" ")[2] for line in said if line.startswith("refs/")])


def test_what_is_gone_only_verify_can_find(
    labs: Callable[[Callable[[Path], Path]], Path], tmp_path: Path
) -> None:
    """Git itself takes no push whose objects are not all there, or not what they are called."""
    forger = Forger(labs(healthy), tmp_path / "lab")
    commit = forgeries.missing_object(forger)
    named = [one.what for one in audited(forger.folder).violations if one.commit == commit]
    assert any("is missing" in what for what in named)
