"""An `airesearch.yaml` of a lab without a `team.yaml`, as the two files that say the same."""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, is_dataclass
from itertools import pairwise
from typing import Any

from ...gitlab.record.paths import TEAM_FILE
from .schema import Block, Document, SchemaError, load_document, outline
from .task import FILE, Task, is_teams, parse_task

_HEAD = "# Who works, what the campaign may spend, how it searches. No change of it costs a trial."
_DEFAULT = "team: {tuner: {backend: tuner}}\n"
_BUDGET = "budget"
_COMMENT = re.compile(r"(?:^|\s)(#.*?)\s*$")


@dataclass(frozen=True)
class Split:
    """The texts of both files, and what could not be moved as it stood."""

    task: bytes
    team: bytes
    anew: str = ""


def split(source: bytes) -> Split:
    """Both files, checked to say what `source` says.

    Lines move as they stand, with their comments. Raises SchemaError where `source` is no task, or
    where two files cannot say the same.
    """
    parse_task(source)
    document = load_document(Task, source, FILE)
    text = source.decode()
    mark = "\ufeff" if text.startswith("\ufeff") else ""
    text = text.removeprefix(mark)
    newline = "\r\n" if "\r\n" in text else "\n"
    by_lines = _by_lines(document, text)
    if by_lines is not None:
        made = _encoded(mark, newline, *by_lines)
        if not _fault(document.value, made):
            return made
    made = _encoded(mark, newline, *_all_anew(document))
    if fault := _fault(document.value, made):
        raise SchemaError(f"{FILE} cannot be split: {fault.what}", fault.mend)
    return made


def _encoded(mark: str, newline: str, task: list[str], team: list[str], anew: str) -> Split:
    texts = ("".join(_ended(lines, newline)) for lines in (task, [_HEAD, "", *team]))
    first, second = (text.encode() for text in texts)
    return Split(mark.encode() + first, second, anew)


def _ended(lines: Sequence[str], newline: str) -> Iterable[str]:
    """Each line with its end, without blank ones after the last."""
    last = max((n for n, line in enumerate(lines) if line.strip()), default=-1)
    return (line.rstrip("\r\n") + newline for line in lines[: last + 1])


def _fault(old: Task, made: Split) -> SchemaError | None:
    """Why the two files do not say what was said before; None where they do."""
    try:
        new = parse_task(made.task, made.team)
    except SchemaError as error:
        return error
    for field in fields(old):
        before, after = getattr(old, field.name), getattr(new, field.name)
        # The order of a team says who is asked when.
        if before != after or (isinstance(before, dict) and list(before) != list(after)):
            what = f"{field.name} would not be what it was"
            return SchemaError(what, f"write a {TEAM_FILE} by hand")
    return None


def _by_lines(document: Document[Task], text: str) -> tuple[list[str], list[str], str] | None:
    """The lines of both files, and what is not as it stood; None where keys share their lines."""
    blocks = outline(text, FILE)
    if not blocks or any(block.column for block in blocks):
        return None
    lines = text.splitlines(keepends=True)
    starts = _starts(lines, blocks, 0)
    end = _tail(lines, blocks[-1].line + 1)
    task, team, anew = lines[: starts[0]], list[str](), ""
    for block, (start, stop) in zip(blocks, pairwise([*starts, end]), strict=True):
        below = f"{block.key}."
        inner = [key for key in document.lines if key.startswith(below)]
        theirs = [is_teams(key) for key in (inner if block.key == _BUDGET else [block.key])]
        if not any(theirs):
            task += lines[start:stop]
        elif all(theirs):
            team += lines[start:stop]
        elif block.inner and block.line < block.inner[0].line < stop:
            for side, is_team in ((task, False), (team, True)):
                side += _half(lines[:stop], start, block, is_team)
        else:
            anew = _BUDGET
            for side, is_team in ((task, False), (team, True)):
                side += _flow_half(document, lines[start:stop], is_team)
    return task + lines[end:], team or [_DEFAULT], anew


def _starts(lines: Sequence[str], blocks: Sequence[Block], least: int) -> list[int]:
    """Where each block begins: at its key, or at the comments right above that."""
    starts = []
    for block in blocks:
        start = block.line
        while start > least and _is_comment(lines[start - 1], block.column):
            start -= 1
        starts.append(start)
        least = block.line + 1
    return starts


def _tail(lines: Sequence[str], least: int) -> int:
    """Where the comments begin that stand after the last block, and apart from it."""
    last = len(lines)
    while last > least and (not lines[last - 1].strip() or _is_comment(lines[last - 1], 0)):
        last -= 1
    return next((n for n in range(last, len(lines)) if not lines[n].strip()), len(lines))


def _is_comment(line: str, column: int) -> bool:
    """Whether a line is a comment that is not indented beyond `column`."""
    return line[: column + 1].lstrip(" ").startswith("#")


def _half(lines: Sequence[str], start: int, block: Block, is_team: bool) -> list[str]:
    """The keys of the budget that stand in one of the files, below its own lines."""
    inner = block.inner or ()
    starts = _starts(lines, inner, block.line + 1)
    half = list(lines[start : starts[0]])
    for key, (first, stop) in zip(inner, pairwise([*starts, len(lines)]), strict=True):
        if is_teams(f"{_BUDGET}.{key.key}") == is_team:
            half += lines[first:stop]
    return half


def _flow_half(document: Document[Task], lines: Sequence[str], is_team: bool) -> list[str]:
    """The same of a budget in braces, below all its comments: it holds numbers only."""
    comments = [f"{found[1]}\n" for line in lines if (found := _COMMENT.search(line))]
    given = _given(document.value.budget, _BUDGET, document)
    half = {key: v for key, v in given.items() if is_teams(f"{_BUDGET}.{key}") == is_team}
    shown = ", ".join(f"{key}: {json.dumps(value)}" for key, value in half.items())
    return [*comments, f"{_BUDGET}: {{{shown}}}\n", *(line for line in lines if not line.strip())]


def _all_anew(document: Document[Task]) -> tuple[list[str], list[str], str]:
    """The lines of both files from the values alone; JSON is YAML."""
    values = _given(document.value, "", document)
    budget = values.get(_BUDGET, {})
    sides: tuple[list[str], list[str]] = ([], [])
    for is_team in (False, True):
        for key, value in values.items():
            if key == _BUDGET:
                value = {k: v for k, v in budget.items() if is_teams(f"{key}.{k}") == is_team}
            elif is_teams(key) != is_team:
                continue
            if value or key != _BUDGET:
                sides[is_team].append(f"{key}: {json.dumps(value, ensure_ascii=False)}\n")
    return sides[0], sides[1] or [_DEFAULT], "both files, without comments,"


def _given(value: Any, key: str, document: Document[Task]) -> Any:
    """A value as plain data, with what the file gives of it, in the file's order."""
    lead = f"{key}." if key else ""
    if is_dataclass(value) or isinstance(value, dict):
        inner = value if isinstance(value, dict) else vars(value)
        below = (line.removeprefix(lead) for line in document.lines if line.startswith(lead))
        return {k: _given(inner[k], lead + k, document) for k in below if k in inner}
    if isinstance(value, tuple):
        return [_given(item, f"{key}[{n}]", document) for n, item in enumerate(value)]
    is_whole = isinstance(value, float) and value == int(value) and abs(value) < 1e15
    return int(value) if is_whole else value
