"""Loose objects are packed beside the work, so that a lab of any age stays quick to read.

Nothing is thrown away: an object that no commit holds yet may be another worker's next one. So this
is not `git gc`, nor `git maintenance`, which besides remove folders of `objects` that are empty for
a moment, in which libgit2 is about to place an object. A process of its own packs what is loose,
and removes an object's file only once a pack on disk holds it.
"""

import fcntl
import os
import re
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from ..isolated import GIT, NOWHERE, own_module
from ..store.durable import sync
from ..store.refs import common_folder, without_git_variables
from ..store.trees import Repository

_MANY_OBJECTS = 6700
"""Loose ones that are worth a pack, as git itself has it."""
_STEPS = 50
"""How many times it is asked for each time that it counts."""
_PATIENCE = 60.0
"""Seconds to wait at the end for what was begun."""
_FAN_OUT = re.compile("[0-9a-f]{2}")
_REST = re.compile("[0-9a-f]{38}")


class Housekeeper:
    """Packs a lab's repository while the work goes on; whoever else does so is left to it."""

    def __init__(self, repo: Repository) -> None:
        self._git = common_folder(repo)
        self._asked = 0
        self._child: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Housekeeper":
        return self

    def look(self) -> None:
        """Start packing if enough is loose, between two trials: not everything is counted."""
        if self._child is not None and self._child.poll() is not None:
            self._child = None
        if self._asked % _STEPS == 0 and self._child is None and is_due(self._git):
            self._child = _start(self._git)
        self._asked += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Wait for it, not for long, and end it where that is asked for."""
        if self._child is None:
            return
        try:
            self._child.wait(0 if kind is KeyboardInterrupt else _PATIENCE)
        except (subprocess.TimeoutExpired, KeyboardInterrupt):
            # Git takes back its locks and half a pack when it is told to end.
            with suppress(ProcessLookupError):
                os.killpg(self._child.pid, signal.SIGTERM)
            self._child.wait()


def is_due(git: Path) -> bool:
    """Whether so much is loose that packing pays."""
    # Names are spread evenly, so one of 256 folders tells; git looks at the same.
    return len(_names(git / "objects" / "17")) >= _MANY_OBJECTS // 256


def tidy(git: Path) -> None:
    """Pack every loose object there is now, unless somebody else is at it."""
    with (git / "housekeeping.lock").open("wb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        _pack_objects(git)


def _pack_objects(git: Path) -> None:
    loose = _loose(git / "objects")
    if not loose:
        return
    place = git / "objects" / "pack"
    place.mkdir(exist_ok=True)
    listed = "".join(f"{name}\n" for name in loose).encode()
    name = _run(git, "pack-objects", "--quiet", "--threads=1", place / "pack", data=listed)
    index = place / f"pack-{name.decode().strip()}.idx"
    # Git syncs both files; their names have to be on disk too before the other ones go.
    sync(index, index.with_suffix(".pack"), place)
    for line in _run(git, "show-index", data=index.read_bytes()).decode().splitlines():
        packed = loose.get(line.split()[1])
        if packed is not None:
            packed.unlink(missing_ok=True)


def _loose(objects: Path) -> dict[str, Path]:
    """The file of each loose object, by its name."""
    folders = [name for name in _names(objects) if _FAN_OUT.fullmatch(name)]
    return {
        folder + name: objects / folder / name
        for folder in folders
        for name in _names(objects / folder)
        if _REST.fullmatch(name)
    }


def _names(folder: Path) -> list[str]:
    try:
        return [path.name for path in folder.iterdir()]
    except (FileNotFoundError, NotADirectoryError):
        return []


def _run(git: Path, command: str, *words: str | Path, data: bytes = b"") -> bytes:
    return subprocess.run(
        [*GIT, "--git-dir", git, command, *words],
        cwd=NOWHERE,
        input=data,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=without_git_variables(),
        check=True,
    ).stdout


def _start(git: Path) -> subprocess.Popen[bytes]:
    """Tidy up in a process that gives way to all others, in a group of its own."""
    return subprocess.Popen(
        own_module(__name__, git),
        cwd=NOWHERE,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


if __name__ == "__main__":
    os.nice(10)
    # What cannot be packed, since the disk is full say, is still there and as good as before.
    with suppress(subprocess.CalledProcessError, OSError):
        tidy(Path(sys.argv[1]))
