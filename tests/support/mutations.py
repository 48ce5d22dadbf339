"""Random objects: a node's real commits with something wrong in the bytes of one of them.

A mutation is plain data, so that a kept one can be read: `("head", step, line, how, text)` changes
the headers of a commit, `("tree", step, entry, how, text)` its root folder, `("say", step, key,
text)` a trailer. What is above the changed commit is written again on top of it.
"""

import re
from pathlib import Path
from typing import Any

import pygit2
from pygit2.enums import ObjectType
from toys import git

Mutation = tuple[Any, ...]
STEPS = 4
"""Of the node: its proposal, its trial, its verdict; then trunk's promotion of it."""


class Mutator:
    """A lab whose newest node and its promotion are not pushed yet."""

    def __init__(self, lab: Path, node: str) -> None:
        self.folder, self.node = lab, node
        self._odb = pygit2.Repository(str(lab)).odb
        listed = git(lab, "rev-list", "--first-parent", "--reverse", f"{node}~3..{node}").split()
        self.steps = [*listed, git(lab, "rev-parse", "main").strip()]
        self.before = git(lab, "rev-parse", "main^").strip()

    def write(self, mutation: Mutation) -> tuple[str, str]:
        """The tips of the node's branch and of trunk with the mutation in place."""
        replaced: dict[bytes, bytes] = {}
        for place, oid in enumerate(self.steps):
            data = self._odb.read(pygit2.Oid(hex=oid))[1]
            for old, new in replaced.items():
                data = data.replace(b"parent %s\n" % old, b"parent %s\n" % new)
            if mutation[1] % STEPS == place:
                data = self._mutated(data, mutation)
            replaced[oid.encode()] = str(self._odb.write(ObjectType.COMMIT, data)).encode()
        tips = [replaced[oid.encode()].decode() for oid in self.steps]
        return tips[2], tips[3]

    def _mutated(self, data: bytes, mutation: Mutation) -> bytes:
        kind, _, *words = mutation
        if kind == "say":
            key, text = words
            line = f"{key}: {text}\n".encode("utf-8", "surrogateescape")
            found, many = re.subn(rb"(?m)^%b: .*\n" % key.encode(), lambda _: line, data, count=1)
            return found if many else data + line
        place, how, text = words
        if kind == "tree":
            tree = data[5:45].decode()
            parts = self._entries(tree)
            oid = self._odb.write(ObjectType.TREE, b"".join(_changed(parts, place, how, text)))
            return data.replace(tree.encode(), str(oid).encode(), 1)
        head, _, message = data.partition(b"\n\n")
        lines = [line + b"\n" for line in head.split(b"\n")]
        return b"".join(_changed(lines, place, how, text)) + b"\n" + message

    def _entries(self, tree: str) -> list[bytes]:
        data = self._odb.read(pygit2.Oid(hex=tree))[1]
        return re.findall(rb"[0-7]+ [^\0]+\0.{20}", data, re.DOTALL)

    def point(self, ref: str, oid: str) -> None:
        """Move a ref, whatever it is at, with no word in a log."""
        (self.folder / ".git" / ref).write_text(f"{oid}\n")


def _changed(parts: list[bytes], place: int, how: str, text: bytes) -> list[bytes]:
    if how == "insert":
        place %= len(parts) + 1
        return [*parts[:place], text, *parts[place:]]
    place %= len(parts) or 1
    here = parts[place]
    if how == "drop":
        return [*parts[:place], *parts[place + 1 :]]
    if how == "twice":
        return [*parts[: place + 1], *parts[place:]]
    if how == "last":
        return [*parts[:place], *parts[place + 1 :], here]
    if how == "mode":
        return [*parts[:place], text + here[here.find(b" ") :], *parts[place + 1 :]]
    if how == "name":
        renamed = here[: here.find(b" ") + 1] + text + here[-21:]
        return [*parts[:place], renamed, *parts[place + 1 :]]
    at = len(here) // 2
    return [*parts[:place], here[:at] + text + here[at:], *parts[place + 1 :]]
