"""The first task and team of a repository, from what the user said on the command line."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from ...gitlab.record.facts import Goal
from ...policies.task.task import INERT


@dataclass(frozen=True)
class Settings:
    """What a task cannot do without, and what few do."""

    metric: str
    goal: Goal
    candidate: str
    editable: tuple[str, ...]
    evaluate: str | None = None
    pattern: str | None = None
    outputs: tuple[str, ...] = ()


DIGITS = 6
"""Significant digits of a metric where `private/` scores: more than a gain under noise needs."""


_TASK = (
    "What is measured, within which limits, and how a promotion is judged. Who works stands in\n"
    "team.yaml. Where a change is said to be a new base, the trunk is measured anew, in six\n"
    "trials. One that is judged anew costs no trial: verdicts follow from what was measured."
)
_TEAM = (
    "Who works, what the campaign may spend, how it searches. All of it may change at any time,\n"
    "and costs no trial."
)
Lines = Sequence[tuple[str, object, str]]


def render(settings: Settings, *, is_sealed: bool) -> bytes:
    """The task as commented YAML; bytes of the command line that are no text stay as they are.

    Where what scores `is_sealed`, metrics are rounded: all their digits would tell it.
    """
    objective: dict[str, str | int] = {"metric": settings.metric, "goal": settings.goal}
    if is_sealed and settings.evaluate is not None:
        objective["digits"] = DIGITS
    if settings.pattern is not None:
        objective["pattern"] = settings.pattern
    lines = [
        ("name", "research", "What this lab is called. A change costs nothing."),
        (
            "objective",
            objective,
            "The metric to improve, and whether less or more is better. Another goal or target is\n"
            "judged anew; all else of it is a new base.",
        ),
        (
            "candidate",
            settings.candidate,
            "The command under research; it sees no private path. A change is a new base.",
        ),
        (
            "evaluate",
            settings.evaluate,
            "The evaluator: writes a JSON object to $AIRESEARCH_METRICS. A change is a new base.",
        ),
        (
            "outputs",
            list(settings.outputs),
            "The files that pass from candidate to evaluator. A change is a new base.",
        ),
        (
            "editable",
            list(settings.editable),
            "What agents may change, in gitignore syntax; that is never inert. A change is a new\n"
            "base.",
        ),
        (
            "inert",
            list(INERT),
            "What trials never see, in gitignore syntax, so that commits to it cost nothing.\n"
            "Another list is a new base.",
        ),
        ("budget", {"trial_seconds": 600}, "What one trial may use. A change is a new base."),
        (
            "promotion",
            {"min_effect": 0.0},
            "The smallest gain that counts, once it is proven. A change is judged anew.",
        ),
    ]
    return _commented(_TASK, lines)


def render_team() -> bytes:
    """The team to begin with, as commented YAML."""
    lines = [
        ("team", {"tuner": {"backend": "tuner"}}, "Who proposes; they take turns."),
        ("budget", {"trials": 200}, "What the whole campaign may use, failed trials included."),
        ("search", {"policy": "tree"}, "How the next node is chosen: greedy, or tree."),
    ]
    return _commented(_TEAM, lines)


def _commented(head: str, lines: Lines) -> bytes:
    # JSON is YAML, and it quotes whatever a command or a pattern may hold.
    blocks = [
        f"{_comment(comment)}{key}: {json.dumps(value, ensure_ascii=False)}\n"
        for key, value, comment in lines
        if value
    ]
    return "\n".join([_comment(head), "".join(blocks)]).encode("utf-8", "surrogateescape")


def _comment(text: str) -> str:
    return "".join(f"# {line}\n" for line in text.splitlines())
