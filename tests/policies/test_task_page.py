"""docs/task.md is the reference: every key once, its type and default as the code has them."""

import re
from collections.abc import Iterator
from dataclasses import MISSING, asdict, fields, is_dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints

import yaml
from airesearch.policies.task.schema import load_document
from airesearch.policies.task.task import FILE, Task, parse_task

PAGE = (Path(__file__).parents[2] / "docs" / "task.md").read_text()
EXAMPLES = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
WORDS = {str: "text", int: "whole number", float: "number", bool: "true or false"}


def rows() -> dict[str, tuple[str, str]]:
    """The type and the default the page gives for each key."""
    row = r"^\| `([\w.\[\]]+)` \| (.+?) \| (.+?) \| .+ \|$"
    found = [(key, (kind, default)) for key, kind, default in re.findall(row, PAGE, re.M)]
    assert len(dict(found)) == len(found)
    return dict(found)


def keys(kind: type, lead: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Each key below a dataclass, with its type and its default; MISSING where there is none."""
    hints = get_type_hints(kind)
    for field in fields(kind):
        hint, made = hints[field.name], field.default_factory
        name = f"{lead}{field.name}"
        yield name, hint, field.default if made is MISSING else made()
        inner = [part for part in (hint, *get_args(hint)) if is_dataclass(part)]
        below = {tuple: "[].", dict: ".NAME."}.get(get_origin(hint), ".")
        for part in inner:
            assert isinstance(part, type)
            yield from keys(part, f"{name}{below}")


def worded(hint: Any) -> str:
    """A type as the page says it; of keys that hold keys, what the link to them says."""
    if get_origin(hint) is UnionType:
        (hint,) = {*get_args(hint)} - {NoneType}
    if get_origin(hint) is Literal:
        return " or ".join(f"`{choice}`" for choice in get_args(hint))
    if get_origin(hint) is tuple:
        return f"list of {worded(get_args(hint)[0])}"
    if get_origin(hint) is dict:
        return "agents by name"
    return "keys" if is_dataclass(hint) else WORDS[hint]


def test_every_key_has_a_row_with_its_type_and_default() -> None:
    there = rows()
    known = {name: (hint, default) for name, hint, default in keys(Task)}
    assert list(there) == sorted(known, key=list(there).index), "keys that are only in one of both"
    for name, (hint, default) in known.items():
        kind, shown = there[name]
        assert re.sub(r"\[(.+)\]\(#\w+\)", r"\1", kind) == worded(hint), name
        if default is MISSING or default is None or is_dataclass(default):
            expected = {MISSING: "required", None: "–"}.get(default, "below")
            assert shown == expected, name
        else:
            assert yaml.safe_load(shown.strip("`")) == plain(default), name


def plain(default: Any) -> Any:
    """A default as YAML would give it."""
    if isinstance(default, dict):
        members = {name: asdict(member) for name, member in default.items()}
        return {n: {k: v for k, v in m.items() if v} for n, m in members.items()}
    return list(default) if isinstance(default, tuple) else default


def test_the_examples_are_tasks_that_name_every_key() -> None:
    named = set()
    for text in EXAMPLES:
        parse_task(text)
        lines = load_document(Task, text, FILE).lines
        named |= {re.sub(r"\[\d+\]", "[]", re.sub(r"^team\.\w+", "team.NAME", k)) for k in lines}
    assert len(EXAMPLES) == 2
    assert {name for name, _, _ in keys(Task)} <= named
