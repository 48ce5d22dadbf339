"""Which nodes of earlier bases are worth a trial on the present one."""

from collections.abc import Sequence

from ...gitlab.record.facts import Verdict
from ...gitlab.tree.node import Node
from ..task.task import Objective

LEADING = 3
"""Of the nodes that only contend, as many as race."""


def leading(ahead: Sequence[Node], objective: Objective) -> list[Node]:
    """Those that are kept or were being confirmed, and the best that contend, in the same order."""
    sign = 1 if objective.goal == "minimize" else -1
    contending = [node for node in ahead if node.verdict is Verdict.CONTEND]
    valued = [(sign * (node.value(objective.metric) or 0.0), node.id) for node in contending]
    best = {node for _, node in sorted(valued)[:LEADING]}
    return [node for node in ahead if node.verdict is not Verdict.CONTEND or node.id in best]
