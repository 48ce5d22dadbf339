"""What lies in a git folder, before anything reads it: a pipe there makes git wait for ever."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from ..errors import AiresearchError

_FOLDERS = ("refs", "info", "logs", "objects", "worktrees")


def common_folder_of(start: Path) -> Path | None:
    """The git folder that `start` belongs to, as git looks for it; None where there is none."""
    for folder in (start, *start.parents):
        own = folder / ".git"
        if own.is_file():  # of a linked worktree
            own = folder / os.fsdecode(own.read_bytes().removeprefix(b"gitdir:").strip())
        elif not own.is_dir():
            own = folder
        if not os.path.lexists(own / "HEAD"):
            continue
        link = own / "commondir"
        return own / os.fsdecode(link.read_bytes().strip()) if link.is_file() else own
    return None


def require_files(home: Path, *, loose: bool = False) -> None:
    """Raises AiresearchError where git would read a pipe, a socket or a device in `home`.

    Objects that have a file of their own are looked at only where `loose` asks for them.
    """
    odd = sorted(_odd(home, loose))
    if odd:
        raise AiresearchError(
            f"{', '.join(odd[:5])}{' …' if len(odd) > 5 else ''} is no file, and git would wait "
            "there for ever",
            f"remove it: rm {odd[0]}",
        )


def _odd(home: Path, loose: bool) -> Iterator[str]:
    """What below `home` is neither a file nor a folder; what is nowhere is nothing."""
    waiting = [str(home)]
    while waiting:
        folder = waiting.pop()
        try:
            entries = list(os.scandir(folder))
        except (OSError, ValueError):  # a name with a NUL in it, from another file
            continue
        for entry in entries:
            is_top = folder == str(home)
            if entry.is_dir(follow_symlinks=is_top):
                is_objects = len(entry.name) == 2 and folder.endswith("objects")
                if (not is_top or entry.name in _FOLDERS) and (loose or not is_objects):
                    waiting.append(entry.path)
            elif not entry.is_file(follow_symlinks=False) and _is_special(entry):
                yield entry.path


def _is_special(entry: "os.DirEntry[str]") -> bool:
    try:
        mode = entry.stat().st_mode
    except OSError:  # a link to nowhere
        return False
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)
