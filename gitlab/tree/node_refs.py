"""Where the node branches stand: read once, and after that only what moved.

Git and libgit2 write a loose ref beside its place and rename it there. So a move shows in the
folder's stat, and then in that of the ref's file; packed-refs is a file of its own. A stat taken
within a tick of the file system's clock could hide a second write: such a file is read again.
"""

import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ..store.refs import common_folder
from ..store.trees import Repository

_NAME = re.compile(r"[0-9]{6}|[1-9][0-9]{6,}")
_OID = re.compile(rb"[0-9a-f]{40}\s*")
_HEADS = "heads"
_HEX, _DIGITS = 40, 6
"""The length of a commit's name, and of nearly every node's."""
_TICK_NS = 100_000_000
"""More than local file systems round a time by."""
_COARSE_NS = 2_500_000_000
"""The same of those that keep whole seconds, or two."""

_Seen = tuple[int, int, int]


@dataclass
class _Folder:
    """The loose refs of one place as they were last read."""

    seen: _Seen | None = None
    files: dict[str, _Seen | None] = field(default_factory=dict)
    tips: dict[int, str] = field(default_factory=dict)
    """Empty where a ref is symbolic: it hides a packed one and stands for no node."""


class NodeRefs:
    """The tip of each node, in hex; of those in several places the local one, then `origin`'s."""

    def __init__(self, repo: Repository) -> None:
        self.tips: dict[int, str] = {}
        self._refs = common_folder(repo) / "refs"
        self._packed_file = self._refs.parent / "packed-refs"
        self._seen: _Seen | None = None
        self._data = b""
        self._packed: dict[str, dict[int, str]] = {}
        self._folders: dict[str, _Folder] = {}

    @property
    def loose(self) -> int:
        """How many refs have files of their own."""
        return sum(len(folder.tips) for folder in self._folders.values())

    def look(self) -> set[int]:
        """The nodes whose tip is another than at the last look, after this one."""
        # Loose ones first: what is packed meanwhile is then found there.
        places = [_HEADS, *_remotes(self._refs)]
        suspects = set[int]()
        for place in {*places, *self._folders}:
            folder = self._folders.setdefault(place, _Folder())
            suspects |= _read_loose(self._refs / place / "node", folder)
        suspects |= self._read_packed()
        order = sorted({*places, *self._packed}, key=_rank)
        if not self.tips:
            self._fill(order)
            return set(self.tips)
        changed = set()
        for node in suspects:
            tip = self._tip(node, order)
            if tip != self.tips.get(node, ""):
                changed.add(node)
                if tip:
                    self.tips[node] = tip
                else:
                    del self.tips[node]
        return changed

    def _fill(self, order: list[str]) -> None:
        for place in reversed(order):
            loose = self._folders[place].tips if place in self._folders else {}
            refs = {**self._packed.get(place, {}), **loose}
            self.tips.update(refs if all(refs.values()) else {n: t for n, t in refs.items() if t})

    def _tip(self, node: int, order: list[str]) -> str:
        for place in order:
            folder = self._folders.get(place)
            tip = None if folder is None else folder.tips.get(node)
            if tip is None:
                tip = self._packed.get(place, {}).get(node)
            if tip:
                return tip
        return ""

    def _read_packed(self) -> set[int]:
        """The nodes whose packed ref changed."""
        seen = _stat(self._packed_file)
        if seen is not None and seen == self._seen:
            return set()
        try:
            data = self._packed_file.read_bytes()
        except FileNotFoundError:
            data = b""
        self._seen = seen
        if data == self._data:
            return set()
        old, self._data, self._packed = self._packed, data, _parse(data)
        if not self.tips:
            return set()  # all are looked at anyway
        suspects = set[int]()
        for place in {*old, *self._packed}:
            suspects |= _differences(old.get(place, {}), self._packed.get(place, {}))
        return suspects


def _differences(old: dict[int, str], new: dict[int, str]) -> set[int]:
    return {node for node, tip in new.items() if old.get(node) != tip} | (old.keys() - new.keys())


def _parse(data: bytes) -> dict[str, dict[int, str]]:
    remotes = set(re.findall(rb" refs/(remotes/[^\n]+)/node/", data)) if b"remotes/" in data else ()
    places = (_HEADS.encode(), *remotes)
    return {os.fsdecode(place): _refs_of(data, b" refs/%b/node/" % place) for place in places}


def _refs_of(data: bytes, middle: bytes) -> dict[int, str]:
    """The node refs of one place; `middle` is what a line has between commit and number."""
    first, last = data.find(middle), data.rfind(middle)
    # Git sorts them: nearly always they are one block, of lines that have six digits each. To see
    # that takes a third of the time that a look at each line does, where there are 100,000.
    block = data[first - _HEX : data.find(b"\n", last)] if first >= _HEX else b""
    words = block.replace(middle, b"\n").decode("latin-1").split("\n")
    commits, names = words[::2], words[1::2]
    is_even = {*map(len, commits)} == {_HEX} and {*map(len, names)} == {_DIGITS}
    if is_even and "".join(names).isdecimal():
        return dict(zip(map(int, names), commits, strict=True))
    line = rb"^([0-9a-f]{40})%b(%b)$" % (re.escape(middle), _NAME.pattern.encode())
    return {int(name): oid.decode() for oid, name in re.findall(line, data, re.MULTILINE)}


def _remotes(refs: Path) -> Iterator[str]:
    """The places below refs/remotes that have a folder of nodes; a remote's name may have `/`."""
    for folder, names, _ in os.walk(refs / "remotes"):
        if "node" in names and folder != str(refs / "remotes"):
            yield os.path.relpath(folder, refs)


def _rank(place: str) -> tuple[bool, bool, str]:
    return (place != _HEADS, place != "remotes/origin", place)


def _read_loose(path: Path, folder: _Folder) -> set[int]:
    """Renew `folder`; the nodes whose file changed."""
    seen = _stat(path)
    if seen is not None and seen == folder.seen:
        return set()
    folder.seen = seen
    old, folder.files = folder.files, {}
    changed = {int(name) for name in old}
    try:
        with os.scandir(path) as entries:
            for entry in entries:
                if not _NAME.fullmatch(entry.name):
                    continue
                node, facts = int(entry.name), _stat(entry)
                if facts is not None and facts == old.get(entry.name):
                    changed.discard(node)
                elif (tip := _read(Path(entry.path))) is not None:
                    changed.add(node)
                    folder.tips[node] = tip
                else:
                    continue
                folder.files[entry.name] = facts
    except (FileNotFoundError, NotADirectoryError):
        pass
    for name in old.keys() - folder.files.keys():
        del folder.tips[int(name)]
    return changed


def _read(path: Path) -> str | None:
    """The commit a loose ref names, nothing where it is symbolic, None where it is no ref."""
    try:
        data = path.read_bytes()
    except OSError:
        return None
    if data.startswith(b"ref:"):
        return ""
    return data.decode().strip() if _OID.fullmatch(data) else None


def _stat(place: Path | os.DirEntry[str]) -> _Seen | None:
    try:
        return _of(place.stat())
    except (FileNotFoundError, NotADirectoryError):
        return None


def _of(facts: os.stat_result) -> _Seen | None:
    """What tells one state of a file from the next; None where that may be too young to tell."""
    changed = facts.st_mtime_ns
    tick = _TICK_NS if changed % 1_000_000_000 else _COARSE_NS
    if time.time_ns() - changed < tick:
        return None
    return (changed, facts.st_ino, facts.st_size)
