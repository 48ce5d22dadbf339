"""Mend a node that failed."""

from collections.abc import Sequence

from ...gitlab.lab.lab import Lab
from ...gitlab.store.trees import Oid
from ...gitlab.tree.search_tree import Node

ASSIGNMENT: str | None = "The code that lies here failed; mend it."


def start(lab: Lab, parents: Sequence[Node], trees: Sequence[Oid]) -> Oid:
    """The parent's files."""
    return trees[0]
