"""What comes next and what is kept: pure decisions, on trees made of literals."""

from random import Random

import pytest
from airesearch.gitlab.record.facts import Diff, Metric, Operator, Status, Trial, Verdict
from airesearch.gitlab.record.records import Judge, Measure, Promote, Propose
from airesearch.gitlab.tree.search_tree import Node, SearchTree
from airesearch.policies.budget import spent, why_stop
from airesearch.policies.search.policies import Aim, greedy, tree_search
from airesearch.policies.task.task import Budget, Objective, Task

BASE = "b" * 40
AIM = Aim("loss", "minimize", repairs=True)
FAR = Aim("loss", "minimize", repairs=False)


def node(
    number: int,
    parent: int | None,
    value: float | None,
    verdict: Verdict = Verdict.DISCARD,
    operator: Operator = Operator.IMPROVE,
    files: int = 1,
) -> Node:
    """A judged node; one without a value crashed."""
    tip = f"{number:040x}"
    head = {"node": number, "parent_node": () if parent is None else (parent,)}
    propose = Propose(
        agent="tuner",
        subject="try",
        operator=operator,
        diff=Diff(files, files, files),
        candidate=f"{number:040x}",
        protocol="c" * 40,
        **head,  # type: ignore[arg-type]
    )
    trial = Measure(
        agent="runner",
        subject="ran",
        trial=Trial(number, 1),
        candidate=f"{number:040x}",
        protocol="c" * 40,
        status=Status.CRASH if value is None else Status.OK,
        metric=() if value is None else (Metric("loss", value),),
        seed=1,
        duration=1800.0,
        peak_memory=1,
        output_bytes=1,
        executor="local",
        sandbox="none",
        evaluator="pinned",
        environment="e" * 40,
        **head,  # type: ignore[arg-type]
    )
    ruling = Verdict.FAIL if value is None else verdict
    judged = Judge(
        agent="judge",
        subject="so",
        verdict=ruling,
        evidence="n=1",
        reason="so",
        **head,  # type: ignore[arg-type]
    )
    onto = BASE if parent is None else f"{parent:040x}"
    return Node(tip, onto, tip, propose, (trial,), judged, 1)


def tree(*nodes: Node, promoted: tuple[int, ...] = (0,)) -> SearchTree:
    merges = tuple(Promote(agent="judge", subject="promote", node=n) for n in promoted)
    return SearchTree(nodes, BASE, BASE, merges)


ROOT = node(0, None, 0.5, Verdict.KEEP, Operator.DRAFT, files=0)


def test_greedy_improves_the_incumbent() -> None:
    grown = tree(ROOT, node(1, 0, 0.4, Verdict.KEEP), node(2, 1, 0.45), promoted=(0, 1))
    expansion = greedy(grown, AIM, Random(0))
    assert (expansion.parents[0].id, expansion.operator) == (1, Operator.IMPROVE)


def test_where_nothing_runs_the_newest_change_is_repaired() -> None:
    broken = node(0, None, None, operator=Operator.DRAFT, files=0)
    refused = node(2, 0, None, files=0)
    grown = tree(broken, node(1, 0, None), refused, promoted=())
    for policy in (greedy, tree_search):
        expansion = policy(grown, AIM, Random(0))
        assert (expansion.parents[0].id, expansion.operator) == (1, Operator.DEBUG)


def test_tree_search_repairs_sometimes_and_explores_sometimes() -> None:
    grown = tree(ROOT, node(1, 0, 0.4, Verdict.KEEP), node(2, 1, None), node(3, 1, 0.41),
                 promoted=(0, 1))  # fmt: skip
    found = [tree_search(grown, AIM, Random(seed)) for seed in range(400)]
    chosen = {(one.parents[0].id, one.operator) for one in found}
    assert chosen == {
        (2, Operator.DEBUG),
        (1, Operator.IMPROVE),
        (3, Operator.IMPROVE),
        (0, Operator.IMPROVE),
    }
    best = sum(1 for one in found if one.parents[0].id == 1)
    assert 160 < best < 320


def test_who_cannot_repair_is_not_asked_to() -> None:
    grown = tree(ROOT, node(1, 0, None))
    found = {tree_search(grown, FAR, Random(seed)).operator for seed in range(50)}
    assert found == {Operator.IMPROVE}


@pytest.mark.parametrize("hopeless", ["has a child", "refused", "repaired three times"])
def test_what_is_not_repaired(hopeless: str) -> None:
    failed = [node(1, 0, None, files=0 if hopeless == "refused" else 1)]
    if hopeless == "has a child":
        failed.append(node(2, 1, 0.6))
    if hopeless == "repaired three times":
        failed += [node(n, n - 1, None, operator=Operator.DEBUG) for n in (2, 3, 4)]
    grown = tree(ROOT, *failed)
    found = {tree_search(grown, AIM, Random(seed)).operator for seed in range(50)}
    assert found == {Operator.IMPROVE}


def test_nodes_of_another_base_are_not_chosen() -> None:
    elsewhere = Node(
        "9" * 40,
        "a" * 40,
        "9" * 40,
        node(9, None, 0.1).propose,
        node(9, None, 0.1).trials,
        node(9, None, 0.1).judged,
    )
    grown = tree(ROOT, elsewhere, node(10, 9, 0.01))
    assert set(grown.rooted) == {0}
    assert {tree_search(grown, AIM, Random(seed)).parents[0].id for seed in range(50)} == {0}


def task(**budget: object) -> Task:
    objective = Objective("loss", "minimize", target=0.2)
    return Task("t", objective, "true", ("a",), budget=Budget(**budget))  # type: ignore[arg-type]


def test_budget() -> None:
    grown = tree(ROOT, node(1, 0, None))
    assert (spent(grown).trials, spent(grown).hours) == (2, 1.0)
    assert why_stop(task(), grown, 1) == ""
    assert why_stop(task(trials=3), grown, 1) == ""
    assert "2 trials is spent" in why_stop(task(trials=2), grown, 1)
    assert "1 hours of trials is spent" in why_stop(task(hours=1.0), grown, 1)
    reached = tree(ROOT, node(1, 0, 0.2, Verdict.KEEP), promoted=(0, 1))
    assert "the target loss=0.2 is reached" in why_stop(task(), reached, 1)


def test_what_is_begun_must_fit_into_the_budget() -> None:
    grown = tree(ROOT, node(1, 0, None))
    assert why_stop(task(trials=6), grown, 4) == ""
    assert why_stop(task(trials=5), grown, 4) == "3 of the budget's 5 trials are left"
    assert "2 trials is spent" in why_stop(task(trials=2), grown, 4)
    assert why_stop(task(), grown, 1000) == ""
