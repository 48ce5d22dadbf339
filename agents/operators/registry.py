"""Every operator that makes nodes, and what each has to say."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from ...gitlab.lab.lab import Lab
from ...gitlab.record.facts import Operator
from ...gitlab.store.trees import Oid
from ...gitlab.tree.search_tree import Node
from . import debug, draft, improve, merge, transfer


class OperatorModule(Protocol):
    """Turns parents into the tree that lies on the desk."""

    ASSIGNMENT: str | None
    """What a proposer is then asked for, in a sentence; None where the tree is the proposal."""

    def start(self, lab: Lab, parents: Sequence[Node], trees: Sequence[Oid]) -> Oid:
        """The tree to start from, of the parents' `trees` as they stand under the present rules.

        Raises ProposalFailed where these parents give none.
        """
        ...


OPERATORS: Mapping[Operator, OperatorModule] = {
    Operator.DRAFT: draft,
    Operator.IMPROVE: improve,
    Operator.DEBUG: debug,
    Operator.MERGE: merge,
    Operator.TRANSFER: transfer,
}
"""The module of each operator, by the name that its commits carry."""
