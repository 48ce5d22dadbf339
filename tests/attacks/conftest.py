"""The table of attacks: what stopped each, and how long that took."""

from collections.abc import Callable

import pytest
from attacked import Report

_KEY = "attack"


@pytest.fixture
def stopped(
    request: pytest.FixtureRequest, record_property: Callable[[str, object], None]
) -> Report:
    """Enter an attack into the table: its threat, the gate that stopped it, seconds."""

    def enter(threat: str, gate: str, seconds: float) -> None:
        record_property(_KEY, (request.node.name, threat, gate, seconds))

    return enter


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """One line for each attack that was stopped."""
    reports = terminalreporter.getreports("passed")
    rows = [row for report in reports for key, row in report.user_properties if key == _KEY]
    if not rows:
        return
    terminalreporter.section(f"{len(rows)} attacks, each stopped")
    for test, threat, gate, seconds in rows:
        name = test.partition("[")[2].rstrip("]") or test
        terminalreporter.write_line(f"{threat}  {gate:10} {seconds:7.2f} s  {name}")
