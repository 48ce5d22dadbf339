"""How much chaos there is, where its chance comes from, and what is told of it at the end."""

import os
from random import randrange

import pytest

FULL = os.environ.get("AIRESEARCH_CHAOS") == "full"
SEED = int(os.environ.get("AIRESEARCH_CHAOS_SEED") or randrange(1 << 32))
COUNTS, LINE = "chaos counts", "chaos line"


class Tally:
    """Counts what a test did, for the summary."""

    def __init__(self, request: pytest.FixtureRequest) -> None:
        self._properties = request.node.user_properties

    def add(self, **counts: int) -> None:
        """So much more of each."""
        self._properties.append((COUNTS, counts))

    def tell(self, line: str) -> None:
        """A line of its own."""
        self._properties.append((LINE, line))
