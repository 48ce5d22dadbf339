"""Values in brackets as JSON and TOML write them: where each scalar stands, by its path.

Neither `json` nor `tomllib` tells places. What is read here is held against what they read.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_SPACE = re.compile(r"[ \t\r\n]+")
_SKIPPED = re.compile(r"#[^\n]*|//[^\n]*|/\*.*?\*/", re.DOTALL)
_KEY = re.compile(r"""\s*("(?:[^"\\\n]|\\.)*"|'[^'\n]*'|[\w-]+)\s*""")
_SCALAR = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}|\'\'\'.*?\'{3,5}|"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\''
    r"|[^\s,\[\]{}#\"'=][^,\[\]{}#\"'\n]*",
    re.DOTALL,
)


@dataclass(frozen=True)
class Spot:
    """A scalar: the path of keys and places to it, and `text[start:end]`."""

    path: tuple[str | int, ...]
    start: int
    end: int


class Reader:
    """Reads one text from a place on. Raises ValueError where it is no such value."""

    def __init__(self, text: str, at: int = 0) -> None:
        self.text = text
        self.at = at
        self.comments: list[int] = []
        """Where each comment starts."""

    def value(self, path: tuple[str | int, ...]) -> Iterator[Spot]:
        """The scalars of the value that starts here."""
        self.skip()
        opening = self.text[self.at : self.at + 1]
        if opening in ("{", "["):
            self.at += 1
            yield from self._items(path, "}" if opening == "{" else "]")
            return
        found = _SCALAR.match(self.text, self.at)
        if found is None:
            raise ValueError(f"no value at {self.at}")
        self.at = found.end()
        yield Spot(path, found.start(), found.start() + len(found[0].rstrip()))

    def keys(self) -> tuple[str, ...]:
        """A key, with dots between its parts."""
        parts = []
        while found := _KEY.match(self.text, self.at):
            parts.append(_unquoted(found[1]))
            self.at = found.end()
            if not self.text.startswith(".", self.at):
                return tuple(parts)
            self.at += 1
        raise ValueError(f"no key at {self.at}")

    def skip(self) -> None:
        """Go past spaces, ends of lines and comments."""
        while found := (_SPACE.match(self.text, self.at) or _SKIPPED.match(self.text, self.at)):
            if not found[0].isspace():
                self.comments.append(self.at)
            self.at = found.end()

    def take(self, characters: str) -> str:
        """Go past one of `characters`."""
        self.skip()
        found = self.text[self.at : self.at + 1]
        if not found or found not in characters:
            raise ValueError(f"none of {characters} at {self.at}")
        self.at += 1
        return found

    def _items(self, path: tuple[str | int, ...], closing: str) -> Iterator[Spot]:
        place = 0
        while True:
            self.skip()
            if self.text.startswith(closing, self.at):
                break
            inner: tuple[str | int, ...] = (place,)
            if closing == "}":
                inner = self.keys()
                self.take(":=")
            yield from self.value((*path, *inner))
            place += 1
            self.skip()
            if self.text.startswith(closing, self.at):
                break
            self.take(",")
        self.at += 1


def _unquoted(key: str) -> str:
    return key[1:-1] if key[0] in "\"'" else key
