"""Reads nodes: from git, where the record is, and from the cache what was read there before."""

import pygit2

from ..errors import RecordError
from ..lab.lab import Lab
from ..record.records import Propose, Record, parse
from .node import Node
from .node_text import Stub, decode, decode_stub, encode, stub_of
from .tree_cache import TreeCache

_SOONER_FROM_GIT = 100
"""So many nodes are read from git before the cache is: its file is large where nodes are many."""
UNREADABLE = (RecordError, KeyError, ValueError, pygit2.GitError)
"""What `read` and `stub` raise of a branch that is no honest node."""


class NodeReader:
    """Reads the nodes of a lab."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self.cache = TreeCache(lab.home)
        self._read_from_git = 0

    def read(self, node: int, tip: str, before: Node | None = None) -> Node:
        """The node that stands at `tip`; how it stood `before` saves reading that again."""
        line = self._cached(node, tip)
        if line is not None:
            try:
                return decode(tip, line)
            except (ValueError, TypeError, IndexError):
                pass  # no line of ours, whatever its checksum says
        found = _from_git(self._lab, node, pygit2.Oid(hex=tip), before)
        self._read_from_git += 1
        if self._read_from_git > _SOONER_FROM_GIT:
            self.keep(found)
        return found

    def stub(self, node: int, tip: str) -> Stub:
        """Where that node stands in the tree."""
        line = self._cached(node, tip)
        if line is not None:
            try:
                return decode_stub(line)
            except ValueError:
                pass
        return stub_of(self.read(node, tip))

    def keep(self, node: Node) -> None:
        """Have a node in the cache the next time."""
        self.cache.put(str(node.tip), b"%d %b" % (node.id, encode(node)))

    def _cached(self, node: int, tip: str) -> bytes | None:
        # Not of a commit that is lost: the cache is no record.
        if self._read_from_git < _SOONER_FROM_GIT or tip not in self._lab.repo:
            return None
        text = self.cache.get(tip)
        # A branch may stand at a commit of another node, which is not the node it names.
        owner, _, line = (text or b"").partition(b" ")
        return line if owner == b"%d" % node else None


def _from_git(lab: Lab, node: int, tip: pygit2.Oid, before: Node | None) -> Node:
    later: list[tuple[pygit2.Oid, Record]] = []
    for commit in lab.first_parents(tip):
        if before is not None and commit.id == before.tip:
            found = before
            break
        record = parse(commit.message)
        if record is None or record.node != node:
            raise RecordError(f"commit {commit.short_id} on its branch is not of node {node}")
        if isinstance(record, Propose):
            found = Node(commit.id, commit.parent_ids[0], commit.id, record)
            break
        later.append((commit.id, record))
    else:
        raise RecordError("its branch has no propose commit")
    for commit_id, record in reversed(later):
        found = found.after(commit_id, record)
    return found
