"""Objects read through libgit2, for hooks: `reader.values.Objects` says what each method gives."""

import re
from collections.abc import Iterator

import pygit2
from pygit2.enums import ObjectType

from ..reader.form import commit_parts, inside_out, require_tree, size_fault
from ..reader.values import EMPTY, FOLDER, GITLINK, Commit, Entry, Unsound

_COMMIT = re.compile(
    rb"tree (.*)\n((?:parent .*\n)*)author (.*>) (\S+) .*\n"
    rb"committer .*> (\S+) .*\n(?:encoding (.*)\n)?"
)
_KINDS = {ObjectType.COMMIT: "commit", ObjectType.TREE: "tree", ObjectType.BLOB: "blob"}


class LibgitObjects:
    """The objects of a repository. That all are there, and hash to their names, git has seen to."""

    def __init__(self, repo: pygit2.Repository) -> None:
        self._odb = repo.odb
        self._commits: dict[str, Commit] = {}
        self._trees: dict[str, dict[str, Entry]] = {EMPTY: {}}

    def commit(self, oid: str) -> Commit:
        """A commit, read from its bytes: libgit2's own author and message are trimmed."""
        if oid not in self._commits:
            head, message = commit_parts(oid, self._read(oid, ObjectType.COMMIT))
            match = _COMMIT.fullmatch(head)
            assert match is not None
            tree, parents, author, authored, time, encoding = match.groups()
            self._commits[oid] = Commit(
                oid,
                tree.decode(),
                tuple(parents.decode().split()[1::2]),
                author.decode("utf-8", "surrogateescape"),
                int(authored),
                int(time),
                message.decode("utf-8", "surrogateescape"),
                (encoding or b"").decode("utf-8", "replace"),
            )
        return self._commits[oid]

    def tree(self, oid: str) -> dict[str, Entry]:
        """The entries of one tree object by name, in git's order."""
        if oid not in self._trees:
            data, entries, at = self._read(oid, ObjectType.TREE), {}, 0
            require_tree(oid, data)
            while at < len(data):
                space = data.index(b" ", at)
                zero = data.index(b"\0", space)
                name = data[space + 1 : zero].decode("utf-8", "surrogateescape")
                mode, at = int(data[at:space], 8), zero + 21
                entries[name] = Entry(mode, data[zero + 1 : at].hex())
            self._trees[oid] = entries
        return self._trees[oid]

    def blob(self, oid: str) -> bytes:
        """The content of a file."""
        return self._read(oid, ObjectType.BLOB)

    def unsound(self, tree: str, since: str) -> Iterator[str]:
        """What is wrong with folders below `tree`; those also below `since` are not opened."""
        extent: dict[tuple[str, str], tuple[int, int]] = {}
        for pair in inside_out((tree, since), self._changed_folders, extent):
            inner = [extent[place] for place in self._changed_folders(pair)]
            files = 0
            try:
                before, entries = self.tree(pair[1]), self.tree(pair[0])
                plain = {n: e for n, e in entries.items() if e.mode not in (FOLDER, GITLINK)}
                files = len(plain)
                new = (e.oid for n, e in plain.items() if e != before.get(n))
                yield from filter(None, map(self._file_fault, new))
            except Unsound as unsound:
                yield str(unsound)
            height = 1 + max((height for height, _ in inner), default=0)
            extent[pair] = height, files + sum(files for _, files in inner)
        if tree != since and (fault := size_fault(tree, *extent[tree, since])):
            yield fault

    def _changed_folders(self, pair: tuple[str, str]) -> list[tuple[str, str]]:
        """The folders right below the first of two trees that differ from the second's."""
        try:
            entries, before = self.tree(pair[0]), self.tree(pair[1])
        except Unsound:
            return []
        changed = [(e, before.get(n)) for n, e in entries.items() if e != before.get(n)]
        return [
            (now.oid, was.oid if was and was.mode == FOLDER else EMPTY)
            for now, was in changed
            if now.mode == FOLDER
        ]

    def _file_fault(self, oid: str) -> str:
        try:
            kind, _ = self._odb.read_header(oid)
        except (KeyError, ValueError, pygit2.GitError):
            return f"blob {oid} is missing"
        return "" if kind == ObjectType.BLOB else f"{oid} is no blob"

    def _read(self, oid: str, kind: ObjectType) -> bytes:
        try:
            found, data = self._odb.read(oid)
        except (KeyError, ValueError, pygit2.GitError) as error:
            raise Unsound(f"{_KINDS[kind]} {oid} is missing") from error
        if found != kind:
            raise Unsound(f"{oid} is no {_KINDS[kind]}")
        return data
