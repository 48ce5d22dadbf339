"""The lab as a push would leave it. Nothing here moves a ref."""

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property

import pygit2

from ..errors import RecordError
from ..lab.lab import Lab
from ..record.records import Judge, Measure, Promote, Propose, Record, parse
from ..store.refs import node_branch, tip
from ..store.trees import Oid

Commit = pygit2.Commit
"""A commit, as git has it."""
_ON_NODES = (Propose, Measure, Judge)
_NODE = re.compile(r"refs/heads/node/([0-9]{6,})")


@dataclass(frozen=True)
class Update:
    """One ref of a push: None stands for a ref that is not there."""

    old: Oid | None
    new: Oid | None
    ref: str


class AfterPush:
    """The lab with every update of a push in place."""

    def __init__(self, lab: Lab, updates: tuple[Update, ...]) -> None:
        self.lab = lab
        self._moved: Mapping[str, Oid | None] = {u.ref: u.new for u in updates}
        self._bases: dict[Oid, Oid] = {}

    def tip(self, branch: str) -> Oid | None:
        """Where a branch stands after the push."""
        ref = f"refs/heads/{branch}"
        return self._moved[ref] if ref in self._moved else tip(self.lab.repo, ref)

    def unseen(self, new: Oid) -> Iterator[Commit]:
        """New commits below `new` that are neither steps of the trunk nor on a node's branch.

        A node's own ancestors are not hidden: what a person merged must be looked at even where a
        node grew from it.
        """
        repo = self.lab.repo
        walk = repo.walk(new)
        for oid in filter(None, (tip(repo, ref) for ref in repo.references)):
            if is_commit(repo, oid):
                walk.hide(oid)
        known = {*self.trunk_line, *self._new_node_commits}
        yield from (commit for commit in walk if commit.id not in known)

    @cached_property
    def _new_node_commits(self) -> set[Oid]:
        found: set[Oid] = set()
        for match in filter(None, map(_NODE.fullmatch, self._moved)):
            # A branch that cannot be read is refused as such; here it only hides nothing more.
            with suppress(RecordError):
                found.update(commit.id for commit, _ in self.node_line(int(match[1])))
        return found

    def record(self, commit: Commit) -> Record | None:
        """What a commit says; None for a person's. Raises RecordError for what claims to be one."""
        record = parse(commit.raw_message.decode("utf-8", "replace"))
        if record is not None and str(record).encode() != commit.raw_message:
            raise RecordError("not a record: its message is not UTF-8")
        if record is not None and commit.message_encoding:
            raise RecordError("not a record: it claims another encoding than UTF-8")
        return record

    @cached_property
    def trunk_line(self) -> dict[Oid, bool]:
        """The trunk's first-parent commits, each with whether a person made it."""
        end = self.tip(self.lab.trunk)
        line = () if end is None else self.lab.first_parents(end)
        return {commit.id: not self._is_promotion(commit) for commit in line}

    def base_of(self, onto: Oid) -> Oid:
        """The person's commit of the trunk that whatever grew from `onto` started from.

        Raises RecordError where it started elsewhere.
        """
        passed = []
        for commit in self.lab.first_parents(onto):
            passed.append(commit.id)
            known = self._bases.get(commit.id)
            if known is not None or not isinstance(self.record(commit), _ON_NODES):
                base = known or commit.id
                break
        else:
            raise RecordError("it grew from no commit of the trunk")
        if not self.trunk_line.get(base):
            raise RecordError(f"it grew from {short(base)}, which is no person's commit on trunk")
        self._bases.update(dict.fromkeys(passed, base))
        return base

    def node_line(self, node: int) -> Iterator[tuple[Commit, Record | None]]:
        """The commits of a node's branch after the push, newest first, to its propose."""
        end = self.tip(node_branch(node))
        for commit in () if end is None else self.lab.first_parents(end):
            record = self.record(commit)
            yield commit, record
            if isinstance(record, Propose):
                return

    def _is_promotion(self, commit: Commit) -> bool:
        try:
            return isinstance(self.record(commit), Promote)
        except RecordError:
            return False


def is_commit(repo: pygit2.Repository, oid: Oid) -> bool:
    """Whether `oid` is a commit, or a tag of one."""
    try:
        repo[oid].peel(pygit2.Commit)
    except (KeyError, ValueError, pygit2.GitError):
        return False
    return True


def blob_size(repo: pygit2.Repository, oid: Oid) -> int:
    """The bytes of a blob; -1 where `oid` is none."""
    found = repo.get(oid)
    return found.size if isinstance(found, pygit2.Blob) else -1


def short(oid: Oid) -> str:
    """Ten digits: how a refusal names a commit."""
    return str(oid)[:10]


def author(commit: Commit) -> tuple[str, str]:
    """Name and e-mail address of a commit's author, odd bytes replaced."""
    found = commit.author
    name, email = (raw.decode("utf-8", "replace") for raw in (found.raw_name, found.raw_email))
    return name, email
