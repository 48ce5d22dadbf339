"""The first `airesearch.yaml` of a repository, from what the user said on the command line."""

import json
from dataclasses import dataclass

from ...gitlab.record.facts import Goal


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
        ("name", "research", "what this lab is called"),
        ("objective", objective, "the metric to improve, and whether less or more is better"),
        ("candidate", settings.candidate, "the command under research; it sees no private path"),
        (
            "evaluate",
            settings.evaluate,
            "the evaluator: writes a JSON object to $AIRESEARCH_METRICS",
        ),
        ("outputs", list(settings.outputs), "the files that pass from candidate to evaluator"),
        ("editable", list(settings.editable), "what agents may change, in gitignore syntax"),
        ("budget", {"trials": 200, "trial_seconds": 600}, "for the campaign, and for one trial"),
        ("promotion", {"min_effect": 0.0}, "the smallest gain that counts, once it is proven"),
        ("team", {"tuner": {"backend": "tuner"}}, "who proposes"),
    ]
    # JSON is YAML, and it quotes whatever a command or a pattern may hold.
    text = "".join(
        f"# {comment}\n{key}: {json.dumps(value, ensure_ascii=False)}\n"
        for key, value, comment in lines
        if value
    )
    return text.encode("utf-8", "surrogateescape")
