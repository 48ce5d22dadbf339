"""The chance of each test, and what it counts for the line at the end."""

from random import Random

import pytest
from chaos_tally import SEED, Tally


@pytest.fixture
def tally(request: pytest.FixtureRequest) -> Tally:
    return Tally(request)


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> Random:
    """The test's own chance; its seed is shown where the test fails."""
    print(f"for the same chance again: AIRESEARCH_CHAOS_SEED={SEED}")
    return Random(f"{SEED}/{request.node.name}")
