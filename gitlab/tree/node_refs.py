"""Where the node branches stand: of loose refs only those are read that moved.

Git and libgit2 write a loose ref beside its place and rename it there. So a move shows in the
folder's stat, and then in that of the ref's file; packed-refs is a file of its own. A stat taken
within a tick of the file system's clock could hide a second write: such a file is read again.
"""

import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path

from ..names import NODE_ID, node_places
from ..store.refs import common_folder, remotes
from ..store.trees import Repository

_PACKED = re.compile(
    rb"^([0-9a-f]{40}) refs/(heads|remotes/.+)/node/(%b)$" % NODE_ID.pattern.encode(), re.M
)
_OID = re.compile(rb"[0-9a-f]{40}\s*")
_TICK_NS = 100_000_000
"""More than local file systems round a time by."""
_COARSE_NS = 2_500_000_000
"""The same of those that keep whole seconds, or two."""

_Seen = tuple[int, int, int]


@dataclass
class _Folder:
    """The loose refs of one place as they were last read."""

    seen: _Seen | None = None
    files: dict[int, _Seen | None] = field(default_factory=dict)
    tips: dict[int, str] = field(default_factory=dict)
    """Empty where a ref is symbolic: it hides a packed one and stands for no node."""


class NodeRefs:
    """The tip of each node, in hex; of those in several places the local one, then `origin`'s."""

    def __init__(self, repo: Repository) -> None:
        self._repo = repo
        self._refs = common_folder(repo) / "refs"
        self._folders: dict[str, _Folder] = {}
        self._packed_seen: _Seen | None = None
        self._packed = b""
        self._repacked: dict[tuple[str, int], str | None] = {}
        """The packed refs that changed since the first look."""
        self._places: list[str] = []
        """In the order in which they count."""
        self.digest = ""
        """Another one for each other content of packed-refs, and for other remotes."""

    @property
    def loose(self) -> set[int]:
        """The nodes that have a ref in a file of its own."""
        return {node for folder in self._folders.values() for node in folder.tips}

    def may_have_moved(self) -> bool:
        """Whether a look could find something; without that none did since the last one."""
        now = [_stat(self._refs / place / "node") for place in self._places]
        now.append(_stat(self._refs.parent / "packed-refs"))
        seen = [*(self._folders[place].seen for place in self._places), self._packed_seen]
        # The remotes last: to list them is to read git's configuration, and others move all day.
        return None in now or now != seen or self._places != node_places(remotes(self._repo))

    def look(self) -> set[int]:
        """The nodes whose refs moved since the last look; at the first one, the loose ones."""
        places, moved = node_places(remotes(self._repo)), set[int]()
        is_other = places != self._places
        if is_other:
            # A remote that came or went may change where any node stands.
            moved = set(self.tips())
            self._places, known = places, self._folders
            self._folders = {place: known.get(place, _Folder()) for place in places}
        # Loose ones first: what is packed meanwhile is then found there.
        for place, folder in self._folders.items():
            moved |= _read_loose(self._refs / place / "node", folder)
        seen, is_first = _stat(self._refs.parent / "packed-refs"), not self.digest
        if seen is None or seen != self._packed_seen or is_other:
            self._packed_seen = seen
            moved |= self._read_packed()
        return moved | set(self.tips()) if is_other and not is_first else moved

    def tip(self, node: int) -> str | None:
        """Where a node stood at the last look."""
        for place in self._places:
            tip = self._folders[place].tips.get(node)
            if tip is None and (place, node) in self._repacked:
                tip = self._repacked[place, node]
            elif tip is None:
                at = self._packed.find(b" refs/%b/node/%06d\n" % (os.fsencode(place), node))
                oid = self._packed[max(at - 40, 0) : max(at, 0)]
                tip = oid.decode() if _OID.fullmatch(oid) else None
            if tip:
                return tip
        return None

    def tips(self) -> dict[int, str]:
        """Where all of them did. To read the packed ones takes a while where they are many."""
        packed: dict[str, dict[int, str]] = {}
        for place, node, tip in _parse(self._packed):
            packed.setdefault(place, {})[node] = tip
        tips: dict[int, str] = {}
        for place in reversed(self._places):
            stands = {**packed.get(place, {}), **self._folders[place].tips}
            tips.update({node: tip for node, tip in stands.items() if tip})
        return tips

    def _read_packed(self) -> set[int]:
        """Renew what is known of packed-refs; the nodes whose lines changed since the last look."""
        before = self._packed
        try:
            self._packed = (self._refs.parent / "packed-refs").read_bytes()
        except FileNotFoundError:
            self._packed = b""
        is_first, places = not self.digest, os.fsencode("\n".join(self._places))
        self.digest = blake2b(
            self._packed, salt=blake2b(places, digest_size=16).digest()
        ).hexdigest()
        if self._packed == before:
            return set()
        if is_first:
            return set()
        old, new = set(before.splitlines()), set(self._packed.splitlines())
        changed: dict[tuple[str, int], str | None]
        changed = {(place, node): None for place, node, _ in _parse(b"\n".join(old - new))}
        changed |= {(place, node): tip for place, node, tip in _parse(b"\n".join(new - old))}
        self._repacked |= changed
        return {node for _, node in changed}


def _parse(lines: bytes) -> Iterator[tuple[str, int, str]]:
    """The place, node and tip of each packed ref."""
    for found in _PACKED.finditer(lines):
        oid, place, node = found.groups()
        yield os.fsdecode(place), int(node), oid.decode()


def _read_loose(path: Path, folder: _Folder) -> set[int]:
    """Renew `folder`; the nodes whose file changed."""
    seen = _stat(path)
    if seen is not None and seen == folder.seen:
        return set()
    folder.seen = seen
    old, folder.files = folder.files, {}
    moved = set(old)
    try:
        with os.scandir(path) as entries:
            for entry in entries:
                if not NODE_ID.fullmatch(entry.name):
                    continue
                node, facts = int(entry.name), _stat(entry)
                if facts is not None and facts == old.get(node):
                    moved.discard(node)
                elif (tip := _read(entry.path)) is not None:
                    moved.add(node)
                    folder.tips[node] = tip
                else:
                    continue
                folder.files[node] = facts
    except (FileNotFoundError, NotADirectoryError):
        pass
    for node in old.keys() - folder.files.keys():
        del folder.tips[node]
    return moved


def _read(path: str) -> str | None:
    """The commit a loose ref names, nothing where it is symbolic, None where it is no ref."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123, a thousand times in a step
            data = file.read()
    except OSError:
        return None
    if data.startswith(b"ref:"):
        return ""
    return data.decode().strip() if _OID.fullmatch(data) else None


def _stat(place: Path | os.DirEntry[str]) -> _Seen | None:
    """What tells one state of a file from the next; None where that may be too young to tell."""
    try:
        facts = place.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    changed = facts.st_mtime_ns
    tick = _TICK_NS if changed % 1_000_000_000 else _COARSE_NS
    if time.time_ns() - changed < tick:
        return None
    return (changed, facts.st_ino, facts.st_size)
