"""Two nodes in one, by git alone: each file as one of them has it.

A file that both changed would be nobody's proposal, and no policy would have judged it.
"""

from collections.abc import Sequence

from ...gitlab.lab.lab import Lab
from ...gitlab.record.paths import BUS
from ...gitlab.record.text import quote_path
from ...gitlab.store.trees import Oid, differences, edit, find
from ...gitlab.tree.search_tree import Node
from ..proposers.base import ProposalFailed

ASSIGNMENT: str | None = None


def start(lab: Lab, parents: Sequence[Node], trees: Sequence[Oid]) -> Oid:
    """Both parents' changes since they parted, beside the first one's bus.

    Raises ProposalFailed with the paths that both changed, each in its own way.
    """
    first, second = parents
    parted = lab.repo.merge_base(first.tip, second.tip)
    before, ours, theirs = map(lab.without_bus, (lab.tree_of(parted), *trees))
    merged = lab.repo.merge_trees(before, ours, theirs)
    if merged.conflicts is not None:
        paths = {side.path for sides in merged.conflicts for side in sides if side is not None}
    else:
        tree = merged.write_tree(lab.repo)
        changed = {one.path for one in differences(lab.repo, ours, tree)}
        paths = changed & {one.path for one in differences(lab.repo, theirs, tree)}
    if paths:
        listed = ", ".join(quote_path(path) for path in sorted(paths))
        raise ProposalFailed(f"nodes {first.id} and {second.id} both changed {listed}")
    bus = find(lab.repo, trees[0], BUS)
    return edit(lab.repo, tree, {BUS: bus})
