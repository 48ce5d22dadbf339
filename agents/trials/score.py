"""From what a trial left to its metrics: read them, complete them, hold them to the gates."""

import json
import math
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ...gitlab.isolated import NOWHERE, python
from ...gitlab.record.facts import METRIC_NAME, PARTIAL, Metric, Status
from ...policies.task.task import MIB, Constraint, Task
from .outcome import Outcome
from .outputs import BadOutput, read_regular

_LARGEST_METRICS_FILE = 1 << 20
_LARGEST = 1e150
"""A metric's size at most, so that squares of differences are numbers."""
_MATCH_SECONDS = 10
# In a process of its own, which can be stopped: what is matched is the candidate's to choose, and
# there are patterns that take longer than anybody waits for some texts.
_LAST_MATCH = """\
import json, re, sys
json.dump(re.findall(*json.load(sys.stdin))[-1:], sys.stdout)
"""


class BadScore(Exception):
    """A trial that ran and cannot rank: a status and one sentence."""

    def __init__(self, status: Status, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


def read_metrics(file: Path, digits: int | None) -> dict[str, float]:
    """The metrics an evaluator wrote: one JSON object of finite numbers. Raises BadScore.

    Each is rounded to so many significant digits; None keeps them all.
    """
    try:
        text = read_regular(file, _LARGEST_METRICS_FILE)
    except BadOutput:
        what = "the metrics file is no regular file of at most 1 MiB"
        raise BadScore(Status.METRIC, what) from None
    if not text:
        raise BadScore(Status.METRIC, "the evaluator wrote no $AIRESEARCH_METRICS")
    try:
        data = json.loads(text, object_pairs_hook=no_repeats)
    except (ValueError, RecursionError):
        raise BadScore(Status.METRIC, "the metrics file is not JSON, or repeats a name") from None
    if not isinstance(data, dict):
        raise BadScore(Status.METRIC, "the metrics file is not a JSON object")
    # What is wrong is said without a word of the file: it may quote private data.
    if not all(METRIC_NAME.fullmatch(n) and not n.startswith(PARTIAL) for n in data):
        raise BadScore(Status.METRIC, "a name in the metrics file cannot be a metric's name")
    return {name: rounded(_number(name, value), digits) for name, value in data.items()}


def rounded(value: float, digits: int | None) -> float:
    """A value to so many significant digits; None keeps them all."""
    return value if digits is None else float(f"{value:.{digits}g}")


def read_printed(pattern: str, log: bytes, metric: str) -> dict[str, float]:
    """The last match of a self-reported score in the log. Raises BadScore."""
    asked = json.dumps([pattern, log.decode("utf-8", "replace")]).encode()
    try:
        done = subprocess.run(
            python("-c", _LAST_MATCH),
            cwd=NOWHERE,
            input=asked,
            capture_output=True,
            timeout=_MATCH_SECONDS,
            check=True,
        )
    except (subprocess.TimeoutExpired, subprocess.CalledProcessError):
        what = f"what was printed cannot be held against {pattern!r} in {_MATCH_SECONDS} s"
        raise BadScore(Status.METRIC, what) from None
    found = json.loads(done.stdout)
    if not found:
        raise BadScore(Status.METRIC, f"nothing printed matches {pattern!r}")
    last = found[-1] if isinstance(found[-1], str) else found[-1][0]
    try:
        return {metric: _number(metric, float(last))}
    except ValueError:
        raise BadScore(Status.METRIC, f"{metric} was printed as {last!r}, not a number") from None


def measured_here(task: Task, outcome: Outcome, diff_lines: int) -> dict[str, float]:
    """The built-in metrics the task speaks of, but for `code_lines`."""
    values = {
        "train_seconds": outcome.duration,
        "peak_memory_mb": outcome.peak_memory / MIB,
        "output_mb": outcome.output_bytes / MIB,
        "diff_lines": float(diff_lines),
    }
    return {name: value for name, value in values.items() if name in task.metrics}


def ordered(task: Task, values: Mapping[str, float]) -> tuple[Metric, ...]:
    """The measured values, the task's own metrics first and in its order."""
    names = dict.fromkeys([*(n for n in task.metrics if n in values), *sorted(values)])
    return tuple(Metric(name, values[name]) for name in names)


def partial(metrics: Iterable[Metric]) -> tuple[Metric, ...]:
    """The same values under names that cannot rank."""
    return tuple(Metric(f"{PARTIAL}{metric.name}", metric.value) for metric in metrics)


def require(task: Task, values: Mapping[str, float]) -> None:
    """Raises BadScore where a metric of the task is missing or misses its gate."""
    missing = [name for name in task.metrics if name not in values]
    if missing:
        raise BadScore(Status.METRIC, f"the evaluator did not report {', '.join(missing)}")
    misses = [miss for bound in task.constraints if (miss := _miss(bound, values[bound.metric]))]
    if misses:
        raise BadScore(Status.GATE, "; ".join(misses))


def _miss(bound: Constraint, value: float) -> str:
    if bound.max is not None and value > bound.max:
        over = value - bound.max
        return f"{bound.metric} is {value:.6g}, over the {bound.max:g} allowed by {over:.3g}"
    if bound.min is not None and value < bound.min:
        short = bound.min - value
        return f"{bound.metric} is {value:.6g}, short of the {bound.min:g} asked for by {short:.3g}"
    return ""


def _number(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadScore(Status.METRIC, f"{name} is not a number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise BadScore(Status.METRIC, f"{name} is {number}")
    if abs(number) > _LARGEST:
        raise BadScore(Status.METRIC, f"{name} is {number:g}, beyond what can be compared")
    return number


def no_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object in which no name is given twice: readers differ in which of the two counts."""
    if len({name for name, _ in pairs}) != len(pairs):
        raise ValueError("a name is given twice")
    return dict(pairs)
