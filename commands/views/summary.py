"""The lab at a glance: the best node and what was spent to find it."""

from typing import Any

from ...agents.step.allocate import standing_of
from ...gitlab.errors import AiresearchError
from ...gitlab.names import node_branch
from ...gitlab.record.facts import Improvement
from ...gitlab.record.text import plural
from ...gitlab.tree.search_tree import Node, SearchTree
from ...policies.allocation.staged import best_contender
from ...policies.allocation.standing import Contender
from .lab_view import LabView
from .rows import number


def best(view: LabView) -> Node:
    """The incumbent. Raises AiresearchError before the first promotion."""
    tree = view.tree
    if tree.incumbent is None:
        before = view.last_winner_below(tree.base) if tree.next_id else None
        if before is not None:
            raise AiresearchError(
                f"node {before.id} had won; with what people committed since, {tree.base[:10]}, it "
                "waits for its trials",
                "measure it: airesearch step",
            )
        since = f" since {tree.base[:10]}, where the search starts from"
        what = f"nothing was promoted{since if tree.next_id else ' yet'}"
        raise AiresearchError(what, "measure something: airesearch step")
    return tree.incumbent


def best_facts(view: LabView) -> dict[str, Any]:
    """The incumbent as stable JSON."""
    tree, metric, around = view.tree, view.metric, view.interval
    node = best(view)
    gain = improvement(tree, metric)
    first = first_baseline(tree)
    root = None if first is None else first.value(metric)
    return {
        "node": node.id,
        "branch": node_branch(node.id),
        "commit": str(node.tip),
        "metric": {
            "name": metric,
            "value": node.value(metric),
            "goal": view.task.objective.goal,
            "interval": None if around is None else [around.low, around.high],
            "trials": len(node.estimating),
        },
        "baseline": root,
        "improvement": None if gain is None else float(gain.change),
        "holdout": _holdout(tree),
        "contender": _contender_facts(view),
    }


def best_lines(view: LabView) -> list[str]:
    """The incumbent for people, and how plain git shows its files."""
    lab, tree, metric = view.lab, view.tree, view.metric
    node, root, gain = best(view), first_baseline(tree), improvement(tree, metric)
    branch = lab.shown_branch(node.id)
    paths = [path for path in node.propose.diff_path if path != "..."]
    lines = [f"node {node.id}: {metric} {number(node.value(metric))}, {node.propose.subject}"]
    if view.interval is not None:
        count = plural(len(node.estimating), "trial")
        is_fresh = node.parents and len(node.trials) > node.weighed
        selected = " that did not select it" if is_fresh else ""
        lines.append(f"  95% CI {view.interval} from {count}{selected}")
    if not node.parents and (before := view.winner_before(node)) is not None:
        lines.append(f"  node {before.id}, which was the best, and what people committed since")
    if root is not None and gain is not None and root.id != node.id:
        percent = "" if gain.percent is None else f" ({gain.percent:+.1f}%)"
        change = f"{gain.change:+.6g}{percent} against the baseline's {number(root.value(metric))}"
        lines.append(f"  {change}")
        since = lab.shown_branch(root.id)
        lines.append(f"  all it changed: git diff {since} {branch} -- . ':!research'")
    lines += _contender_line(view)
    sealed = _holdout(tree)
    if sealed is not None:
        drift = f", {number(sealed['baseline'])} at the first promotion"
        lines.append(f"  holdout {sealed['name']} {number(sealed['value'])}{drift}")
    lines.append(
        f"  one file:       git show {branch}:{paths[0]}"
        if paths
        else f"  its files:      git ls-tree -r --name-only {branch}"
    )
    lines += [
        f"  node {other.id} was judged better, and is promoted after further trials: airesearch run"
        for other in tree.waiting()
        if other.is_kept
    ]
    return lines


def _contender(view: LabView) -> tuple[Contender, int] | None:
    """Who leads the promoted node without being confirmed, and what confirming it would take."""
    standing = standing_of(view.tree, view.task) if view.task.is_split else None
    return None if standing is None else best_contender(standing)


def _contender_facts(view: LabView) -> dict[str, Any] | None:
    found = _contender(view)
    if found is None:
        return None
    one, cost = found
    value = view.tree.nodes[one.node].value(view.metric)
    return {"node": one.node, "value": value, "trials": one.trials, "to_confirm": cost or None}


def _contender_line(view: LabView) -> list[str]:
    found = _contender(view)
    if found is None:
        return []
    one, cost = found
    value = number(view.tree.nodes[one.node].value(view.metric))
    takes = f"takes about {cost} trials" if cost else "takes more trials than it may have"
    seen = plural(one.trials, "trial")
    return [f"  node {one.node} has {value} from {seen}; to confirm that {takes}: airesearch run"]


def _holdout(tree: SearchTree) -> dict[str, Any] | None:
    """What the sealed evaluator said of the incumbent, and of the first promoted node."""
    now = tree.promotions[-1].holdout
    if now is None:
        return None
    first = next(merge.holdout for merge in tree.promotions if merge.holdout is not None)
    return {"name": now.name, "value": now.value, "baseline": first.value}


def first_baseline(tree: SearchTree) -> Node | None:
    """The campaign's first baseline among those that were measured as the present one is."""
    return None if tree.root is None else tree.first_root(tree.root.propose.protocol) or tree.root


def improvement(tree: SearchTree, metric: str) -> Improvement | None:
    """The incumbent's change against the first baseline that was measured the same way."""
    root = first_baseline(tree)
    first = None if root is None else root.value(metric)
    last = None if tree.incumbent is None else tree.incumbent.value(metric)
    return None if first is None or last is None else Improvement.between(first, last)
