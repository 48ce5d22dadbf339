"""Trees compared and hashed again, by a computation of the audit's own."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping

from ..record.facts import Diff
from ..record.paths import BUS
from .form import DEEPEST
from .values import EMPTY, FOLDER, GITLINK, Edit, Entry, Objects, Unsound, object_id

_SNIFFED = 8000
_MOST_COMPARED = 2_000_000
"""Names in two trees: a few folders that hold each other many times over make any number."""
_TEXT = bytes({*range(0x20, 0x7F), *range(0x80, 0x100), *b"\t\n\r\f\v"})
_MARKS = (b"\xff\xfe", b"\xfe\xff")


def find(objects: Objects, root: str, path: str) -> Entry | None:
    """The file or folder at `path`, or None."""
    here = Entry(FOLDER, root)
    for name in path.split("/"):
        entry = objects.tree(here.oid).get(name) if here.mode == FOLDER else None
        if entry is None:
            return None
        here = entry
    return here


def read(objects: Objects, root: str, path: str) -> bytes | None:
    """The bytes of the regular file at `path`, or None where there is none."""
    entry = find(objects, root, path)
    return objects.blob(entry.oid) if entry and entry.mode in (0o100644, 0o100755) else None


def candidate(objects: Objects, root: str) -> str:
    """The id of the tree without the bus."""
    return tree_id({name: entry for name, entry in objects.tree(root).items() if name != BUS})


def protocol(
    objects: Objects, root: str, paths: Iterable[str], beside: Mapping[str, Entry] | None = None
) -> str:
    """The id of the tree of only `paths`, files or whole folders, of `root`.

    And of what lies `beside` them at the top.
    """
    names = [path.split("/") for path in paths]
    if any(len(path) > DEEPEST for path in names):
        raise Unsound(f"a protected path is more than {DEEPEST} folders deep")
    return tree_id({**_picked(objects, root, names), **(beside or {})})


def edited(objects: Objects, root: str, changes: Mapping[str, Entry | None]) -> str:
    """The id of the tree of `root` with each path set to an entry, or removed where None.

    Folders left empty go.
    """
    if any(path.count("/") > DEEPEST for path in changes):
        raise Unsound(f"a path is more than {DEEPEST} folders deep")
    entries = dict(objects.tree(root))
    below: dict[str, dict[str, Entry | None]] = {}
    for path, entry in changes.items():
        name, _, rest = path.partition("/")
        if rest:
            below.setdefault(name, {})[rest] = entry
        elif entry is None:
            entries.pop(name, None)
        else:
            entries[name] = entry
    for name, inner in below.items():
        old = entries.get(name)
        folder = old.oid if old is not None and old.mode == FOLDER else EMPTY
        new = edited(objects, folder, inner)
        if new != EMPTY:
            entries[name] = Entry(FOLDER, new)
        elif old is not None and old.mode == FOLDER:
            del entries[name]
    return tree_id(entries)


def _picked(objects: Objects, root: str, paths: list[list[str]]) -> dict[str, Entry]:
    wanted: dict[str, list[list[str]]] = {}
    for path in paths:
        wanted.setdefault(path[0], []).append(path[1:])
    found = {name: e for name, e in objects.tree(root).items() if name in wanted}
    for name, entry in list(found.items()):
        if [] in wanted[name]:
            continue
        inner = _picked(objects, entry.oid, wanted[name]) if entry.mode == FOLDER else {}
        if inner:
            found[name] = Entry(FOLDER, tree_id(inner))
        else:
            del found[name]
    return found


def tree_id(entries: Mapping[str, Entry]) -> str:
    """The name git gives to a tree of `entries`, whatever their order."""
    named = [(name.encode("utf-8", "surrogateescape"), entry) for name, entry in entries.items()]
    named.sort(key=lambda item: item[0] + (b"/" if item[1].mode == FOLDER else b""))
    parts = (b"%o %s\0%s" % (e.mode, name, bytes.fromhex(e.oid)) for name, e in named)
    return object_id("tree", b"".join(parts))


def edits(objects: Objects, old: str, new: str) -> tuple[Edit, ...]:
    """Every file that differs, in the order of full paths; a rename is a delete and an add."""
    if old == new:
        return ()
    found: list[Edit] = []
    folders, seen = [("", old, new)], 0
    while folders:
        under, one, other = folders.pop()
        before, after = objects.tree(one), objects.tree(other)
        seen += len(before) + len(after)
        if seen > _MOST_COMPARED:
            raise Unsound(f"tree {new} differs in more places than anybody can look at")
        for name in {**before, **after}:
            was, now = before.get(name), after.get(name)
            if was == now:
                continue
            files = tuple(None if side and side.mode == FOLDER else side for side in (was, now))
            if any(files):
                found.append(Edit(under + name, *files))
            if files != (was, now):
                one, other = (
                    side.oid if side and side.mode == FOLDER else EMPTY for side in (was, now)
                )
                folders.append((f"{under}{name}/", one, other))
    return _in_order(found)


def edits_of(
    objects: Objects, root: str, changes: Mapping[str, Entry | None], new: str
) -> tuple[Edit, ...]:
    """Every file that differs between `root` with its `changes` and the tree `new`."""
    found = {edit.path: edit for edit in edits(objects, root, new)}
    for path, before in changes.items():
        after = find(objects, new, path)
        after = None if after is not None and after.mode == FOLDER else after
        found.pop(path, None)
        if before != after:
            found[path] = Edit(path, before, after)
    return _in_order(found.values())


def _in_order(found: Iterable[Edit]) -> tuple[Edit, ...]:
    return tuple(sorted(found, key=lambda edit: edit.path.encode("utf-8", "surrogateescape")))


def lines_fault(objects: Objects, changes: Iterable[Edit], claimed: Diff) -> str:
    """Why `claimed` cannot be the size in lines of `changes`; empty where it can.

    Which of several true diffs git picks is a matter of its heuristics. So the lines are held to
    what all of them share: no side counts more lines than its files have, nor fewer than the other
    side lacks, and the difference is that of the line counts. A file with a NUL counts none. With
    other control characters in a file, which libgit2 may take for binary, only the upper bounds
    hold.
    """
    sides, is_doubtful = [], False
    for change in changes:
        texts = [content(objects, side) for side in (change.old, change.new)]
        if any(b"\0" in text[:_SNIFFED] for text in texts):
            continue
        # libgit2 may take for binary what git does not.
        is_doubtful |= any(
            text.startswith(_MARKS) or bool(text[:_SNIFFED].translate(None, _TEXT))
            for text in texts
        )
        sides.append([re.findall(rb"[^\n]*\n|[^\n]+\Z", text) for text in texts])
    old, new = sum(len(s[0]) for s in sides), sum(len(s[1]) for s in sides)
    if claimed.added > new or claimed.removed > old:
        return f"it counts +{claimed.added} -{claimed.removed} lines in files of {new} and {old}"
    if is_doubtful:
        return ""
    if claimed.added - claimed.removed != new - old:
        return f"+{claimed.added} -{claimed.removed} lines do not lead from {old} to {new}"
    removed = sum((Counter(before) - Counter(after)).total() for before, after in sides)
    if claimed.removed < removed:
        return f"at least {removed} lines are gone"
    return ""


def content(objects: Objects, side: Entry | None) -> bytes:
    """What one side of an edit holds; for a submodule, the line that git shows."""
    if side is None:
        return b""
    if side.mode == GITLINK:
        return b"Subproject commit " + side.oid.encode() + b"\n"
    return objects.blob(side.oid)
