"""The sealed holdout: what another evaluator, on other data, thinks of what is promoted."""

from dataclasses import replace

from ...gitlab.record.facts import Metric, Trial
from ...gitlab.tree.search_tree import Node
from ...policies.task.task import Objective
from ..executors.attach import forget, run_trial
from ..executors.registry import make_executor
from ..snapshot import Snapshot
from .measure import job_of

_OFF_THE_LIST = 0
"""The replicate whose seed no trial has: the look says nothing of any of them."""


def evaluate_holdout(now: Snapshot, node: Node) -> Metric | None:
    """The holdout's metric of a node; None without one, when its looks are used up or it fails.

    It is recorded on the promotion alone: what agents read never holds it.
    """
    task = now.task
    if task.holdout is None:
        return None
    looked = sum(1 for one in now.tree.promotions if one.holdout is not None)
    if looked >= task.holdout.looks:
        now.notice(f"the holdout's {task.holdout.looks} looks are used up")
        return None
    sealed = replace(
        task,
        evaluate=task.holdout.evaluate,
        objective=Objective(task.holdout.metric, task.objective.goal, digits=task.objective.digits),
        constraints=(),
    )
    executor = make_executor(now.lab, sealed, now.variables)
    seed = now.seed(_OFF_THE_LIST)
    job = job_of(now, node, Trial(node.id, _OFF_THE_LIST), seed)
    outcome = run_trial(executor, now.lab.home, job)
    forget(now.lab.home, job.label)
    found = next((m for m in outcome.metrics if m.name == task.holdout.metric), None)
    if found is None:
        now.notice(f"the holdout failed on node {node.id}: {outcome.reason}")
    return found
