"""Whether two trees hold the same program: Python compared by its syntax, comments aside.

The two syntax trees are walked side by side, by code of the audit's own. Only what a file's syntax
is called, in the id of a program, is asked of the rules: that is a form, like the record's.
"""

import ast
import sys
import warnings
from collections.abc import Callable, Mapping
from functools import lru_cache
from hashlib import sha256
from typing import Any

from ...gitlab.reader.objects import Objects
from ...gitlab.reader.trees import candidate, edits
from ...gitlab.reader.values import Edit, Entry
from ...gitlab.record.paths import BUS
from ...gitlab.record.text import quote_path

_FILES = (0o100644, 0o100755)
_LARGEST = 1 << 21
_REMEMBERED = 8  # a proposal and its trial make the same claim, one after the other
_PYTHON = f"Python {sys.version_info.major}.{sys.version_info.minor}"


def is_program(
    said: str, objects: Objects, syntax: Callable[[bytes], str], base: str, tree: str
) -> bool:
    """Whether `said` is the id of the program in `tree`, told against `base`, by some Python.

    A file that this one cannot parse another may have: then nothing is held against it.
    """
    found = [edit for edit in edits(objects, base, tree) if not edit.path.startswith(f"{BUS}/")]
    texts = {
        side.oid: objects.blob(side.oid)
        for edit in found
        for side in (edit.old, edit.new)
        if side is not None and _is_python(edit.path, side)
    }
    names = {}
    if sum(map(len, texts.values())) <= _LARGEST // 2:
        names = {oid: syntax(text) for oid, text in texts.items()}
        if not all(names.values()):
            return True
    return said in (_id(objects, base, found, names), _id(objects, base, found, {}))


def _id(objects: Objects, base: str, found: list[Edit], names: Mapping[str, str]) -> str:
    said = sha256(candidate(objects, base).encode())
    for edit in found:
        before, after = (_named(edit.path, side, names) for side in (edit.old, edit.new))
        if before != after:
            said.update(
                b"\0%s\0%s" % (edit.path.encode("utf-8", "surrogateescape"), after.encode())
            )
    return said.hexdigest()


def _named(path: str, side: Entry | None, names: Mapping[str, str]) -> str:
    if side is None:
        return ""
    name = names.get(side.oid, side.oid) if _is_python(path, side) else side.oid
    return f"{side.mode:o} {name}"


def _is_python(path: str, side: Entry) -> bool:
    return path.endswith(".py") and side.mode in _FILES


def unlike(objects: Objects, one: str, other: str) -> str:
    """Why two trees are not the same program; empty where they are."""
    found = [edit for edit in edits(objects, one, other) if not edit.path.startswith(f"{BUS}/")]
    left = _LARGEST
    for edit in found:
        sides = [side for side in (edit.old, edit.new) if side is not None]
        path = quote_path(edit.path)
        if not edit.path.endswith(".py") or not _are_files(sides):
            return f"{path} differs"
        before, after = (objects.blob(side.oid) for side in sides)
        left -= len(before) + len(after)
        if left < 0:
            return "too much Python differs to be parsed"
        try:
            differs = _differ(before, after)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return f"{path} differs, and {_PYTHON} cannot parse it"
        if differs:
            return f"{path} differs by more than comments and formatting"
    return ""


def _are_files(sides: list[Entry]) -> bool:
    modes = [side.mode for side in sides]
    return len(modes) == 2 and modes[0] == modes[1] and modes[0] in _FILES


def _script(source: bytes) -> bytes:
    """The first line where it names the interpreter: no comment, as it may choose what runs."""
    return source.partition(b"\n")[0] if source.startswith(b"#!") else b""


@lru_cache(_REMEMBERED)
def _differ(before: bytes, after: bytes) -> bool:
    if _script(before) != _script(after):
        return True
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        waiting: list[tuple[Any, Any]] = [(ast.parse(before), ast.parse(after))]
    while waiting:
        left, right = waiting.pop()
        if type(left) is not type(right):
            return True
        if isinstance(left, ast.AST):
            pairs = ((getattr(left, n, None), getattr(right, n, None)) for n in left._fields)
            waiting += (pair for pair in pairs if pair[0] is not pair[1])
        elif isinstance(left, list):
            if len(left) != len(right):
                return True
            waiting += zip(left, right, strict=True)
        elif left != right:
            return True
    return False
