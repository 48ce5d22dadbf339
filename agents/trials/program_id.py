"""The program that a candidate is: its files, with the comments and formatting of Python aside.

To tell it of a whole tree, each step would parse every file of a large repository. So it is told
against the base of the search, which all nodes of it share: the id of the base's candidate, and
each file that differs from it by more than comments and formatting. Only changed files are parsed.
"""

import ast
import hashlib
import sys
import warnings
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, TypeGuard

from ...gitlab.lab.lab import Lab
from ...gitlab.reader.trees import candidate, edits
from ...gitlab.reader.values import Edit, Entry, Objects
from ...gitlab.record.text import quote_path
from ...gitlab.store.objects import LibgitObjects
from ...gitlab.store.trees import Oid

_FILES = (0o100644, 0o100755)
_LARGEST = 1 << 20
"""Bytes of Python that are parsed of what differs from a base; with more, every file counts by its
bytes."""
Counts = Callable[[str], bool]
"""Whether a path is part of the program."""
_PYTHON = f"Python {sys.version_info.major}.{sys.version_info.minor}"


def program(lab: Lab, base: Oid, tree: Oid, counts: Counts) -> str:
    """The id of the program in `tree`, told against the tree `base`, of the paths that count.

    Two trees that differ in comments and formatting of Python files alone have the same. A file
    that this version of Python cannot parse counts by its bytes, and another version may differ.
    """
    return next(_ids(LibgitObjects(lab.repo), str(base), str(tree), counts))


def same_program(lab: Lab, one: Oid, other: Oid, counts: Counts) -> bool:
    """Whether two trees differ in comments and formatting of Python files alone."""
    return not unlike(LibgitObjects(lab.repo), str(one), str(other), counts)


def may_be_program(said: str, objects: Objects, base: str, tree: str, counts: Counts) -> bool:
    """Whether `said` is the id of the program in `tree` by this or by another version of Python."""
    if said in _ids(objects, base, tree, counts):
        return True
    sources = _sources(objects, _changed(objects, base, tree, counts))
    return sum(map(len, sources)) <= _LARGEST and not all(map(syntax, sources))


def unlike(objects: Objects, one: str, other: str, counts: Counts) -> str:
    """Why two trees differ by more than comments and formatting of Python; empty where they do not.

    Each may be as far from their base as is parsed, so from the other by twice that.
    """
    changed = _changed(objects, one, other, counts)
    parses = sum(map(len, _sources(objects, changed))) <= 2 * _LARGEST
    for edit in changed:
        path = quote_path(edit.path)
        old, new = edit.old, edit.new
        if not (_is_python(old, edit.path) and _is_python(new, edit.path)) or old.mode != new.mode:
            return f"{path} differs"
        if not parses:
            return "too much Python differs to be parsed"
        before, after = (syntax(objects.blob(side.oid)) for side in (old, new))
        if not before or not after:
            return f"{path} differs, and {_PYTHON} cannot parse it"
        if before != after:
            return f"{path} differs by more than comments and formatting"
    return ""


@lru_cache(maxsize=256)
def syntax(source: bytes) -> str:
    """The id of what Python reads in `source`; empty where it cannot be parsed.

    The names and fields of the syntax tree, those that are empty left out: so it does not change
    where a later Python gives a statement one more field. A first line that names the interpreter
    counts, as it may choose what runs.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            words = _words(ast.parse(source))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ""
    script = source.partition(b"\n")[0] if source.startswith(b"#!") else b""
    return hashlib.sha256(script + b"\n" + "\n".join(words).encode()).hexdigest()


class _Mark(str):
    """A word of the form's own among the values of a syntax tree."""


def _words(tree: ast.AST) -> Iterator[str]:
    """The tree in one unambiguous row. Not recursive: sums of a thousand terms run deep."""
    waiting: list[Any] = [tree]
    while waiting:
        item = waiting.pop()
        if isinstance(item, ast.AST):
            yield type(item).__name__
            waiting.append(_Mark(")"))
            for name in item._fields[::-1]:
                value = getattr(item, name, None)
                # Whether a name is read or written follows from where it stands.
                if value is not None and value != [] and name != "ctx":
                    waiting += (value, _Mark(name))
        elif isinstance(item, list):
            yield "["
            waiting += (_Mark(")"), *item[::-1])
        elif isinstance(item, _Mark):
            yield item
        else:
            # As hex, since a long number has no decimal text; as ASCII, since what prints differs
            # from one version of Unicode to the next.
            text = hex(item) if type(item) is int else ascii(item)
            yield f"{type(item).__name__} {text}"


def _ids(objects: Objects, base: str, tree: str, counts: Counts) -> Iterator[str]:
    """The id by syntax where there is little enough to parse; then the id by bytes alone."""
    changed = _changed(objects, base, tree, counts)
    is_little = sum(map(len, _sources(objects, changed))) <= _LARGEST

    def form(path: str, side: Entry | None, parses: bool) -> str:
        if side is None:
            return ""
        read = syntax(objects.blob(side.oid)) if parses and _is_python(side, path) else ""
        return f"{side.mode:o} {read or side.oid}"

    for parses in (True, False) if is_little else (False,):
        said = hashlib.sha256(candidate(objects, base).encode())
        for edit in changed:
            before, after = (form(edit.path, side, parses) for side in (edit.old, edit.new))
            if before != after:
                path = edit.path.encode("utf-8", "surrogateescape")
                said.update(b"\0%s\0%s" % (path, after.encode()))
        yield said.hexdigest()


def _changed(objects: Objects, one: str, other: str, counts: Counts) -> list[Edit]:
    return [edit for edit in edits(objects, one, other) if counts(edit.path)]


def _sources(objects: Objects, changed: list[Edit]) -> list[bytes]:
    """Both sides of every change to a Python file."""
    sides = ((edit.path, side) for edit in changed for side in (edit.old, edit.new))
    return [objects.blob(side.oid) for path, side in sides if _is_python(side, path)]


def _is_python(side: Entry | None, path: str) -> TypeGuard[Entry]:
    return side is not None and path.endswith(".py") and side.mode in _FILES
