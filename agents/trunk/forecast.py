"""What a commit at hand would cost, said before it costs."""

from ...gitlab.lab.lab import Lab
from ...gitlab.record.facts import Verdict
from ...gitlab.record.text import plural
from ...gitlab.store.objects import LibgitObjects
from ...gitlab.store.trees import Oid, differences
from ...gitlab.tree.lab_tree import LabTree
from ...policies.promotion.replication import FIRST
from ...policies.promotion.ruling import standard_of
from ...policies.search.transfer import LEADING, leading
from ...policies.task.task import Objective, Task
from .cost import Cost, cost
from .outside import task_in
from .tree import load_tree


def forecast(lab: Lab, task: Task, before: Oid, after: Oid) -> str:
    """What it costs to go from one tree of the trunk to another; empty where it costs nothing."""
    objects = LibgitObjects(lab.repo)
    found, why = cost(objects, str(before), str(after))
    if found is Cost.NOTHING:
        return ""
    if found is Cost.VERDICTS:
        return f"no trial: verdicts are given anew, since {why}"
    tree = load_tree(lab)
    if tree.root is None:
        return ""
    # Who measures the new base goes by the rules that come with it.
    trials = 1 if standard_of(task_in(objects, str(after)) or task).is_single else FIRST
    moving, staying = _contenders(lab, tree, task.objective, before, after)
    over = f"; {plural(moving, 'contender')} may move over" if moving else ""
    stay = f"; {plural(staying, 'contender')} cannot, having changed the same files"
    return f"a new base, since {why}: {plural(trials, 'trial')}{over}{stay if staying else ''}"


def _contenders(
    lab: Lab, tree: LabTree, objective: Objective, before: Oid, after: Oid
) -> tuple[int, int]:
    """How many nodes that are ahead could be carried over by git alone, and how many could not."""
    changed = {one.path for one in differences(lab.repo, before, after)}
    ground = lab.tree_of(tree.base)
    ahead = [node for node in tree.waiting() if node.trials and node.parents]
    found = tree.unconfirmed(objective.metric, objective.goal, LEADING)
    ahead += [node for node in tree.nodes.those(found) if node.verdict is Verdict.CONTEND]
    own = [
        {one.path for one in differences(lab.repo, ground, lab.tree_of(node.proposed))}
        for node in leading(ahead, objective)
    ]
    moving = sum(changed.isdisjoint(paths) for paths in own)
    return moving, len(own) - moving
