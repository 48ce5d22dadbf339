"""What of a task says what is measured and under which limits: a change of it starts a new base."""

import json
from dataclasses import asdict

from .task import Task


def measurement(task: Task) -> bytes:
    """The keys that a trial's outcome depends on, as JSON in one form; trials see it as the task.

    Not what judges recorded metrics (goal, target, bounds, promotion), nor who works.
    """
    objective, budget = task.objective, task.budget
    facts: dict[str, object] = {
        "objective": {
            "metric": objective.metric,
            "pattern": objective.pattern,
            "digits": objective.digits,
            "timing": objective.timing,
        },
        "metrics": sorted(task.metrics),
        "candidate": task.candidate,
        "evaluate": task.evaluate,
        "outputs": task.outputs,
        "protected": task.protected,
        "inert": task.inert,
        "sandbox": task.sandbox,
        "data": task.data,
        "devices": task.devices,
        "budget": {
            "trial_seconds": budget.trial_seconds,
            "trial_memory_mb": budget.trial_memory_mb,
            "output_mb": budget.output_mb,
        },
        "holdout": None if task.holdout is None else asdict(task.holdout),
        # What lines are counted of, and what is never inert; what else runs, where time counts.
        "editable": task.editable if task.inert or "code_lines" in task.metrics else None,
        "resources": asdict(task.resources) if task.resources and task.is_timing else None,
    }
    return json.dumps(facts, indent=1, sort_keys=True).encode() + b"\n"
