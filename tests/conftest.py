"""Sealed from the machine's own git configuration."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pygit2
import pytest
import warm
from attack_table import show_attacks
from chaos_tally import show_chaos

FIRST = ("chaos", "attacks", "labs", "test_docs.py", "test_recipes.py")
"""Where the long files are, so that none is left to run alone at the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Said here: pytest takes `testpaths` that lie in one another for one, in order of names."""

    def place(item: pytest.Item) -> int:
        room = item.path.relative_to(Path(__file__).parent).parts[0]
        return FIRST.index(room) if room in FIRST else len(FIRST)

    items.sort(key=place)


@pytest.fixture(scope="session", autouse=True)
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No configuration of this machine or its user reaches a test, nor ours them."""
    home = tmp_path_factory.mktemp("home")
    kept = dict(os.environ)
    # A shell starts what it puts in the background deaf to Ctrl-C, and it is for tests to press it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for name in [n for n in os.environ if n.startswith(("GIT_", "AIRESEARCH_"))]:
        del os.environ[name]
    os.environ.update(
        HOME=str(home), GIT_CONFIG_GLOBAL=str(home / ".gitconfig"), GIT_CONFIG_NOSYSTEM="1"
    )
    (home / ".gitconfig").write_text("[user]\nname = Ada\nemail = ada@example.org\n")
    levels = pygit2.enums.ConfigLevel
    for level in (levels.SYSTEM, levels.XDG, levels.GLOBAL):
        pygit2.settings.search_path[level] = str(home)
    warm.start(tmp_path_factory.mktemp("warm"))
    yield
    os.environ.clear()
    os.environ.update(kept)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The tables of the attacks and of the chaos. Here, since only this file is read by all."""
    show_attacks(terminalreporter)
    show_chaos(terminalreporter)
