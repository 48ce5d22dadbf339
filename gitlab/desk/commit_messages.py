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
_HEX = re.compile(rb"[0-9a-f]{40}")
_BRANCH = re.compile(rb"ref: (refs/heads/[^\n\0]+)\n?")


def read_messages(root: int, first: str) -> tuple[str, ...]:
    """The messages since the commit `first`, oldest first, along first parents.

    There are none where the history does not lead back to `first`, or is packed, corrupted or gone.
    """
    messages: list[str] = []
    try:
        oid = _git_file(root, "HEAD", _LARGEST_REF)
        if branch := _BRANCH.fullmatch(oid):
            path = branch[1].decode("utf-8", "surrogateescape")
            oid = _git_file(root, path, _LARGEST_REF) if is_sound(path) else b""
        oid = oid.strip()
        while oid != first.encode():
            if len(messages) == _MOST_COMMITS:
                return ()
            oid, message = _commit(root, oid)
            messages.append(message)
    except (Unfit, OSError, zlib.error):
        return ()
    return tuple(reversed(messages))


def _commit(root: int, oid: bytes) -> tuple[bytes, str]:
    """The first parent and the message of a commit. Raises Unfit where it is no such thing."""
    if not _HEX.fullmatch(oid):
        raise Unfit("is no commit's name")
    name = oid.decode()
    packed = _git_file(root, f"objects/{name[:2]}/{name[2:]}", _LARGEST_COMMIT)
    inflate = zlib.decompressobj()
    data = inflate.decompress(packed, _LARGEST_COMMIT)
    kind, _, content = data.partition(b"\0")
    is_whole = inflate.eof and hashlib.sha1(data).hexdigest() == name
    header, _, message = content.partition(b"\n\n")
    parents = [line[7:] for line in header.split(b"\n") if line.startswith(b"parent ")]
    if not (is_whole and kind == b"commit %d" % len(content) and parents):
        raise Unfit("is not a whole commit with a parent")
    return parents[0], message.decode("utf-8", "replace")


def _git_file(root: int, path: str, most: int) -> bytes:
    folder, _, name = f".git/{path}".rpartition("/")
    with opened(root, folder) as handle:
        return read_plain(handle, name, most).data
