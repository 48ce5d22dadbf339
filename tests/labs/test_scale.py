"""What is kept up to date node by node is what a look at all nodes finds; nothing recurses."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import pygit2
import pytest
from airesearch.agents.campaign import Campaign
from airesearch.agents.proposers.base import History, Past
from airesearch.agents.trunk.tree import load_tree
from airesearch.gitlab.lab.lab import open_lab
from airesearch.gitlab.names import node_branch
from airesearch.gitlab.record.facts import Diff, Operator, Status, Verdict
from airesearch.gitlab.record.records import Promote
from airesearch.gitlab.tree.node import Node, values_of
from airesearch.gitlab.tree.search_tree import SearchTree
from airesearch.policies.budget import spent
from airesearch.policies.promotion.error_budget import part, share
from airesearch.policies.promotion.noise import noise_floor, pooled
from airesearch.policies.search.policies import Aim, tree_search
from hypothesis import given, settings
from hypothesis import strategies as st
from literal_nodes import Writer, judged, measured, propose
from toys import airesearch, git, repository, toy, toy_files

BASE, OTHER = (letter * 40 for letter in "ab")
DEEP = 1100
"""Deeper than Python lets functions call each other."""
AIM = Aim("loss", "minimize", repairs=True)


@dataclass(frozen=True)
class Put:
    """A node comes, goes on, or is rewritten."""

    node: Node


@dataclass(frozen=True)
class Drop:
    """A branch is deleted."""

    node: int


@dataclass(frozen=True)
class Trunk:
    """Trunk is promoted, rewound, or given a new base."""

    base: pygit2.Oid
    promoted: tuple[int, ...]


@st.composite
def nodes(draw: st.DrawFn) -> Node:
    """Any node, the parents of which may be missing, younger, or itself."""
    number = draw(st.integers(0, 7))
    parents = draw(st.lists(st.integers(0, 7), max_size=2) | st.just([max(number - 1, 0)]))
    operator = draw(st.sampled_from([Operator.DEBUG, Operator.IMPROVE]))
    files = draw(st.integers(0, 1))
    proposal = propose(
        number,
        None,
        parent_node=tuple(parents),
        operator=operator,
        diff=Diff(files, files, files),
        candidate=f"{draw(st.integers(0, 3)):040x}",
    )
    onto = draw(st.sampled_from([BASE, BASE, OTHER]))
    statuses = draw(st.lists(st.sampled_from([Status.OK, Status.OK, Status.CRASH]), max_size=4))
    trials = tuple(
        measured(number, place, draw(st.sampled_from([0.1, 0.25, 1e16, 3e-9])), status=status,
                 duration=draw(st.sampled_from([0.1, 1e17, 2.5])))
        for place, status in enumerate(statuses, 1)
    )  # fmt: skip
    verdict = draw(st.none() | st.sampled_from(Verdict))
    judge = None if verdict is None else judged(number, verdict)
    proposed = f"{hash((number, *parents, operator, files, onto)) % 16**40:040x}"
    tip = f"{draw(st.integers(0, 16**8)):040x}"
    return Node(tip, onto, proposed, proposal, trials, judge, draw(st.integers(0, len(trials))))


events = st.lists(
    st.builds(Put, nodes())
    | st.builds(Drop, st.integers(0, 7))
    | st.builds(
        Trunk,
        st.sampled_from([BASE, BASE, OTHER]),
        st.lists(st.integers(0, 7), max_size=3).map(tuple),
    ),
    max_size=25,
)


def happen(tree: SearchTree, event: Put | Drop | Trunk) -> None:
    if isinstance(event, Put):
        tree.put(event.node)
    elif isinstance(event, Drop):
        tree.remove(event.node)
    else:
        merges = tuple(Promote(agent="judge", subject="p", node=n) for n in event.promoted)
        tree.take_trunk(OTHER, event.base, merges)


def rooted(tree: SearchTree) -> dict[int, Node]:
    found: dict[int, Node] = {}
    for number, node in sorted(tree.nodes.items()):
        if (node.onto == tree.base) if not node.parents else node.parents[0] in found:
            found[number] = node
    return found


def children(tree: SearchTree) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for number, node in sorted(tree.nodes.items()):
        for parent in dict.fromkeys(node.parents):
            found.setdefault(parent, []).append(number)
    return found


def can_debug(tree: SearchTree, node: Node) -> bool:
    if node.status is not Status.CRASH or node.id in children(tree):
        return False
    if node.parents and not node.propose.diff.files:
        return False
    path = tree.lineage(node.id)[::-1]
    depth = next((i for i, n in enumerate(path) if n.propose.operator != Operator.DEBUG), len(path))
    return depth < 3


def spends(tree: SearchTree, node: Node) -> bool:
    return bool(node.parents) and len(node.trials) > 3 and node.id not in tree.promoted


def looked_up(tree: SearchTree) -> dict[str, Any]:
    """The answers, by a look at all nodes."""
    inside = rooted(tree)
    trials = [trial for node in tree.nodes.values() for trial in node.trials]
    ranked = [
        (node.value("loss"), node.id)
        for node in inside.values()
        if node.verdict in (Verdict.KEEP, Verdict.CONTEND, Verdict.DISCARD)
        and node.value("loss") is not None
    ]
    groups = (tuple(values_of(node.trials, "loss").values()) for node in inside.values())
    return {
        "rooted": list(inside),
        "children": children(tree),
        "trials": len(trials),
        "hours": sum(min(round(trial.duration * 1e6), 2**50) for trial in trials) / 1e6 / 3600,
        "noise": pooled(groups),
        "shares": {
            node.id: part(1 + sum(spends(tree, o) for o in inside.values() if o != node), 0.95)
            for node in tree.nodes.values()
        },
        "ranked": [node for _, node in sorted(ranked)],
        "failed": [node.id for node in inside.values() if can_debug(tree, node)],
        "root": next((node for node in inside.values() if not node.parents), None),
        "next": max(tree.nodes, default=-1) + 1,
    }  # fmt: skip


def kept(tree: SearchTree) -> dict[str, Any]:
    """The same as the tree keeps them."""
    return {
        "rooted": list(tree.rooted),
        "children": {n: found for n in range(8) if (found := tree.children(n))},
        "trials": spent(tree).trials,
        "hours": spent(tree).hours,
        "noise": noise_floor(tree, "loss"),
        "shares": {node.id: share(tree, node, 0.95) for node in tree.nodes.values()},
        "ranked": list(tree.best("loss", "minimize", 100)),
        "failed": list(tree.failed_leaves([Status.CRASH], 3)),
        "root": tree.root,
        "next": tree.next_id,
    }


@settings(max_examples=400, deadline=None)
@given(events)
def test_kept_answers_are_those_of_a_look_at_all_nodes(news: list[Put | Drop | Trunk]) -> None:
    tree = SearchTree((), BASE, BASE)
    kept(tree)
    for event in news:
        happen(tree, event)
        found, wanted = kept(tree), looked_up(tree)
        assert found == wanted
    # Bit for bit: what comes next must not hang on the order in which nodes came.
    afresh = SearchTree(tree.nodes.values(), tree.trunk, tree.base, tree.promotions)
    assert kept(tree) == kept(afresh)
    if tree.incumbent is not None and tree.best("loss", "minimize", 1):
        for seed in range(10):
            one, other = (tree_search(t, AIM, Random(seed)) for t in (tree, afresh))
            assert one == other


def test_a_history_looks_up_what_is_read_only() -> None:
    asked: list[int] = []

    def look_up(node: int) -> Past:
        asked.append(node)
        return Past(node, "ok", 0.5, lambda path: None)

    history = History(range(1000), look_up)
    assert len(history) == 1000
    assert [one.node for one in history[-3:]] == [997, 998, 999]
    assert history[0].node == history[0].node == 0
    assert asked == [997, 998, 999, 0]


@pytest.fixture(scope="module")
def deep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lineage of DEEP nodes, each from the one before, the odd ones with a failed sibling."""
    folder = repository(tmp_path_factory.mktemp("deep") / "lab", toy_files([]))
    writer = Writer(open_lab(folder))
    for number in range(DEEP):
        writer.node(number, number - 1 if number else None)
    writer.pack()
    return folder


def test_a_deep_lineage(deep: Path) -> None:
    tree = load_tree(open_lab(deep))
    assert [node.id for node in tree.lineage(DEEP - 1)] == list(range(DEEP))
    assert list(tree.rooted) == list(range(DEEP))
    assert tree.root is not None
    assert tree.root.id == 0
    assert tree.failed_leaves([Status.CRASH], 3) == []


@pytest.mark.parametrize("words", [["lineage", str(DEEP - 1)], ["log"], ["tree"]])
def test_commands_on_a_deep_lineage(deep: Path, words: list[str]) -> None:
    said = airesearch(deep, *words)
    assert said.code == 0, said.err
    assert len(said.out.splitlines()) >= DEEP
    rows = airesearch(deep, *words, "--json").json()
    assert sorted(row["node"] for row in rows) == list(range(DEEP))


def test_streamed_json_is_what_json_prints(deep: Path) -> None:
    out = airesearch(deep, "log", "-n", "3", "--json").out
    assert out == json.dumps(json.loads(out), indent=1) + "\n"
    assert airesearch(deep, "log", "-n", "3").out.count("\n") == 4


def test_many_loose_refs_are_packed_on_the_way(tmp_path: Path) -> None:
    folder = toy(tmp_path / "lab", [])
    campaign = Campaign(open_lab(folder), os.environ)
    writer = Writer(open_lab(folder))
    writer.tips[0] = pygit2.Oid(hex=git(folder, "rev-parse", "node/000000").strip())
    for number in range(1, 520):
        tip = writer.node(number, 0)
        writer.repo.references.create(f"refs/heads/{node_branch(number)}", tip)
    campaign.look()
    assert list(campaign.now.tree.nodes) == list(range(520))
    assert campaign.now.tree.loose_refs == 0
    assert len(list((folder / ".git" / "refs" / "heads").rglob("*"))) < 10
    writer.repo.references.create("refs/heads/node/000007", writer.tips[8], force=True)
    campaign.look()
    assert 7 not in campaign.now.tree.nodes
    assert set(campaign.now.tree.broken) == {7}
    assert git(folder, "rev-parse", "node/000519").strip() == str(writer.tips[519])
