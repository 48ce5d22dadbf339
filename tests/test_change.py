"""The facts of a change are those of its bytes."""

from pathlib import Path

import pygit2
import pytest
from airesearch.gitlab import trees
from airesearch.gitlab.change import compare
from hypothesis import given, settings
from hypothesis import strategies as st

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
