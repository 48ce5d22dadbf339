"""What a commit at hand would cost, said before it costs."""

from ...gitlab.lab.lab import Lab
from ...gitlab.record.text import plural
from ...gitlab.store.objects import LibgitObjects
from ...gitlab.store.trees import Oid
from ...policies.promotion.decide import standard_of
from ...policies.promotion.replication import FIRST
from ...policies.task.task import Task
from .cost import Cost, cost
from .tree import load_tree


def forecast(lab: Lab, task: Task, before: Oid, after: Oid) -> str:
    """What it costs to go from one tree of the trunk to another; empty where it costs nothing."""
    found, why = cost(LibgitObjects(lab.repo), str(before), str(after))
    if found is Cost.NOTHING:
        return ""
    if found is Cost.VERDICTS:
        return f"verdicts are given anew from what was measured, since {why}: no trial"
    tree = load_tree(lab)
    if tree.root is None:
        return ""
    trials = 1 if standard_of(task).is_single else FIRST
    contenders = sum(node.trials != () for node in tree.waiting())
    move = "moves" if contenders == 1 else "move"
    over = f", {plural(contenders, 'contender')} {move} over" if contenders else ""
    return f"a new base, since {why}: {plural(trials, 'trial')}{over}"
