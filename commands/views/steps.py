"""What is told of a step, wherever it was taken: a row for people, facts for machines."""

from dataclasses import dataclass
from typing import Any

from ...agents.campaign import Campaign
from ...agents.loop import Step
from ...gitlab.tree.search_tree import values_of
from . import rows

_KEYS = ("node", "parent", "operator", "agent", "status", "metrics", "verdict")


@dataclass(frozen=True)
class StepView:
    """A step as it is shown; a worker sends it to the process that prints."""

    facts: dict[str, Any]
    row: str
    verdict: str
    live: str
    """How far the campaign is, for a live line."""
    notices: tuple[str, ...]


def view_step(campaign: Campaign, done: Step) -> StepView:
    """The step, with the notices that came up since the last one; these are told only once."""
    now = campaign.now
    best = now.value(now.tree.incumbent)
    metric = now.task.objective.metric
    live = "measuring" if best is None else f"best {metric} {rows.number(best)}"
    notices = campaign.lab.notices.take()
    return StepView(facts(done), row(campaign, done), str(done.node.verdict), live, notices)


def row(campaign: Campaign, done: Step) -> str:
    """The node in full where the step began it or decided something, else the trial alone."""
    node, metric = done.node, campaign.now.task.objective.metric
    is_decided = node.verdict is not None and node.weighed == len(node.trials)
    if done.promoted or is_decided or len(node.trials) == 1:
        return rows.line(node, metric)
    trials = campaign.now.tree.nodes[done.trial.node].trials
    return rows.further(node, done.trial, values_of(trials[-1:], metric).get(done.trial.replicate))


def facts(done: Step) -> dict[str, Any]:
    """The step as stable JSON."""
    node = rows.facts(done.node)
    return {
        "trial": str(done.trial),
        **{key: node[key] for key in _KEYS},
        "promoted": done.promoted,
        "seconds": round(done.seconds, 6),
        "reason": node["reason"],
    }
