"""The chance of each test, and the line at the end that says how much chaos there was."""

from random import Random

import pytest
from chaos_tally import COUNTS, FULL, LINE, SEED, Tally


@pytest.fixture
def tally(request: pytest.FixtureRequest) -> Tally:
    return Tally(request)


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> Random:
    """The test's own chance; its seed is shown where the test fails."""
    print(f"for the same chance again: AIRESEARCH_CHAOS_SEED={SEED}")
    return Random(f"{SEED}/{request.node.name}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """One line of totals, and those that tests have told."""
    total: dict[str, int] = {}
    lines: list[str] = []
    for report in terminalreporter.getreports("passed"):
        for key, value in report.user_properties:
            if key == COUNTS:
                total = {name: total.get(name, 0) + value.get(name, 0) for name in total | value}
            elif key == LINE:
                lines.append(value)
    if not total and not lines:
        return
    terminalreporter.section(f"chaos, {'full' if FULL else 'bounded'}, seed {SEED}")
    if total:
        terminalreporter.write_line(", ".join(f"{count} {name}" for name, count in total.items()))
    for line in lines:
        terminalreporter.write_line(line)
