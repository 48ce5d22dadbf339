"""What passes from candidate to evaluator: declared outputs, regular files only."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from ...gitlab.desk.safe_open import Unfit, opened, opened_root, require_plain

MOST_FILES = 10_000
DEEPEST = 32
"""Folders an output may lie deep in."""
LONGEST = 1024
"""Bytes of an output's path: with the folder above it, the evaluator must be able to open it."""
_CHUNK = 1 << 20
# Not blocking: opening a FIFO would wait for a writer that never comes.
_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


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
    with ExitStack() as held:
        try:
            root = held.enter_context(opened_root(source))
        except OSError:
            raise BadOutput("the candidate's folder is gone, or is no folder any more") from None
        into = held.enter_context(opened_root(target))
        for output in dict.fromkeys(outputs):
            if not any(output.startswith(f"{other}/") for other in outputs):
                _pass(output.split("/"), "", root, into, left)


def read_regular(file: Path, limit: int) -> bytes:
    """The bytes of a regular file of at most `limit`, no link followed. Raises BadOutput."""
    with _opened(str(file), file.name, None) as handle:
        return b"".join(_chunks(file.name, handle, _Allowance(limit, 1)))


def _pass(parts: list[str], above: str, source: int, target: int, left: _Allowance) -> None:
    """Copy what `parts` names below one open folder to another; `above` is their own path."""
    name, *rest = parts
    path = f"{above}{name}"
    with _opened(name, path, source) as handle:
        is_folder = stat.S_ISDIR(os.fstat(handle).st_mode)
        if rest and not is_folder:
            raise BadOutput(f"{path} is not a folder")
        if not rest:
            _count(path, left)
        if not is_folder:
            try:
                copy = os.open(name, _CREATE, 0o666, dir_fd=target)
            except FileExistsError:  # as on a file system that does not tell case apart
                raise BadOutput(f"{path} is the name of two files for the evaluator") from None
            with os.fdopen(copy, "wb") as file:
                for chunk in _chunks(path, handle, left):
                    file.write(chunk)
            return
        # By handles all the way: the whole path may be longer than the system takes.
        with suppress(FileExistsError):
            os.mkdir(name, dir_fd=target)
        with _folder_for(path, name, target) as into:
            inner = [rest] if rest else [[one] for one in sorted(_names(path, handle, left))]
            for below in inner:
                _pass(below, f"{path}/", handle, into, left)


@contextmanager
def _folder_for(path: str, name: str, target: int) -> Iterator[int]:
    with ExitStack() as held:
        try:
            into = held.enter_context(opened(target, name))
        except NotADirectoryError:
            raise BadOutput(
                f"{path} is no folder for the evaluator, which has a file there"
            ) from None
        yield into


@contextmanager
def _opened(name: str, path: str, folder: int | None) -> Iterator[int]:
    try:
        handle = os.open(name, _OPEN, dir_fd=folder)
    except OSError as error:
        says = {
            errno.ENOENT: f"the candidate did not write {path}",
            errno.ENOTDIR: f"the candidate did not write {path}",
            errno.ELOOP: f"{path} is not a regular file: it is a symlink",
            errno.ENXIO: f"{path} is not a regular file: it is a socket",
        }
        refusal = says.get(error.errno or 0, f"{path} cannot be read: {error.strerror}")
        raise BadOutput(refusal) from None
    try:
        yield handle
    finally:
        os.close(handle)


def _count(path: str, left: _Allowance) -> None:
    if path.count("/") >= DEEPEST:
        raise BadOutput(f"an output lies more than {DEEPEST} folders deep")
    if len(os.fsencode(path)) > LONGEST:
        raise BadOutput(f"an output's path has more than {LONGEST:,} bytes")
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


def _chunks(path: str, handle: int, left: _Allowance) -> Iterator[bytes]:
    """The content of an open regular file, piece by piece: an output may be large."""
    facts = os.fstat(handle)
    try:
        require_plain(facts, facts.st_size)
    except Unfit as unfit:
        raise BadOutput(f"{path} is not a regular file: it {unfit}") from None
    size = facts.st_size
    if size > left.bytes:
        raise BadOutput(f"{path} has {size:,} bytes, more than the {left.bytes:,} still allowed")
    while chunk := os.read(handle, _CHUNK):
        left.bytes -= len(chunk)
        if left.bytes < 0:
            raise BadOutput(f"{path} grew past the bytes still allowed while it was read")
        yield chunk
