"""How much chaos there is, where its chance comes from, and what is told of it at the end."""

import os
from random import randrange

import pytest

FULL = os.environ.get("AIRESEARCH_CHAOS") == "full"
SEED = int(os.environ.get("AIRESEARCH_CHAOS_SEED") or randrange(1 << 32))
os.environ["AIRESEARCH_CHAOS_SEED"] = str(SEED)  # for the workers that tests are dealt out to
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


def show_chaos(terminalreporter: pytest.TerminalReporter) -> None:
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
