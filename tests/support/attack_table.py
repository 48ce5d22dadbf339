"""The table of attacks: what stopped each, and how long that took."""

import pytest

KEY = "attack"


def show_attacks(terminalreporter: pytest.TerminalReporter) -> None:
    """One line for each attack that was stopped."""
    reports = terminalreporter.getreports("passed")
    rows = [row for report in reports for key, row in report.user_properties if key == KEY]
    if not rows:
        return
    terminalreporter.section(f"{len(rows)} attacks, each stopped")
    for test, threat, gate, seconds in rows:
        name = test.partition("[")[2].rstrip("]") or test
        terminalreporter.write_line(f"{threat}  {gate:10} {seconds:7.2f} s  {name}")
