"""The search tree of a lab: its base is the newest commit that changed what is measured."""

from ...gitlab.lab.lab import Lab
from ...gitlab.reader.values import Unsound
from ...gitlab.store.objects import LibgitObjects
from ...gitlab.tree.lab_tree import LabTree
from .cost import starts_base


def load_tree(lab: Lab) -> LabTree:
    """The tree as the refs have it now."""

    def is_base(commit: str) -> bool:
        try:
            return starts_base(LibgitObjects(lab.repo), commit)
        except Unsound:
            return True  # what cannot be read may be anything

    return LabTree(lab, is_base)
