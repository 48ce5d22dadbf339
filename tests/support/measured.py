"""Trials of a node, as records, from a value each."""

from airesearch.gitlab.record.facts import Metric, Status, Trial
from airesearch.gitlab.record.records import Measure


def trial(replicate: int, value: float | None, lines: float | None = None) -> Measure:
    """A trial; one without a value crashed."""
    metric = () if value is None else (Metric("loss", value),)
    return Measure(
        agent="runner",
        subject="ran",
        node=4,
        trial=Trial(4, replicate),
        candidate="c" * 40,
        protocol="c" * 40,
        status=Status.CRASH if value is None else Status.OK,
        metric=metric if lines is None else (*metric, Metric("code_lines", lines)),
        reason="exit code 1" if value is None else None,
        seed=replicate,
        duration=1.0,
        peak_memory=1,
        output_bytes=1,
        executor="local",
        sandbox="none",
        evaluator="pinned",
        environment="e" * 40,
    )
