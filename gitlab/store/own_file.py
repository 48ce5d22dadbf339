"""The files we keep for ourselves below `.git/airesearch`, where anything may stand in their place.

They are caches and notes, no record: what is no plain file there is passed over, and makes way.
"""

import os
import shutil
import stat
from contextlib import suppress
from pathlib import Path


def read_own(path: Path) -> bytes:
    """The bytes of a plain file. Raises OSError where there is none: no link, no pipe is opened."""
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(f"{path} is no file")
        return file.read()


def write_own(path: Path, data: bytes) -> None:
    """Have a plain file with `data` at `path`, whole or not at all, and the folders above it."""
    aside = path.with_name(f"{path.name}.{os.getpid()}")
    with suppress(FileExistsError):
        path.parent.mkdir(parents=True, exist_ok=True)
    if not path.parent.is_dir():
        clear(path.parent)
        path.parent.mkdir()
    clear(aside)
    handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
    if path.is_dir():
        clear(path)
    aside.replace(path)


def forget_own(path: Path) -> None:
    """Have no file of ours at `path`, nor what writers left beside it that were killed."""
    clear(path)
    for aside in path.parent.glob(f"{path.name}.*"):
        clear(aside)


def clear(path: Path) -> None:
    """Have nothing at `path`."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
