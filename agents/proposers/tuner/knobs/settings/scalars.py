"""Where files of settings hold scalars: what YAML, TOML and JSON have in common."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from ..comments import Comment, Comments
from ..domains import Value
from ..site import Site

LARGEST = 100_000
"""A longer file is data."""
_MOST = 500
"""As is one with more scalars."""
_MOST_ELEMENTS = 4
_FLOAT = re.compile(r"[-+]?(\d[\d_]*)?\.?\d[\d_]*\.?([eE][-+]?\d+)?")
_INTEGER = re.compile(r"[-+]?(0|[1-9][\d_]*)")
_NO_SETTINGS = re.compile(
    r"(.*/)?(package(-lock)?\.json|tsconfig.*\.json|pyproject\.toml|Cargo\.toml|.*\.lock"
    r"|docker-compose.*|environment\.ya?ml|mkdocs\.ya?ml|dvc\.ya?ml|\..*|_config\.yml"
    r"|pre-commit.*|codecov\.yml|airesearch\.yaml|team\.yaml)|\..*/.*"
)

Path = Sequence[str | int]


def is_settings(path: str) -> bool:
    """Whether a file may hold settings of an experiment: not one of a tool."""
    return not _NO_SETTINGS.fullmatch(path)


def number(text: str) -> int | float | None:
    """The number that a plain scalar is; None where it is none."""
    if _INTEGER.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        value = float(text)
        return value if abs(value) <= 1e300 else None
    return None


def named(source: str, scalars: Iterable[tuple[Path, int, int, Value]]) -> tuple[Site, ...]:
    """The sites of scalars, each with its path, its place and its value."""
    every = list(scalars)
    if len(every) > _MOST:
        return ()
    sizes = Counter(_name(path[:-1]) for path, *_ in every if isinstance(path[-1], int))
    counts: Counter[str] = Counter()
    made = []
    line, before = 1, 0
    for path, start, end, value in sorted(every, key=lambda one: one[1]):
        group = _name(path[:-1]) if isinstance(path[-1], int) else ""
        if group and sizes[group] > _MOST_ELEMENTS:
            continue
        line += source.count("\n", before, start)
        before = start
        name = _name(path)
        counts[name] += 1
        made.append(
            Site(
                name=name if counts[name] == 1 else f"{name}#{counts[name]}",
                value=value,
                start=start,
                end=end,
                line=line,
                end_line=line + source.count("\n", start, end),
                kind="setting",
                group=group,
            )
        )
    return tuple(made)


def commented(source: str, starts: Iterable[int]) -> Comments:
    """The comments that start at places, by line; what is no `#` begins like one here."""
    found = {}
    for start in starts:
        line = source.count("\n", 0, start) + 1
        before = source[source.rfind("\n", 0, start) + 1 : start]
        text = re.split(r"[\r\n]", source[start:], maxsplit=1)[0]
        text = re.sub(r"^(//|/\*)(.*?)(\*/)?$", r"#\2", text)
        found[line] = Comment(text.rstrip(), not before.strip())
    return found


def _name(path: Path) -> str:
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return "".join(parts).lstrip(".")
