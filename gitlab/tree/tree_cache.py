"""The cache of nodes that were read: a file of lines, each under the tip it was read from.

A line holds for its tip for ever, so a stale one is simply not asked for. Whatever is no whole line
of ours does not count, and the node is read from git. The file may be deleted at any time; a
process that appends while another replaces the file loses lines, and nothing else.
"""

import os
import re
import stat
import zlib
from collections.abc import Collection, Iterable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from .node_text import SCHEMA

_HEADER = b"airesearch nodes 1 %08x\n" % zlib.crc32(SCHEMA.encode())
_LINE = re.compile(rb"^[0-9a-f]{40}", re.MULTILINE)
_TIP = 40
_BATCH = 256
"""How many new lines are kept in memory before they are written."""


class TreeCache:
    """The lines of `folder`'s cache; where that cannot be read or written, none."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "nodes"
        self._data: bytes | None = None
        """The file as it was when it was first needed."""
        self._starts: dict[bytes, int] = {}
        self._written = 0
        """How many lines it has, the stale ones too."""
        self._own: dict[bytes, bytes] = {}
        self._new: list[bytes] = []

    def get(self, tip: str) -> bytes | None:
        """What was put under `tip`."""
        key = tip.encode()
        line = self._own.get(key) or self._loaded(key)
        text = line[_TIP + 10 :]
        return text if line[_TIP + 1 : _TIP + 9] == _check(key, text) else None

    def put(self, tip: str, text: bytes) -> None:
        """Keep a text without line breaks under `tip`."""
        key = tip.encode()
        self._own[key] = b" ".join((key, _check(key, text), text))
        self._new.append(key)

    @property
    def is_due(self) -> bool:
        """Whether enough is new to be written."""
        return len(self._new) >= _BATCH

    def save(self, live: Collection[str]) -> None:
        """Write what is new; where most lines are of no `live` tip, without those."""
        if not self._new:
            return
        with suppress(OSError):  # a lab that cannot be written to does without
            if self._written > 2 * len(live) + _BATCH or not self._append():
                self._replace(tip.encode() for tip in live)
        self._new = []

    def _loaded(self, key: bytes) -> bytes:
        data = self._load() if self._data is None else self._data
        start = self._starts.get(key)
        # Of a last line without an end, the check fails: it is cut short by one.
        return b"" if start is None else data[start : data.find(b"\n", start)]

    def _load(self) -> bytes:
        self._data = b""
        with suppress(OSError), _opened(self._path, os.O_RDONLY) as file:
            if _is_ours(file):
                self._data = file.read()
        self._starts = {line[0]: line.start() for line in _LINE.finditer(self._data)}
        self._written = self._data.count(b"\n")
        return self._data

    def _append(self) -> bool:
        """Add the new lines to the file; not where there is none, or none of ours."""
        try:
            with _opened(self._path, os.O_RDWR | os.O_APPEND) as file:
                if not _is_ours(file):
                    return False
                # In one write, so that two do not mix; from a new line, as a killed one's has no
                # end.
                file.write(b"\n".join([b"", *map(self._own.__getitem__, self._new), b""]))
        except FileNotFoundError:
            return False
        self._written += len(self._new)
        return True

    def _replace(self, live: Iterable[bytes]) -> None:
        self._path.parent.mkdir(exist_ok=True)
        aside = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        lines = list(filter(None, (self._own.get(key) or self._loaded(key) for key in live)))
        aside.write_bytes(b"\n".join([_HEADER.rstrip(), *lines, b""]))
        aside.replace(self._path)
        self._written = len(lines)


def _opened(path: Path, flags: int) -> BinaryIO:
    # Without waiting: what is there may be a pipe.
    return os.fdopen(os.open(path, flags | os.O_NONBLOCK), "rb+" if flags & os.O_RDWR else "rb", 0)


def _is_ours(file: BinaryIO) -> bool:
    return stat.S_ISREG(os.fstat(file.fileno()).st_mode) and file.read(len(_HEADER)) == _HEADER


def _check(key: bytes, text: bytes) -> bytes:
    return b"%08x" % zlib.crc32(text, zlib.crc32(key))
