"""The messages of the commits that an agent made in its folder, read without trusting it.

No git library opens that repository: its configuration, alternates, hooks, filters and packs are
the agent's. Loose objects are read here, one file each, and each must hash to its own name.
"""

import hashlib
import re
import zlib

from ..store.trees import is_sound
from .safe_open import Unfit, opened, read_plain

_MOST_COMMITS = 1_000
_LARGEST_REF = 4096
_LARGEST_COMMIT = 1 << 18
_HEX = re.compile(r"[0-9a-f]{40}")
_BRANCH = re.compile(r"ref: (refs/heads/[^\n\0]+)\n?")


class _NoHistory(Exception):
    """The repository does not lead from its HEAD to the commit it began with."""


def read_messages(root: int, first: str) -> tuple[str, ...]:
    """The messages since the commit `first`, oldest first, along first parents.

    There are none where the history does not lead back to `first`, or is packed, corrupted or gone.
    """
    try:
        return tuple(reversed(_back_to(root, first)))
    except (_NoHistory, Unfit, OSError, zlib.error):
        return ()


def _back_to(root: int, first: str) -> list[str]:
    messages: list[str] = []
    here = _head(root)
    while here != first:
        if len(messages) == _MOST_COMMITS:
            raise _NoHistory
        here, message = _commit(root, here)
        messages.append(message)
    return messages


def _head(root: int) -> str:
    text = _text(root, "HEAD")
    branch = _BRANCH.fullmatch(text)
    if branch:
        if not is_sound(branch[1]):
            raise _NoHistory
        text = _text(root, branch[1])
    return _name(text.strip())


def _commit(root: int, oid: str) -> tuple[str, str]:
    """The first parent and the message of a commit."""
    packed = _file(root, f"objects/{oid[:2]}/{oid[2:]}", _LARGEST_COMMIT)
    inflate = zlib.decompressobj()
    data = inflate.decompress(packed, _LARGEST_COMMIT)
    kind, _, content = data.partition(b"\0")
    whole = inflate.eof and hashlib.sha1(data).hexdigest() == oid
    if not whole or kind != b"commit %d" % len(content):
        raise _NoHistory
    head, _, message = content.partition(b"\n\n")
    parents = [line[7:] for line in head.split(b"\n") if line.startswith(b"parent ")]
    if not parents:
        raise _NoHistory
    return _name(parents[0].decode("ascii", "replace")), message.decode("utf-8", "replace")


def _name(text: str) -> str:
    if not _HEX.fullmatch(text):
        raise _NoHistory
    return text


def _text(root: int, path: str) -> str:
    return _file(root, path, _LARGEST_REF).decode("utf-8", "surrogateescape")


def _file(root: int, path: str, most: int) -> bytes:
    folder, _, name = f".git/{path}".rpartition("/")
    with opened(root, folder) as here:
        return read_plain(here, name, most).data
