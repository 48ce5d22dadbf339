"""What is left of the campaign's budget."""

from dataclasses import dataclass

from .search.tree import Tree
from .task.task import Task

_SECONDS_PER_HOUR = 3600


@dataclass(frozen=True)
class Spent:
    """What the record says was used so far."""

    trials: int
    hours: float


def spent(tree: Tree) -> Spent:
    """Every recorded trial counts, whatever its outcome and its base."""
    trials, seconds = tree.spent()
    return Spent(trials, seconds / _SECONDS_PER_HOUR)


def why_stop(task: Task, tree: Tree, more: int) -> str:
    """A sentence that says why `more` trials cannot follow, or nothing where they can."""
    used, budget = spent(tree), task.budget
    if budget.trials is not None and used.trials >= budget.trials:
        return f"the budget of {budget.trials} trials is spent"
    if budget.trials is not None and used.trials + more > budget.trials:
        return f"{budget.trials - used.trials} of the budget's {budget.trials} trials are left"
    if budget.hours is not None and used.hours >= budget.hours:
        return f"the budget of {budget.hours:g} hours of trials is spent"
    best = None if tree.incumbent is None else tree.incumbent.value(task.objective.metric)
    target = task.objective.target
    if best is None or target is None:
        return ""
    reached = best <= target if task.objective.goal == "minimize" else best >= target
    return f"the target {task.objective.metric}={target:g} is reached" if reached else ""
