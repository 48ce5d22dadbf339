"""One node as facts for machines and as a line for people."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ...gitlab.record.facts import Metric, Trial, Verdict
from ...gitlab.record.text import one_line
from ...gitlab.tree.search_tree import Node

Distance = Callable[[Node], list[dict[str, Any]]]
"""Gives by how much a node missed what was asked of it, as stable JSON."""
_SHOWN_SUBJECT = 60
_SHOWN_REASON = 120
_SIBLINGS = 10


def outcome(node: Node) -> str:
    """Where the node stands in a word: its failure, else its verdict, else what it waits for."""
    if node.verdict is Verdict.FAIL and node.status is not None:
        return str(node.status)
    if node.verdict is not None:
        return str(node.verdict)
    return "undecided" if node.trials else "unmeasured"


def number(value: float | None) -> str:
    """A metric's value for people: six significant digits."""
    return "" if value is None else f"{value:.6g}"


def facts(node: Node) -> dict[str, Any]:
    """The node as stable JSON."""
    return {
        "node": node.id,
        "parent": node.parents[0] if node.parents else None,
        "operator": str(node.propose.operator),
        "agent": node.propose.agent,
        "subject": node.propose.subject,
        "status": None if node.status is None else str(node.status),
        "metrics": {m.name: m.value for m in _shown_metrics(node)},
        "verdict": None if node.verdict is None else str(node.verdict),
        "reason": node.reason,
        "commit": str(node.tip),
    }


def _shown_metrics(node: Node) -> tuple[Metric, ...]:
    """The mean over its trials; of a failure what its last trial left."""
    return node.metrics or (node.trials[-1].metric if node.trials else ())


HEADER = f"{'node':>6} {'parent':>6}  {'agent':<12} {'outcome':<10} {'metric':<12} what"


def line(node: Node, metric: str) -> str:
    """The node in one line under HEADER; a failure says why below it."""
    parent = str(node.parents[0]) if node.parents else "-"
    text = (
        f"{node.id:>6} {parent:>6}  {node.propose.agent:<12} {outcome(node):<10} "
        f"{number(node.value(metric)):<12} {node.propose.subject[:_SHOWN_SUBJECT]}"
    )
    if node.verdict is Verdict.FAIL:
        text += f"\n{'':>14} {node.reason}"
    return text


def account(node: Node, distance: Distance) -> dict[str, Any]:
    """The node as stable JSON, with how it came out and by how much it missed what was asked."""
    return {**facts(node), "outcome": outcome(node), "distance": distance(node)}


def further(node: Node, trial: Trial, value: float | None) -> str:
    """One more trial for the sake of a node, in a line under HEADER."""
    whose = "" if trial.node == node.id else ", the incumbent's side"
    parent = str(node.parents[0]) if node.parents else "-"
    return (
        f"{node.id:>6} {parent:>6}  {'':<12} {outcome(node):<10} "
        f"{number(value):<12} trial {trial}{whose}"
    )


def sibling(node: Node, distance: Distance) -> dict[str, Any]:
    """What a next proposer needs to know of a node that was tried beside it."""
    known = account(node, distance)
    keys = ("node", "agent", "subject", "status", "metrics", "verdict", "reason")
    return {key: known[key] for key in (*keys, "outcome", "distance")}


def beside(nodes: Sequence[Node]) -> Iterator[str]:
    """The nodes tried beside another: in a line, then each failure with its reason, bounded."""
    if nodes:
        shown = ", ".join(f"{node.id} {outcome(node)}" for node in nodes[:_SIBLINGS])
        yield f"{'':>14} beside it: {shown}{_more(len(nodes))}"
    failed = [node for node in nodes if node.verdict is Verdict.FAIL]
    for node in failed[:_SIBLINGS]:
        yield f"{'':>16} {node.id} {outcome(node)}: {one_line(node.reason, _SHOWN_REASON)}"
    if more := _more(len(failed)):
        yield f"{'':>16}{more}"


def _more(count: int) -> str:
    return f" and {count - _SIBLINGS:,} more" if count > _SIBLINGS else ""
