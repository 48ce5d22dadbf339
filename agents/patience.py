"""How long a run goes on though its proposers fail."""

from ..gitlab.errors import AiresearchError
from ..gitlab.tree.search_tree import Node

_FAILURES = 3


class Patience:
    """Ends where proposals failed so many times in a row."""

    def __init__(self) -> None:
        self._failures = 0

    def take(self, node: Node) -> None:
        """Raises AiresearchError where this node's was one failed proposal too many."""
        failed = node.reason.startswith("the proposer failed")
        self._failures = self._failures + 1 if failed else 0
        if self._failures == _FAILURES:
            raise AiresearchError(
                f"{node.propose.agent} failed to propose {_FAILURES} times in a row: {node.reason}",
                f"look at it: airesearch show {node.id}",
            )
