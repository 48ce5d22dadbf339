"""Trees of files: read, edit, walk and export them. A path is str, odd bytes as surrogates.

Tree objects are read and written here byte by byte: pygit2's own accessors refuse names that are
not UTF-8, and a lab must survive any name that git allows.
"""

import errno
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pygit2
from pygit2.enums import FileMode, ObjectType

from ..errors import AiresearchError, CannotLayOut
from ..reader.form import DEEPEST
from ..record.text import quote_path
from ..record.unicode import folded

Oid = pygit2.Oid
"""An object's name: twenty bytes."""
Repository = pygit2.Repository
EMPTY = Oid(hex="4b825dc642cb6eb9a060e54bf8d69288fbee4904")
_IMPOSSIBLE = (errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ, errno.EEXIST, errno.ENOTDIR)
"""What file systems say of names that they do not know, or that they take for each other."""
_ID_BYTES = 20
_LONGEST_NAME = 255


@dataclass(frozen=True)
class Entry:
    """One file or folder in a tree, under its full path."""

    path: str
    oid: Oid
    mode: int


@dataclass(frozen=True)
class Difference:
    """What stands at a path in two trees as a file; None where that is a folder, or nothing."""

    path: str
    before: Entry | None
    after: Entry | None


def is_sound(path: str) -> bool:
    """Whether a tree can hold `path` and any file system take it inside its folder."""
    for name in path.split("/"):
        try:
            size = len(name.encode("utf-8", "surrogateescape"))
        except UnicodeEncodeError:  # half a character
            return False
        seen = folded(name)
        if seen in ("", ".") or {"..", ".git", "git~1"} & set(seen.split("/")):
            return False
        if size > _LONGEST_NAME or "\0" in name:
            return False
    return True


def folders_of(path: str) -> Iterator[str]:
    """The folders a path lies in, the outermost first."""
    return (path[:at] for at, char in enumerate(path) if char == "/")


def find(repo: Repository, root: Oid, path: str) -> Entry | None:
    """The file or folder at `path`, or None."""
    oid, mode = root, int(FileMode.TREE)
    for name in path.split("/"):
        entry = _open(repo, oid).get(name) if mode == FileMode.TREE else None
        if entry is None:
            return None
        oid, mode = entry.oid, entry.mode
    return Entry(path, oid, mode)


def read(repo: Repository, root: Oid, path: str) -> bytes | None:
    """The bytes of the regular file at `path`, or None where there is none."""
    entry = find(repo, root, path)
    if entry is None or entry.mode not in (FileMode.BLOB, FileMode.BLOB_EXECUTABLE):
        return None
    return repo.odb.read(entry.oid)[1]


def walk(repo: Repository, root: Oid, under: str = "") -> Iterator[Entry]:
    """Every file below `root`, folders opened, in git's order.

    Raises AiresearchError where folders lie deeper in each other than `DEEPEST`.
    """
    if under.count("/") > DEEPEST:
        raise AiresearchError(
            f"the folders below {under[:20]}... lie more than {DEEPEST} deep in each other",
            "commit a tree that file systems can hold",
        )
    for name, entry in _open(repo, root).items():
        if entry.mode == FileMode.TREE:
            yield from walk(repo, entry.oid, f"{under}{name}/")
        else:
            yield Entry(under + name, entry.oid, entry.mode)


def differences(repo: Repository, old: Oid, new: Oid) -> Iterator[Difference]:
    """Every file that two trees do not share; folders that they do are not opened."""
    folders = [("", old, new)]
    while folders:
        under, old, new = folders.pop()
        before, after = _open(repo, old), _open(repo, new)
        for name in {**before, **after}:
            was, now = before.get(name), after.get(name)
            if was == now:
                continue
            path = under + name
            (old_file, old_folder), (new_file, new_folder) = _sides(path, was), _sides(path, now)
            if old_file or new_file:
                yield Difference(path, old_file, new_file)
            if old_folder != new_folder:
                folders.append((f"{path}/", old_folder, new_folder))


def _sides(path: str, entry: Entry | None) -> tuple[Entry | None, Oid]:
    """The file and the folder that stand at `path`: one of them, or none."""
    if entry is None:
        return None, EMPTY
    if entry.mode == FileMode.TREE:
        return None, entry.oid
    return Entry(path, entry.oid, entry.mode), EMPTY


def edit(repo: Repository, root: Oid, edits: Mapping[str, bytes | Entry | None]) -> Oid:
    """`root` with each path set to bytes or to another tree's entry, or removed where None.

    A file that already stands there keeps its mode. Folders left empty go. The paths must be
    sound: git itself would refuse the tree otherwise.
    """
    if any(path.count("/") > DEEPEST for path in edits):
        raise AiresearchError(f"a path is more than {DEEPEST} folders deep", "give a shorter one")
    entries = _open(repo, root)
    below: dict[str, dict[str, bytes | Entry | None]] = {}
    for path, value in edits.items():
        name, _, rest = path.partition("/")
        if rest:
            below.setdefault(name, {})[rest] = value
        elif isinstance(value, Entry):
            entries[name] = Entry(name, value.oid, value.mode)
        elif value is None:
            entries.pop(name, None)
        else:
            old = entries.get(name)
            executable = old is not None and old.mode == FileMode.BLOB_EXECUTABLE
            mode = FileMode.BLOB_EXECUTABLE if executable else FileMode.BLOB
            entries[name] = Entry(name, repo.create_blob(value), int(mode))
    for name, inner in below.items():
        old = entries.get(name)
        old_file, old_folder = _sides(name, old)
        new = edit(repo, old_folder, inner)
        if new != EMPTY:
            entries[name] = Entry(name, new, int(FileMode.TREE))
        elif old is not None and old_file is None:
            del entries[name]
    return _write(repo, entries)


def pick(repo: Repository, root: Oid, paths: Iterable[str]) -> Oid:
    """The tree of only `paths` (files or whole folders) of `root`; absent ones are left out."""
    entries = ((path, find(repo, root, path)) for path in paths)
    return edit(repo, EMPTY, {path: entry for path, entry in entries if entry is not None})


def is_file(entry: Entry) -> bool:
    """Whether it is exported: a submodule is not, as its content is not in this repository."""
    return entry.mode != FileMode.COMMIT


def export_tree(repo: Repository, root: Oid, folder: Path, keep: Callable[[str], bool]) -> None:
    """Write the files of `root` that `keep` lets through below `folder`, exactly as committed.

    No filter of the user's git configuration runs: what is measured is the object, byte for byte.
    Raises CannotLayOut where this file system cannot hold it.
    """
    made = {folder}
    folder.mkdir(parents=True, exist_ok=True)
    for entry in walk(repo, root):
        if not is_file(entry) or not keep(entry.path):
            continue
        target = folder / entry.path
        with _possible(entry):
            if target.parent not in made:
                target.parent.mkdir(parents=True, exist_ok=True)
                made.add(target.parent)
            write_file(repo, entry, target)


@contextmanager
def _possible(entry: Entry) -> Iterator[None]:
    """Raises CannotLayOut where what is done with a file of a tree cannot be done here."""
    try:
        yield
    except (ValueError, OSError) as error:
        if isinstance(error, OSError) and error.errno not in _IMPOSSIBLE:
            raise
        why = error.strerror if isinstance(error, OSError) else error
        kind = "link" if entry.mode == FileMode.LINK else "file"
        raise CannotLayOut(
            f"the {kind} {quote_path(entry.path)} cannot be made: {why}",
            "commit a tree that file systems can hold",
        ) from error


def write_file(repo: Repository, entry: Entry, target: Path) -> None:
    """Write one file of a tree, exactly as committed, where nothing stands yet."""
    data = repo.odb.read(entry.oid)[1]
    if entry.mode == FileMode.LINK:
        if not data:  # the system would say that its folder is missing
            raise ValueError("it leads to an empty name")
        target.symlink_to(os.fsdecode(data))
        return
    bits = 0o755 if entry.mode == FileMode.BLOB_EXECUTABLE else 0o644
    handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, bits)
    with os.fdopen(handle, "wb") as file:
        file.write(data)


def _open(repo: Repository, oid: Oid) -> dict[str, Entry]:
    """The entries of one tree object by name, in git's order."""
    data = b"" if oid == EMPTY else repo.odb.read(oid)[1]
    entries, at = {}, 0
    while at < len(data):
        space = data.index(b" ", at)
        zero = data.index(b"\0", space)
        name = data[space + 1 : zero].decode("utf-8", "surrogateescape")
        end = zero + 1 + _ID_BYTES
        entries[name] = Entry(name, Oid(data[zero + 1 : end]), int(data[at:space], 8))
        at = end
    return entries


def _write(repo: Repository, entries: dict[str, Entry]) -> Oid:
    def git_order(entry: Entry) -> bytes:
        return os.fsencode(entry.path) + (b"/" if entry.mode == FileMode.TREE else b"")

    parts = (
        b"%o %s\0%s" % (entry.mode, os.fsencode(entry.path), entry.oid.raw)
        for entry in sorted(entries.values(), key=git_order)
    )
    return repo.odb.write(ObjectType.TREE, b"".join(parts))
