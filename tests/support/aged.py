"""The command line by a clock that starts weeks ago, and goes on by an hour with each commit.

So nothing of a lab lies within the minutes that the clocks of two machines may differ by.

python aged.py FILE step    FILE holds the time
"""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pygit2

_HOUR, _WEEKS = 3600, 8 * 7 * 24 * 3600


def start(clock: Path) -> Path:
    """A clock that stands weeks ago."""
    clock.write_text(str(int(time.time()) - _WEEKS))
    return clock


def tick(clock: Path) -> int:
    """What it says; then it is an hour later."""
    now = int(clock.read_text())
    clock.write_text(str(now + _HOUR))
    return now


def airesearch(clock: Path, folder: Path, *words: str) -> int:
    """Run the command line by that clock; its exit code."""
    argv = [sys.executable, __file__, str(clock), *words]
    return subprocess.run(argv, cwd=folder, capture_output=True, check=False).returncode


def commit(clock: Path, folder: Path, **files: str) -> None:
    """A person's commit by it that writes files (`team__yaml` for team.yaml)."""
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)
    date = f"{tick(clock)} +0000"
    env = {**os.environ, "GIT_COMMITTER_DATE": date, "GIT_AUTHOR_DATE": date}
    words = ["git", "-C", str(folder), "commit", "-qam", f"change {', '.join(files)}"]
    subprocess.run(words, env=env, check=True, capture_output=True)


if __name__ == "__main__":
    hours = Path(sys.argv.pop(1))
    signature = pygit2.Signature

    def signed(name: str, mail: str, at: int | None = None, *zone: Any) -> pygit2.Signature:
        if at is None:
            return signature(name, mail, tick(hours), 0)
        return signature(name, mail, at, *zone)

    pygit2.Signature = signed  # type: ignore[misc,assignment]
    from airesearch.cli import main

    main()
