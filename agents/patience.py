"""How long a run goes on though its proposers fail, or cannot work."""

import time
from collections.abc import Callable

from ..gitlab.errors import AiresearchError
from ..gitlab.tree.search_tree import Node
from .proposers.base import ProposerUnavailable

_FAILURES = 3
"""Failed proposals in a row that end a run."""
_FIRST_PAUSE, _LONGEST_PAUSE = 10.0, 600.0
"""Seconds until a proposer that could not work is asked again; each pause is twice the last."""
_ASKED = 30
"""How often in a row one is asked that cannot work: for about four hours."""


class Patience:
    """Ends a run where that is over. `tell` is called at once with what a person should know."""

    def __init__(self, tell: Callable[[str], object]) -> None:
        self._tell = tell
        self._failures = self._asked = 0

    def take(self, node: Node) -> None:
        """Raises AiresearchError where this node's was one failed proposal too many."""
        self._asked = 0
        failed = node.reason.startswith("the proposer failed")
        self._failures = self._failures + 1 if failed else 0
        if self._failures == _FAILURES:
            raise AiresearchError(
                f"{node.propose.agent} failed to propose {_FAILURES} times in a row: {node.reason}",
                f"look at it: airesearch show {node.id}",
            )

    def wait(self, away: ProposerUnavailable, end: float | None) -> None:
        """Wait until a proposer may work again, not beyond `end` of the monotonic clock.

        Raises it where that would be in vain. Ctrl-C ends the wait.
        """
        pause = min(_FIRST_PAUSE * 2**self._asked, _LONGEST_PAUSE)
        self._asked += 1
        if not away.may_wait or self._asked == _ASKED:
            raise away
        if end is not None:
            pause = max(0.0, min(pause, end - time.monotonic()))
        self._tell(f"{away.what}; it is asked again in {pause:.0f} s, and no trial was spent")
        time.sleep(pause)
