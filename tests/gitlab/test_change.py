"""The facts of a change are those of its bytes."""

import os
from pathlib import Path

import pygit2
import pytest
from airesearch.gitlab.store import trees
from airesearch.gitlab.store.change import compare
from hypothesis import given, settings
from hypothesis import strategies as st
from pygit2.enums import DiffOption, FileMode, ObjectType

lines = st.lists(st.sampled_from((b"a\n", b"b\n", b"\n", b"c", b"\r\n", b"\0", b"\xff\n"))).map(
    b"".join
)


@settings(max_examples=60, deadline=None)
@given(old=lines, new=lines)
def test_lines_are_counted_from_the_bytes_alone(
    tmp_path_factory: pytest.TempPathFactory, old: bytes, new: bytes
) -> None:
    repo = pygit2.init_repository(str(tmp_path_factory.getbasetemp() / "lines"))
    attributes = {".gitattributes": b"* -diff\n"}
    before = trees.edit(repo, trees.EMPTY, {"f": old, **attributes})
    found = compare(repo, before, trees.edit(repo, before, {"f": new}))
    for path in found.paths:
        assert path.is_binary is (b"\0" in new)
        assert path.appends is new.startswith(old)
        if b"\0" in old + new:
            assert (path.added, path.removed) == (0, 0)
        else:
            assert path.added - path.removed == _count(new) - _count(old)
            assert path.added + path.removed > 0


def _count(data: bytes) -> int:
    return data.count(b"\n") + (data[-1:] not in (b"", b"\n"))


def test_a_long_file_counts_whole(tmp_path: Path) -> None:
    repo = pygit2.init_repository(str(tmp_path))
    text = b"0123456\n" * (1 << 20) + b"end"
    before = trees.edit(repo, trees.EMPTY, {"f": text})
    (found,) = compare(repo, before, trees.edit(repo, before, {"f": text + b"ing"})).paths
    assert (found.added, found.removed, found.appends) == ((1 << 20) + 1, (1 << 20) + 1, True)


CONTENT = st.sampled_from((b"a\n", b"b\n"))
PATHS = st.sampled_from(
    ("a", "a-b", "a/x", "a/x/y", "a0", "b/c", "b/c/d", "b/c.d", "b/c0", "z\udcff")
)


@st.composite
def files(draw: st.DrawFn) -> dict[str, tuple[bytes, FileMode]]:
    """Some files, none of which stands where another's folder does."""
    modes = st.sampled_from((FileMode.BLOB, FileMode.BLOB_EXECUTABLE, FileMode.LINK))
    found = draw(st.dictionaries(PATHS, st.tuples(CONTENT, modes)))
    return {path: file for path, file in found.items()
            if not any(other.startswith(f"{path}/") for other in found)}  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(old=files(), new=files())
def test_the_paths_are_those_git_names_in_its_order(
    tmp_path_factory: pytest.TempPathFactory,
    old: dict[str, tuple[bytes, FileMode]],
    new: dict[str, tuple[bytes, FileMode]],
) -> None:
    repo = pygit2.init_repository(str(tmp_path_factory.getbasetemp() / "paths"))
    before, after = (
        trees.edit(repo, trees.EMPTY, {path: trees.Entry(path, repo.create_blob(data), int(mode))
                                       for path, (data, mode) in side.items()})
        for side in (old, new)
    )  # fmt: skip
    repo.odb.write(ObjectType.TREE, b"")
    one, other = (repo[tree].peel(pygit2.Tree) for tree in (before, after))
    deltas = one.diff_to_tree(other, flags=DiffOption.INCLUDE_TYPECHANGE).deltas
    theirs = [
        (max(d.old_file.raw_path, d.new_file.raw_path), int(d.old_file.mode), int(d.new_file.mode))
        for d in deltas
    ]
    ours = [
        (os.fsencode(p.path), p.old_mode, p.new_mode) for p in compare(repo, before, after).paths
    ]
    assert ours == theirs
