"""The lab as a push would leave it. Nothing here moves a ref."""

from collections.abc import Container, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property

import pygit2
from pygit2.enums import ObjectType

from ..lab.lab import Lab
from ..leases.lease import leased
from ..names import HEADS, LEASES, NODE_ID, node_at
from ..reader.values import Unsound
from ..store.objects import LibgitObjects
from ..store.refs import node_tips, tip
from ..store.trees import Oid


@dataclass(frozen=True)
class Update:
    """One ref of a push: None stands for a ref that is not there."""

    old: str | None
    new: str | None
    ref: str


class PushView:
    """Where the branches of a lab stand once every update of a push is in place."""

    def __init__(self, lab: Lab, updates: tuple[Update, ...]) -> None:
        self.trunk = lab.trunk
        self.objects = LibgitObjects(lab.repo)
        self._repo = lab.repo
        self._moved = {update.ref: update.new for update in updates}

    @property
    def trunk_tip(self) -> str:
        """Where the trunk stands; empty where there is none."""
        ref = f"refs/heads/{self.trunk}"
        found = self._moved[ref] if ref in self._moved else tip(self._repo, ref)
        return "" if found is None else str(found)

    @cached_property
    def node_tips(self) -> dict[int, str]:
        """Where each node's branch stands, in id order."""
        found = {node: str(oid) for node, oid in node_tips(self._repo).items()}
        for ref, new in self._moved.items():
            at = node_at(ref, (HEADS,))
            if at is not None and new is not None:
                found[at[1]] = new
        return dict(sorted(found.items()))

    @cached_property
    def leased(self) -> frozenset[int]:
        """The nodes that somebody has a lease for."""
        found = set(leased(self._repo))
        for ref, new in self._moved.items():
            name = ref.removeprefix(f"{LEASES}/")
            if name != ref and NODE_ID.fullmatch(name):
                (found.add if new else found.discard)(int(name))
        return frozenset(found)

    def unseen(self, new: str, known: Container[str]) -> Iterator[str]:
        """The commits below `new` that no ref of the lab leads to yet and that are not `known`.

        Raises Unsound where one does not parse.
        """
        try:
            walk = self._repo.walk(new)
            for oid in self._tips:
                with suppress(ValueError, pygit2.GitError):  # a ref that is broken hides nothing
                    walk.hide(oid)
            yield from (oid for oid in (str(commit.id) for commit in walk) if oid not in known)
        except (ValueError, pygit2.GitError) as error:
            raise Unsound(f"what {new} grew from does not parse") from error

    @cached_property
    def _tips(self) -> set[Oid]:
        """The commits that the refs of the lab lead to."""
        oids = {tip(self._repo, ref) for ref in self._repo.references}
        return {oid for oid in oids if oid is not None and self.is_commit(str(oid))}

    def is_commit(self, oid: str) -> bool:
        """Whether `oid` is a commit, or a tag of one."""
        try:
            # One that does not parse is a commit too: what is wrong with it is said later.
            if self._repo.odb.read(oid)[0] != ObjectType.COMMIT:
                self._repo[oid].peel(pygit2.Commit)
        except (KeyError, ValueError, pygit2.GitError):
            return False
        return True

    def blob_size(self, oid: str) -> int:
        """The bytes of a blob; -1 where `oid` is none."""
        found = self._repo.get(oid)
        return found.size if isinstance(found, pygit2.Blob) else -1
