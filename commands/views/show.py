"""One node in full, and two nodes beside each other."""

from collections.abc import Iterator
from typing import Any

from ...agents.trunk.outside import is_outside
from ...gitlab.record.facts import Status
from ...gitlab.record.paths import BUS, FAILED, REFUSED, RUN_LOG, TRANSCRIPT
from ...gitlab.store import change
from ...gitlab.store.trees import differences, edit, read
from ...gitlab.tree.search_tree import Node
from .lab_view import LabView
from .rows import number

_LOG_LINES = 20
_LONGEST_PATCH = 1 << 20


def lines(view: LabView, node_id: int) -> Iterator[str]:
    """What was tried, how it went, what it changed, the end of its log."""
    lab, node = view.lab, view.tree.get(node_id)
    propose = node.propose
    yield f"node {node.id}  {node.outcome}  {propose.subject}"
    yield f"branch     {lab.shown_branch(node.id)} at {str(node.tip)[:10]}"
    if node.parents:
        yield f"parent     {', '.join(map(str, node.parents))} by {propose.operator}"
    yield f"agent      {propose.agent}"
    yield f"diff       {propose.diff}"
    for trial in node.trials:
        values = "  ".join(f"{m.name} {number(m.value)}" for m in trial.metric)
        yield f"trial      {trial.trial}  {trial.status}  {trial.duration:.2f} s  {values}"
    if node.reason:
        yield f"reason     {node.reason}"
    if node.status is Status.DENIED:
        yield f"refused    git show {lab.shown_branch(node.id)}:{REFUSED}"
    if propose.body:
        yield f"\n{propose.body}"
    if node.parents:
        yield f"\n{_change(view, node)}".rstrip()
    log = (read(lab.repo, lab.tree_of(node.tip), RUN_LOG) or b"") if node.trials else b""
    if log:
        yield from ("", "end of the log:", *_tail(log))
    left = read(lab.repo, lab.tree_of(node.proposed), FAILED)
    if left and node.status is Status.CRASH:
        yield from ("", "what the proposer failed with:", *_tail(left))
    if propose.transcript:
        yield f"\nall that it said: git show {lab.shown_branch(node.id)}:{TRANSCRIPT}"


def _tail(log: bytes) -> list[str]:
    """The last lines of what a program said."""
    lines = log.decode("utf-8", "replace").removesuffix("\n").split("\n")
    return [f"  {line}" for line in lines[-_LOG_LINES:]]


def facts(view: LabView, node_id: int) -> dict[str, Any]:
    """The same as stable JSON."""
    node = view.tree.get(node_id)
    trials = [
        {
            "trial": str(trial.trial),
            "status": str(trial.status),
            "metrics": {m.name: m.value for m in trial.metric},
            "seed": trial.seed,
            "seconds": trial.duration,
            "peak_memory_bytes": trial.peak_memory,
            "reason": trial.reason,
        }
        for trial in node.trials
    ]
    return {
        **view.account(node),
        "branch": view.lab.shown_branch(node.id),
        "body": node.propose.body,
        "diff": {**vars(node.propose.diff), "paths": list(node.propose.diff_path)},
        "patch": _change(view, node),
        "trials": trials,
        "candidate": node.propose.candidate,
        "protocol": node.propose.protocol,
    }


def patch(view: LabView, first: Node, second: Node) -> str:
    """The patch that makes the candidate `second` from the candidate `first`, without the bus.

    From the proposed trees: a clone does not hold the candidates' own.
    """
    old, new = (view.lab.tree_of(node.proposed) for node in (first, second))
    if view.task.is_split:
        # What people wrote beside the program is no part of either.
        beside = [d for d in differences(view.lab.repo, old, new) if is_outside(view.task, d.path)]
        new = edit(view.lab.repo, new, {one.path: one.before for one in beside})
    text = change.patch(view.lab.repo, old, new, _LONGEST_PATCH, without=BUS)
    return text.decode("utf-8", "replace")


def _change(view: LabView, node: Node) -> str:
    """The patch against the node's parent; empty where it has none here."""
    parent = view.tree.nodes.get(node.parents[0]) if node.parents else None
    return "" if parent is None else patch(view, parent, node)
