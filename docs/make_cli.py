"""Write docs/cli.md from what `airesearch COMMAND --help` prints: python docs/make_cli.py"""

import os
import subprocess
import sys
from pathlib import Path

from airesearch.cli import COMMANDS

PAGE = Path(__file__).parent / "cli.md"


def page() -> str:
    """The page as it should be: each command's help on a terminal of 80 columns."""
    commands = [(), *((name,) for name in COMMANDS), ("hook", "install")]
    return "\n".join(
        ["# The command line\n", "Made by `python docs/make_cli.py`.\n", *map(_section, commands)]
    )


def _section(words: tuple[str, ...]) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "airesearch", *words, "--help"],
        capture_output=True,
        text=True,
        env={**os.environ, "COLUMNS": "80"},
        check=True,
    )
    return f"## {' '.join(('airesearch', *words))}\n\n```\n{done.stdout}```\n"


if __name__ == "__main__":
    PAGE.write_text(page())
