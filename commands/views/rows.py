"""One node as facts for machines and as a line for people."""

from typing import Any

from ...gitlab.record.facts import Trial, Verdict
from ...gitlab.tree.search_tree import Node

_SHOWN_SUBJECT = 60


def number(value: float | None) -> str:
    """A metric's value for people: six significant digits."""
    return "" if value is None else f"{value:.6g}"


def facts(node: Node) -> dict[str, Any]:
    """The node as stable JSON; its metrics are means, of a failure what its last trial left."""
    metrics = node.metrics or (node.trials[-1].metric if node.trials else ())
    return {
        "node": node.id,
        "parent": node.parents[0] if node.parents else None,
        "operator": str(node.propose.operator),
        "agent": node.propose.agent,
        "subject": node.propose.subject,
        "status": None if node.status is None else str(node.status),
        "metrics": {m.name: m.value for m in metrics},
        "verdict": None if node.verdict is None else str(node.verdict),
        "reason": node.reason,
        "commit": str(node.tip),
    }


HEADER = f"{'node':>6} {'parent':>6}  {'agent':<12} {'outcome':<10} {'metric':<12} what"


def line(node: Node, metric: str) -> str:
    """The node in one line under HEADER; a failure says why below it."""
    parent = str(node.parents[0]) if node.parents else "-"
    text = (
        f"{node.id:>6} {parent:>6}  {node.propose.agent:<12} {node.outcome:<10} "
        f"{number(node.value(metric)):<12} {node.propose.subject[:_SHOWN_SUBJECT]}"
    )
    if node.verdict is Verdict.FAIL:
        text += f"\n{'':>14} {node.reason}"
    return text


def further(node: Node, trial: Trial, value: float | None) -> str:
    """One more trial for the sake of a node, in a line under HEADER."""
    whose = "" if trial.node == node.id else ", the incumbent's side"
    parent = str(node.parents[0]) if node.parents else "-"
    return (
        f"{node.id:>6} {parent:>6}  {'':<12} {node.outcome:<10} "
        f"{number(value):<12} trial {trial}{whose}"
    )
