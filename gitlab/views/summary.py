"""The lab at a glance: the best node and what was spent to find it."""

from collections import Counter
from typing import Any

from ..errors import AiresearchError
from ..facts import Goal, Improvement
from ..lab import Lab
from ..refs import node_branch
from ..tree import Node, SearchTree
from .rows import number, outcome


def best(tree: SearchTree) -> Node:
    """The incumbent. Raises AiresearchError before the first promotion."""
    if tree.incumbent is None:
        raise AiresearchError("nothing was promoted yet", "measure something: airesearch step")
    return tree.incumbent


def best_facts(tree: SearchTree, metric: str, goal: Goal) -> dict[str, Any]:
    """The incumbent as stable JSON."""
    node = best(tree)
    gain = improvement(tree, metric)
    root = None if tree.root is None else tree.root.value(metric)
    return {
        "node": node.id,
        "branch": node_branch(node.id),
        "commit": str(node.tip),
        "metric": {"name": metric, "value": node.value(metric), "goal": goal},
        "baseline": root,
        "improvement": None if gain is None else float(gain.change),
    }


def best_lines(lab: Lab, tree: SearchTree, metric: str) -> list[str]:
    """The incumbent for people, and how plain git shows its files."""
    node, root, gain = best(tree), tree.root, improvement(tree, metric)
    branch = lab.shown_branch(node.id)
    paths = [path for path in node.propose.diff_path if path != "..."]
    lines = [f"node {node.id}: {metric} {number(node.value(metric))}, {node.propose.subject}"]
    if root is not None and gain is not None and root.id != node.id:
        percent = "" if gain.percent is None else f" ({gain.percent:+.1f}%)"
        change = f"{gain.change:+.6g}{percent} against the baseline's {number(root.value(metric))}"
        lines.append(f"  {change}")
        since = lab.shown_branch(root.id)
        lines.append(f"  all it changed: git diff {since} {branch} -- . ':!research'")
    lines.append(f"  one file:       git show {branch}:{paths[0] if paths else ''}")
    return lines


def improvement(tree: SearchTree, metric: str) -> Improvement | None:
    """The incumbent's change against the baseline of the present base."""
    first = None if tree.root is None else tree.root.value(metric)
    last = None if tree.incumbent is None else tree.incumbent.value(metric)
    return None if first is None or last is None else Improvement.between(first, last)


def counts(tree: SearchTree) -> dict[str, int]:
    """How many nodes stand at each outcome."""
    return dict(Counter(outcome(node) for node in tree.nodes.values()).most_common())
