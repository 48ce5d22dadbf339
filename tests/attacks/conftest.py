"""Enters attacks into the table at the end: what stopped each, and how long that took."""

from collections.abc import Callable

import pytest
from attack_table import KEY
from attacked import Report


@pytest.fixture
def stopped(
    request: pytest.FixtureRequest, record_property: Callable[[str, object], None]
) -> Report:
    """Enter an attack into the table: its threat, the gate that stopped it, seconds."""

    def enter(threat: str, gate: str, seconds: float) -> None:
        record_property(KEY, (request.node.name, threat, gate, seconds))

    return enter
