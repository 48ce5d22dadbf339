"""What a node of an earlier base had changed, on the trunk as it stands: by git alone.

A file that people changed since as well would be nobody's proposal.
"""

from collections.abc import Sequence

from ...gitlab.lab.lab import Lab
from ...gitlab.store.trees import Oid
from ...gitlab.tree.search_tree import Node
from . import merge

ASSIGNMENT: str | None = None


def start(lab: Lab, parents: Sequence[Node], trees: Sequence[Oid]) -> Oid:
    """The baseline's files, and what the older node had changed, beside the baseline's bus.

    Raises ProposalFailed with the paths that both changed, each in its own way.
    """
    return merge.start(lab, parents, trees)
