"""What passes from candidate to evaluator: declared outputs, regular files only."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

MOST_FILES = 10_000
DEEPEST = 32
"""Folders an output may lie deep in."""
_CHUNK = 1 << 20
# Not blocking: opening a FIFO would wait for a writer that never comes.
_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_KINDS = {
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


class BadOutput(Exception):
    """A declared output that is missing or is no regular file; says which and why."""


@dataclass
class _Allowance:
    """What may still pass: bytes, and files with folders."""

    bytes: int
    files: int


def pass_outputs(outputs: tuple[str, ...], source: Path, target: Path, limit: int) -> None:
    """Copy each declared output, at most `limit` bytes together. Raises BadOutput.

    Links are never followed, at no level: an output that points elsewhere would show the
    evaluator, or the candidate through it, what it may not see. Nothing is looked at before it is
    opened, so nothing can be exchanged in between.
    """
    left = _Allowance(limit, MOST_FILES)
    root = os.open(source, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for output in outputs:
            _pass(output.split("/"), "", root, target, left)
    finally:
        os.close(root)


def _pass(parts: list[str], above: str, folder: int, target: Path, left: _Allowance) -> None:
    """Copy what `parts` names below the open `folder`, whose own path is `above`."""
    path = f"{above}{parts[0]}"
    with _opened(parts[0], path, folder) as handle:
        if len(parts) > 1:
            if not stat.S_ISDIR(os.fstat(handle).st_mode):
                raise BadOutput(f"{path} is not a folder")
            _pass(parts[1:], f"{path}/", handle, target, left)
        else:
            _copy(path, handle, target, left)


@contextmanager
def _opened(name: str, path: str, folder: int | None) -> Iterator[int]:
    try:
        handle = os.open(name, _OPEN, dir_fd=folder)
    except OSError as error:
        raise BadOutput(_refusal(path, error)) from None
    try:
        yield handle
    finally:
        os.close(handle)


def _refusal(path: str, error: OSError) -> str:
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return f"the candidate did not write {path}"
    if error.errno == errno.ELOOP:
        return f"{path} is not a regular file: it is a symlink"
    if error.errno == errno.ENXIO:
        return f"{path} is not a regular file: it is a socket"
    return f"{path} cannot be read: {error.strerror}"


def _copy(path: str, handle: int, target: Path, left: _Allowance) -> None:
    _count(path, left)
    facts = os.fstat(handle)
    if stat.S_ISDIR(facts.st_mode):
        (target / path).mkdir(parents=True, exist_ok=True)
        for name in sorted(_names(path, handle, left)):
            _pass([name], f"{path}/", handle, target, left)
    else:
        require_regular(path, facts)
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        with (target / path).open("xb") as file:
            for chunk in _chunks(path, handle, left):
                file.write(chunk)


def _count(path: str, left: _Allowance) -> None:
    if path.count("/") >= DEEPEST:
        raise BadOutput(f"an output lies more than {DEEPEST} folders deep")
    if not path.isprintable():
        raise BadOutput(f"the name {path!r} holds a character that cannot be printed")
    left.files -= 1
    if left.files < 0:
        raise BadOutput(f"the outputs are more than {MOST_FILES:,} files")


def _names(path: str, handle: int, left: _Allowance) -> Iterator[str]:
    # Counted while they are listed: a folder can hold millions.
    with os.scandir(handle) as entries:
        for number, entry in enumerate(entries):
            if number >= left.files:
                raise BadOutput(f"{path} holds more than the {left.files:,} files still allowed")
            yield entry.name


def require_regular(path: str, facts: os.stat_result) -> None:
    """Raises BadOutput where an opened file is none, or has a second name."""
    if not stat.S_ISREG(facts.st_mode):
        kind = _KINDS.get(stat.S_IFMT(facts.st_mode), "something else")
        raise BadOutput(f"{path} is not a regular file: it is {kind}")
    if facts.st_nlink != 1:
        raise BadOutput(f"{path} is not a regular file alone: it is a hard link")


def _chunks(path: str, handle: int, left: _Allowance) -> Iterator[bytes]:
    size = os.fstat(handle).st_size
    if size > left.bytes:
        raise BadOutput(f"{path} has {size:,} bytes, more than the {left.bytes:,} still allowed")
    while chunk := os.read(handle, _CHUNK):
        left.bytes -= len(chunk)
        if left.bytes < 0:
            raise BadOutput(f"{path} grew past the bytes still allowed while it was read")
        yield chunk


def read_regular(file: Path, limit: int) -> bytes:
    """The bytes of a regular file of at most `limit`, no link followed. Raises BadOutput."""
    with _opened(str(file), file.name, None) as handle:
        require_regular(file.name, os.fstat(handle))
        return b"".join(_chunks(file.name, handle, _Allowance(limit, 1)))
