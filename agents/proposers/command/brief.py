"""The assignment of a command-line agent, as the Markdown file it is given."""

from ....gitlab.desk.desk import Desk
from ....gitlab.record.text import one_line, plural, quote_path
from ....policies.task.task import Task
from ..base import Brief

_LAST, _BEST = 20, 5
_PATHS_LISTED = 200
_LONGEST_REASON = 120


def render_brief(task: Task, desk: Desk, brief: Brief) -> str:
    """What is wanted, what may be edited and what was tried, as Markdown."""
    base = "not measured" if brief.base.score is None else f"{brief.base.score:.6g}"
    lines = [
        f"# {one_line(task.name)}: node {brief.node}",
        "",
        f"- Objective: {brief.goal} `{brief.metric}`; the baseline is at {base}.",
        f"- Operator: {brief.operator}. {brief.assignment}".rstrip(),
        f"- It is run as `{one_line(task.candidate)}`, for at most "
        f"{task.budget.trial_seconds:g} s and {task.budget.trial_memory_mb:,} MiB.",
    ]
    for gate in task.constraints:
        bounds = (("at least", gate.min), ("at most", gate.max))
        said = " and ".join(f"{word} {bound:g}" for word, bound in bounds if bound is not None)
        lines.append(f"- Must hold: `{gate.metric}` {said}.")
    return "\n".join([*lines, "", *_rules(task, desk), "", *_history(brief)]) + "\n"


def _rules(task: Task, desk: Desk) -> list[str]:
    paths = [path for path in desk.list() if desk.writable(path)]
    more = len(paths) - _PATHS_LISTED
    return [
        "## What you may edit",
        "",
        f"Patterns, as in a .gitignore: {', '.join(f'`{one_line(p)}`' for p in task.editable)}.",
        *_inert(task),
        "A change to any other file is refused, and the whole proposal with it. These files match:",
        "",
        *(f"- `{quote_path(path)}`" for path in paths[:_PATHS_LISTED]),
        *([f"- and {plural(more, 'file')} more"] if more > 0 else []),
        "",
        "Your edits in this folder are the proposal, committed or not. Commit with a message that",
        "says what you tried and why: it is kept. New files that .gitignore or `outputs` name are",
        "left behind, and what you leave running is ended.",
    ]


def _inert(task: Task) -> list[str]:
    listed = ", ".join(f"`{one_line(pattern)}`" for pattern in task.inert)
    return [f"What no trial sees is left as it was: {listed}."] if task.is_split and listed else []


def _history(brief: Brief) -> list[str]:
    """The best nodes and the newest ones, in id order."""
    last = brief.past[-_LAST:]
    sign = 1 if brief.goal == "minimize" else -1
    scored = sorted((sign * p.score, p.node, p) for p in brief.past if p.score is not None)
    listed = {past.node for past in last}
    best = [past for _, _, past in scored[:_BEST] if past.node not in listed]
    lines = ["## What was tried", "", "| node | status | score | why |", "|---|---|---|---|"]
    for past in (*sorted(best, key=lambda past: past.node), *last):
        score = "" if past.score is None else f"{past.score:.6g}"
        why = one_line(past.reason, _LONGEST_REASON).replace("|", "\\|")
        why = f"(of an earlier base) {why}".rstrip() if past.is_older else why
        lines.append(f"| {past.node} | {past.status} | {score} | {why} |")
    return lines
