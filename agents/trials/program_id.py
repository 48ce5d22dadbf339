"""The program that a candidate is: its files, with the comments and formatting of Python aside.

To tell it of a whole tree, each step would parse every file of a large repository. So it is told
against the base of the search, which all nodes of it share: the id of the base's candidate, and
each file that differs from it by more than comments and formatting. Only changed files are parsed.
"""

import ast
import hashlib
import warnings
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

from ...gitlab.lab.lab import Lab
from ...gitlab.record.paths import BUS
from ...gitlab.store.change import compare
from ...gitlab.store.trees import Entry, Oid, Repository, find

_FILES = (0o100644, 0o100755)
_LARGEST = 1 << 20
"""Bytes of Python that are parsed of what differs from a base; with more, every file counts by its
bytes."""
_CACHED = 4096
_Pair = tuple[str, Entry | None, Entry | None]


class _Mark(str):
    """A word of the form's own among the values of a syntax tree."""


_END = _Mark(")")


def program(lab: Lab, base: Oid, tree: Oid) -> str:
    """The id of the program in `tree`, told against the tree `base`.

    Two trees that differ in comments and formatting of Python files alone have the same. A file
    that this version of Python cannot parse counts by its bytes, and another version may differ.
    """
    pairs = _differing(lab.repo, base, tree)
    return _told(lab, base, pairs, _size(lab.repo, pairs) <= _LARGEST)


def may_be_program(said: str, lab: Lab, base: Oid, tree: Oid) -> bool:
    """Whether `said` is the id of the program in `tree` by this or by another version of Python."""
    pairs = _differing(lab.repo, base, tree)
    parses = _size(lab.repo, pairs) <= _LARGEST
    if said in (_told(lab, base, pairs, parses), _told(lab, base, pairs, False)):
        return True
    return parses and not all(_syntax_of(lab.repo, file.oid) for file in _python(pairs))


def same_program(lab: Lab, one: Oid, other: Oid) -> bool:
    """Whether two trees differ in comments and formatting of Python files alone."""
    pairs = _differing(lab.repo, one, other)
    parses = _size(lab.repo, pairs) <= 2 * _LARGEST  # each may be so far from the base
    forms = ([_form(lab.repo, side, parses) for side in sides] for _, *sides in pairs)
    return all(left == right for left, right in forms)


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


def _words(tree: ast.AST) -> Iterator[str]:
    """The tree in one unambiguous row. Not recursive: sums of a thousand terms run deep."""
    waiting: list[Any] = [tree]
    while waiting:
        item = waiting.pop()
        if isinstance(item, ast.AST):
            yield type(item).__name__
            waiting.append(_END)
            for name in item._fields[::-1]:
                value = getattr(item, name, None)
                # Whether a name is read or written follows from where it stands.
                if value is not None and value != [] and name != "ctx":
                    waiting += (value, _Mark(name))
        elif isinstance(item, list):
            yield "["
            waiting += (_END, *item[::-1])
        elif isinstance(item, _Mark):
            yield item
        else:
            # As hex, since a long number has no decimal text; as ASCII, since what prints differs
            # from one version of Unicode to the next.
            text = hex(item) if type(item) is int else ascii(item)
            yield f"{type(item).__name__} {text}"


def _told(lab: Lab, base: Oid, pairs: Sequence[_Pair], parses: bool) -> str:
    said = hashlib.sha256(str(lab.candidate(base)).encode())
    for path, *sides in pairs:
        before, after = (_form(lab.repo, side, parses) for side in sides)
        if before != after:
            said.update(b"\0%s\0%s" % (path.encode("utf-8", "surrogateescape"), after.encode()))
    return said.hexdigest()


def _differing(repo: Repository, one: Oid, other: Oid) -> Sequence[_Pair]:
    paths = (change.path for change in compare(repo, one, other).paths)
    own = (path for path in paths if not path.startswith(f"{BUS}/"))
    return [(path, find(repo, one, path), find(repo, other, path)) for path in own]


def _size(repo: Repository, pairs: Sequence[_Pair]) -> int:
    return sum(len(repo.odb.read(file.oid)[1]) for file in _python(pairs))


def _python(pairs: Sequence[_Pair]) -> list[Entry]:
    return [side for _, *sides in pairs for side in sides if side is not None and _is_python(side)]


def _is_python(file: Entry) -> bool:
    return file.path.endswith(".py") and file.mode in _FILES


def _form(repo: Repository, file: Entry | None, parses: bool) -> str:
    """What a file counts as; empty for one that is not there."""
    if file is None:
        return ""
    read = _syntax_of(repo, file.oid) if parses and _is_python(file) else ""
    return f"{file.mode:o} {read or file.oid}"


@lru_cache(_CACHED)
def _syntax_of(repo: Repository, oid: Oid) -> str:
    return syntax(repo.odb.read(oid)[1])
