"""One node in full, and two nodes beside each other."""

from collections.abc import Iterator
from typing import Any

from ...gitlab.lab.lab import BUS, Lab
from ...gitlab.store.change import patch
from ...gitlab.store.trees import read
from ...gitlab.tree.search_tree import Node, SearchTree
from .rows import Distance, account, number, outcome

_LOG_LINES = 20
_LONGEST_PATCH = 1 << 20


def show(lab: Lab, tree: SearchTree, node_id: int) -> Iterator[str]:
    """What was tried, how it went, what it changed, the end of its log."""
    node = tree.get(node_id)
    propose = node.propose
    yield f"node {node.id}  {outcome(node)}  {propose.subject}"
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
    if propose.body:
        yield f"\n{propose.body}"
    if node.parents:
        yield f"\n{_patch(lab, tree.nodes.get(node.parents[0]), node)}".rstrip()
    log = (read(lab.repo, lab.tree_of(node.tip), "research/run.log") or b"") if node.trials else b""
    tail = log.decode("utf-8", "replace").splitlines()[-_LOG_LINES:]
    if tail:
        yield "\n".join(["", "end of the log:", *(f"  {line}" for line in tail)])


def show_facts(lab: Lab, tree: SearchTree, node_id: int, distance: Distance) -> dict[str, Any]:
    """The same as stable JSON."""
    node = tree.get(node_id)
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
    diff = {**vars(node.propose.diff), "paths": list(node.propose.diff_path)}
    parent = tree.nodes.get(node.parents[0]) if node.parents else None
    return {
        **account(node, distance),
        "branch": lab.shown_branch(node.id),
        "body": node.propose.body,
        "diff": diff,
        "patch": _patch(lab, parent, node),
        "trials": trials,
        "candidate": node.propose.candidate,
        "protocol": node.propose.protocol,
    }


def diff(lab: Lab, one: Node, other: Node) -> str:
    """The patch that makes candidate `other` from candidate `one`."""
    return _patch(lab, one, other)


def _patch(lab: Lab, one: Node | None, other: Node) -> str:
    """Without the bus. From the proposed trees: a clone does not hold the candidates' own."""
    if one is None:
        return ""
    old, new = (lab.tree_of(node.proposed) for node in (one, other))
    return patch(lab.repo, old, new, _LONGEST_PATCH, without=BUS).decode("utf-8", "replace")
