"""The assignment of a command-line agent, as the Markdown file it is given."""

from collections.abc import Sequence

from ....gitlab.desk.desk import Desk
from ....gitlab.record.facts import Goal, Operator
from ....gitlab.record.text import one_line, plural, quote_path
from ....policies.task.task import Task
from ..base import Brief, Past

_LAST, _BEST = 20, 5
_PATHS_LISTED = 200
_LONGEST_REASON = 120
_ASKED = {
    Operator.DRAFT: "Write a new approach.",
    Operator.IMPROVE: "Improve on the code that lies here.",
    Operator.DEBUG: "The code that lies here failed; mend it.",
    Operator.MERGE: "Combine what worked.",
    Operator.ABLATE: "Take one thing away, to learn what it is worth.",
}


def render_brief(task: Task, desk: Desk, brief: Brief) -> str:
    """What is wanted, what may be edited and what was tried, as Markdown."""
    parts = (
        f"# {one_line(task.name)}: node {brief.node}",
        _assignment(task, brief),
        _rules(task, desk),
        _lineage(brief),
    )
    return "\n\n".join(parts) + "\n"


def _assignment(task: Task, brief: Brief) -> str:
    base = "not measured" if brief.base.score is None else f"{brief.base.score:.6g}"
    lines = [
        f"- Objective: {brief.goal} `{brief.metric}`; the baseline is at {base}.",
        f"- Operator: {brief.operator}. {_ASKED.get(brief.operator, '')}".rstrip(),
        f"- It is run as `{one_line(task.candidate)}`, for at most "
        f"{task.budget.trial_seconds:g} s and {task.budget.trial_memory_mb:,} MiB.",
    ]
    lines += [f"- Must hold: {_bound(c.metric, c.min, c.max)}." for c in task.constraints]
    return "\n".join(lines)


def _bound(metric: str, least: float | None, most: float | None) -> str:
    bounds = (("at least", least), ("at most", most))
    return f"`{metric}` " + " and ".join(f"{word} {n:g}" for word, n in bounds if n is not None)


def _rules(task: Task, desk: Desk) -> str:
    paths = [path for path in desk.list() if desk.writable(path)]
    more = len(paths) - _PATHS_LISTED
    lines = [
        "## What you may edit",
        "",
        f"Patterns, as in a .gitignore: {', '.join(f'`{one_line(p)}`' for p in task.editable)}.",
        "A change to any other file is refused, and the whole proposal with it. These files match:",
        "",
        *(f"- `{quote_path(path)}`" for path in paths[:_PATHS_LISTED]),
        *([f"- and {plural(more, 'file')} more"] if more > 0 else []),
        "",
        "Your edits in this folder are the proposal, committed or not. Commit with a message that",
        "says what you tried and why: it is kept. New files that .gitignore or `outputs` name are",
        "left behind, and what you leave running is ended.",
    ]
    return "\n".join(lines)


def _lineage(brief: Brief) -> str:
    last = brief.past[-_LAST:]
    lines = ["## What was tried", "", "| node | status | score | why |", "|---|---|---|---|"]
    lines += [_row(past) for past in (*_best(brief.past, brief.goal, last), *last)]
    return "\n".join(lines)


def _best(past: Sequence[Past], goal: Goal, listed: Sequence[Past]) -> list[Past]:
    """The best nodes of all, less those that are listed anyway, in id order."""
    sign = 1 if goal == "minimize" else -1
    scored = sorted((sign * p.score, p.node, p) for p in past if p.score is not None)
    there = {one.node for one in listed}
    best = [one for _, _, one in scored[:_BEST] if one.node not in there]
    return sorted(best, key=lambda one: one.node)


def _row(past: Past) -> str:
    score = "" if past.score is None else f"{past.score:.6g}"
    why = one_line(past.reason, _LONGEST_REASON).replace("|", "\\|")
    return f"| {past.node} | {past.status} | {score} | {why} |"
