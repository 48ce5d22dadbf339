"""Loose objects are packed beside the work, so that a lab of any age stays quick to read.

Nothing is thrown away: an object that no commit holds yet may be another worker's next one. So this
is not `git gc`, nor `git maintenance`, which besides remove folders of `objects` that are empty for
a moment, in which libgit2 is about to place an object. A process of its own packs what is loose,
and removes an object's file only once a pack on disk holds it.
"""

import os
import re
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from ..errors import AiresearchError
from ..isolated import NOWHERE, own_git, own_module
from ..store.durable import sync
from ..store.file_lock import file_lock
from ..store.refs import common_folder
from ..store.trees import Repository

_MANY_OBJECTS = 6700
"""Loose ones that are worth a pack, as git itself has it."""
_CALLS = 50
"""Of that many calls, one counts the objects."""
_PATIENCE = 60.0
"""Seconds to wait at the end for what was begun."""
_FAN_OUT = re.compile("[0-9a-f]{2}")
_REST = re.compile("[0-9a-f]{38}")


class Housekeeper:
    """Packs a lab's repository while the work goes on; whoever else does so is left to it."""

    def __init__(self, repo: Repository) -> None:
        self._git = common_folder(repo)
        self._calls = 0
        self._child: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def pack_if_due(self) -> None:
        """Start packing if enough is loose, between two trials: not everything is counted."""
        if self._child is not None and self._child.poll() is not None:
            self._child = None
        if self._calls % _CALLS == 0 and self._child is None and is_due(self._git):
            # In a group of its own: it ends together with the git that it runs.
            self._child = subprocess.Popen(
                own_module(__name__, self._git),
                cwd=NOWHERE,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        self._calls += 1

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


def pack_loose_objects(git: Path) -> None:
    """Pack every loose object there is now, unless somebody else is at it."""
    with file_lock(git / "housekeeping.lock", patience=0) as is_ours:
        if not is_ours:
            return
        objects = git / "objects"
        loose = {
            folder + name: objects / folder / name
            for folder in _names(objects)
            if _FAN_OUT.fullmatch(folder)
            for name in _names(objects / folder)
            if _REST.fullmatch(name)
        }
        if not loose:
            return
        packs = objects / "pack"
        packs.mkdir(exist_ok=True)
        names = "".join(f"{name}\n" for name in loose).encode()
        words = ("pack-objects", "--quiet", "--threads=1", packs / "pack")
        packed = own_git("--git-dir", git, *words, data=names, check=True)
        index = packs / f"pack-{packed.stdout.decode().strip()}.idx"
        # Git syncs both files; their names have to be on disk too before the other ones go.
        sync(index, index.with_suffix(".pack"), packs)
        shown = own_git("--git-dir", git, "show-index", data=index.read_bytes(), check=True)
        for line in shown.stdout.decode().splitlines():
            file = loose.get(line.split()[1])
            if file is not None:
                file.unlink(missing_ok=True)


def _names(folder: Path) -> list[str]:
    try:
        return [path.name for path in folder.iterdir()]
    except (FileNotFoundError, NotADirectoryError):
        return []


if __name__ == "__main__":
    os.nice(10)  # it gives way to all others
    # What cannot be packed, since the disk is full say, is still there and as good as before.
    with suppress(AiresearchError, subprocess.CalledProcessError, OSError):
        pack_loose_objects(Path(sys.argv[1]))
