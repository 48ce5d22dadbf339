"""Which of its parents a record's commit is compared with."""

from collections.abc import Sequence
from typing import TypeVar

from .records import Promote, Record

Parent = TypeVar("Parent")


def compared_parent(record: Record, parents: Sequence[Parent]) -> Parent:
    """The parent whose tree the change of a commit is told from: the first, where it grew.

    A promotion's is the last, the winner: it takes its tree as it is.
    """
    return parents[-1] if isinstance(record, Promote) else parents[0]
