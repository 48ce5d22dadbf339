"""The shared lab takes honest pushes whole, and refuses any other with its reason."""

from pathlib import Path

import pytest
from airesearch.gitlab.errors import Denied
from airesearch.gitlab.lab.lab import open_lab
from airesearch.gitlab.store.change import Change, Decision
from forgeries import kept_by_invention
from forging import Forger, audited
from labs_to_verify import healthy
from merge_forgeries import merged, parents_of_a_merge, propose_merge
from push_on_nodes import N4, as_node, edited
from pushes import World, run, shared_lab
from toys import airesearch, git, lr, toy


def test_honest_nodes_and_trunk_pass_in_one_push(world: World) -> None:
    done = world.push(N4, "main")
    assert done.returncode == 0, done.stderr
    assert git(world.shared, "rev-parse", "main").strip() == world.at("main")


def test_a_node_may_come_in_pieces(world: World) -> None:
    for tip in (f"{N4}~2", f"{N4}~1", N4, "main:refs/heads/main"):
        words = as_node(world, tip) if ":" not in tip else [tip]
        done = world.push(*words)
        assert done.returncode == 0, done.stderr


def test_a_second_proposal_under_one_number_is_refused(world: World) -> None:
    tip = world.forge(f"{N4}~2", N4, tree=f"{N4}^{{tree}}")
    assert "is not on the branch of its Parent-Node 3" in world.push(*as_node(world, tip)).stderr
    assert world.push(N4).returncode == 0
    assert "node/000004 is rewritten" in world.push(*as_node(world, tip)).stderr


def test_one_falsehood_refuses_the_whole_push_and_leaves_no_object(world: World) -> None:
    before = world.shared_refs()
    done = world.push(N4, "main", "main:refs/airesearch/x")
    assert done.returncode != 0
    assert world.shared_refs() == before
    assert world.at("main") not in git(world.shared, "cat-file", "--batch-all-objects",
                                       "--batch-check")  # fmt: skip


def test_every_reason_is_named(world: World) -> None:
    done = world.push(":refs/heads/node/000001", "+node/000002^:refs/heads/node/000002")
    assert "node/000001 is deleted" in done.stderr
    assert "node/000002 is rewritten" in done.stderr
    done = world.push(*edited(world, 0, "Action: judge", "Action: dance"), "main")
    assert "not a record" in done.stderr
    assert "it claims to be judge's judge, on no node's branch" in done.stderr


def test_two_workers_share_one_lab(world: World) -> None:
    second = world.lab.parent / "second"
    git(world.lab.parent, "clone", "-q", str(world.shared), str(second))
    with (second / "README").open("w") as file:
        file.write("a person's note\n")
    git(second, "add", "README")
    git(second, "commit", "-qm", "A note")
    run(second, 1)
    git(second, "push", "-q", "origin", "main", "node/000004")
    done = world.push(f"+{N4}", "+main")
    assert "node/000004 is rewritten" in done.stderr
    assert "main is rewritten" in done.stderr


def test_people_are_free_on_branches_and_tags_of_their_own(world: World) -> None:
    idea = world.forge("main~4", "main^", message="An idea\n", files={"x": "1\n"})
    other = world.forge("main~4", "main^", message="Another\n", files={"x": "2\n"})
    assert world.push(f"{idea}:refs/heads/idea", f"{idea}:refs/tags/v1").returncode == 0
    assert world.push(f"+{other}:refs/heads/idea").returncode == 0
    assert world.push(":refs/heads/idea").returncode == 0
    assert "tags stay as they are" in world.push(f"+{other}:refs/tags/v1").stderr


def test_a_person_may_merge_a_branch_with_a_latin_1_message(world: World) -> None:
    git(world.lab, "switch", "-q", "-c", "side", "main^")
    git(world.lab, "-c", "i18n.commitEncoding=latin1", "commit", "-q", "--allow-empty",
        "-m", "Grüße")  # fmt: skip
    tip = world.forge("main~4", "main^", "side", tree="main^^{tree}", message="Merge side\n")
    done = world.push(f"{tip}:refs/heads/main")
    assert done.returncode == 0, done.stderr


def test_no_people(world: World) -> None:
    git(world.shared, "config", "airesearch.people", "none")
    tip = world.forge("main~4", "main^", message="Mine\n")
    assert "people push no commits here" in world.push(f"{tip}:refs/heads/main").stderr
    assert "people push nothing here" in world.push(f"{tip}:refs/heads/idea").stderr
    assert world.push(N4, "main").returncode == 0


def test_pushers_bring_their_own_agents_only(world: World) -> None:
    git(world.shared, "config", "--add", "airesearch.pusher", "alice: tuner, claude")
    git(world.shared, "config", "--add", "airesearch.pusher", "bob: scripted")
    said = world.push(N4, AIRESEARCH_PUSHER="alice").stderr
    assert "alice may not push commits of scripted" in said
    assert "commits of runner" not in said
    assert "eve may not push commits of judge" in world.push(N4, GIT_PUSHER="eve").stderr
    done = world.push(N4, "main", REMOTE_USER="bob")
    assert done.returncode == 0, done.stderr


def test_a_lab_is_shared_by_its_first_push(world: World, tmp_path: Path) -> None:
    fresh = World(world.lab, shared_lab(tmp_path / "fresh.git"))
    git(fresh.shared, "config", "receive.unpackLimit", "1")  # the quarantine holds a pack then
    done = fresh.push("--all")
    assert done.returncode == 0, done.stderr
    assert "was not judged keep" not in done.stderr
    assert airesearch(fresh.shared, "status").code == 0


def test_refused_and_failed_proposals_are_part_of_the_record(tmp_path: Path) -> None:
    turns = [{"subject": "cheat", "write": {"evaluate.py": "print()\n"}}, {"subject": "broken"}]
    lab = toy(tmp_path / "lab", turns)
    run(lab, 2)
    done = World(lab, shared_lab(tmp_path / "s.git")).push("--all")
    assert done.returncode == 0, done.stderr


def test_a_verdict_nobody_reached_is_stopped_at_the_hook(tmp_path: Path) -> None:
    """A discarded node that says it was kept, merged into trunk: with every right there is."""
    forger = Forger(healthy(tmp_path / "lab"), tmp_path / "forged")
    commit = kept_by_invention(forger)
    shared = shared_lab(tmp_path / "s.git")
    done = World(forger.folder, shared).push("--all")
    what = "its Verdict is keep, and the trials give discard"
    assert f"refs/heads/node/000013 {commit[:10]}: {what}" in done.stderr
    assert World(forger.folder, shared).shared_refs() == ""


def test_a_merge_of_two_nodes_passes(tmp_path: Path) -> None:
    lab = merged(tmp_path / "lab")
    done = World(lab, shared_lab(tmp_path / "s.git")).push("--all")
    assert done.returncode == 0, done.stderr


def test_the_writer_compares_a_merge_with_its_first_parent_too(tmp_path: Path) -> None:
    lab = open_lab(parents_of_a_merge(tmp_path / "lab"))
    asked: list[tuple[str, ...]] = []

    def check(change: Change) -> Decision:
        asked.append(tuple(path.path for path in change.paths))
        return Decision(("no",))

    with pytest.raises(Denied):
        propose_merge(lab, check)
    assert asked == [("lib/merged.py",)]


def test_a_gap_is_refused_unless_somebody_is_at_the_missing_node(tmp_path: Path) -> None:
    turns = [{"subject": "cheat", "write": {"evaluate.py": "print()\n"}}, lr(0.2)]
    fresh = World(toy(tmp_path / "lab", turns), shared_lab(tmp_path / "fresh.git"))
    run(fresh.lab, 2)
    others = ("node/000000", "node/000002", "main")
    gap = "node/000002 would leave a gap: node 1 is not here, nor a lease on it"
    assert gap in fresh.push(*others).stderr
    lease = "refs/airesearch/lease/000001"
    git(fresh.lab, "update-ref", lease, fresh.at("main:train.py"))
    assert fresh.push(lease).returncode == 0
    assert gap in fresh.push(*others, f":{lease}").stderr
    done = fresh.push(*others)
    assert done.returncode == 0, done.stderr
    assert audited(fresh.shared).violations == []
    git(fresh.shared, "update-ref", "-d", lease)
    assert ["node 1 is not here" in one.what for one in audited(fresh.shared).violations] == [True]
    done = fresh.push("node/000001")
    assert done.returncode == 0, done.stderr
    assert audited(fresh.shared).violations == []


def test_nothing_blocks_the_trunk_of_an_empty_lab(world: World, tmp_path: Path) -> None:
    fresh = World(world.lab, shared_lab(tmp_path / "fresh.git"))
    assert "would be in the way of main" in fresh.push("main~4:refs/heads/main/x").stderr
    assert fresh.push("main~4:refs/heads/main").returncode == 0
