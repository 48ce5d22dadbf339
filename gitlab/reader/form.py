"""The form of git's objects, as git itself writes them: what is sound for one reader is for both.

Git and its libraries forgive different things: a header without a value, a folded line, a mode of
other digits. What any one of them could read otherwise than the next is refused by both readers
before either parses it. This says whether the bytes are in form; what they say, each reads itself.
"""

import re
from collections.abc import Callable, Container, Iterator
from itertools import pairwise
from typing import TypeVar

from .values import FOLDER, PLAIN_FILE, Unsound

MODES = frozenset({PLAIN_FILE, 0o100755, 0o120000, 0o160000, FOLDER})
"""The modes that git gives to what is in a tree."""
DEEPEST = 250
"""Folders that may lie in each other: more no file system's path would hold."""
MOST_FILES = 5_000_000
"""In one tree. A few folders that hold each other many times over make more than any disk takes."""
_LATEST = 2**63 - 1
_IDENTITY = rb"[^<>\n\0]* <[^<>\n\0]*> (-?[0-9]{1,19}) [+-][0-9]{1,9}"
_HEAD = re.compile(
    rb"tree [0-9a-f]{40}\n(?:parent [0-9a-f]{40}\n)*author %b\ncommitter %b\n"
    rb"(?:encoding [^\n\0]*\n)?" % (_IDENTITY, _IDENTITY)
)
# A signature, a merged tag, what another tool has to say: a name, a value, folded lines.
_MORE = re.compile(
    rb"(?!(?:tree|parent|author|committer|encoding) )[^ \n\0]+ [^\n\0]*\n(?: [^\n\0]*\n)*"
)
# The last of these is what the git of 2005 wrote, and all others read as the first.
_ENTRY = re.compile(rb"(100644|100755|120000|160000|40000|100664) ([^/\0]+)\0(.{20})", re.DOTALL)
_NOT_NAMES = frozenset({b".", b"..", b".git"})
_Key = TypeVar("_Key")


def commit_parts(oid: str, data: bytes) -> tuple[bytes, bytes]:
    """The headers that say who, when and what, and the message. Raises Unsound out of form."""
    head = _HEAD.match(data)
    at = head.end() if head else 0
    while at and (more := _MORE.match(data, at)):
        at = more.end()
    if head is None or not (at == len(data) or data[at : at + 1] == b"\n"):
        raise Unsound(f"commit {oid} does not parse")
    if any(abs(int(time)) > _LATEST for time in head.groups()):
        raise Unsound(f"commit {oid} does not parse")
    return head[0], data[at + 1 :]


def require_tree(oid: str, data: bytes) -> None:
    """Raises Unsound where the bytes of a tree are out of form: unsorted, a name twice."""
    found, at = [], 0
    for entry in _ENTRY.finditer(data):
        if entry.start() != at:
            break
        at = entry.end()
        found.append((entry[2], entry[1] == b"40000"))
    names = {name for name, _ in found}
    keys = [name + b"/" if is_folder else name for name, is_folder in found]
    in_order = all(one < next_one for one, next_one in pairwise(keys))
    if at != len(data) or not in_order or len(names) != len(found) or names & _NOT_NAMES:
        raise Unsound(f"tree {oid} does not parse")


def size_fault(tree: str, height: int, files: int) -> str:
    """Why a tree is more than anybody can lay out; empty where it is not."""
    if height > DEEPEST:
        return f"tree {tree} is more than {DEEPEST} folders deep"
    return f"tree {tree} holds more than {MOST_FILES:,} files" if files > MOST_FILES else ""


def inside_out(
    root: _Key, inside: Callable[[_Key], list[_Key]], known: Container[_Key]
) -> Iterator[_Key]:
    """What is in `root` and not yet `known`, each once and after all that is inside it.

    The caller makes known what it is given. It does not recurse: anybody's folders can be deep.
    """
    waiting = [root]
    while waiting:
        here = waiting[-1]
        deeper = [] if here in known else [key for key in inside(here) if key not in known]
        if deeper:
            waiting += deeper
            continue
        waiting.pop()
        if here not in known:
            yield here
