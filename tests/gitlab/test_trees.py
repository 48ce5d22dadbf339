"""Trees are edited, walked and laid out object for object, whatever their names."""

import os
from pathlib import Path

import pygit2
import pytest
from airesearch.gitlab.store import trees
from airesearch.gitlab.store.change import compare
from hypothesis import given, settings
from hypothesis import strategies as st
from toys import git, repository

names = st.binary(min_size=1, max_size=6).filter(
    lambda name: not set(name) & set(b"\0/") and name not in (b".", b"..", b".git")
)
paths = st.lists(names, min_size=1, max_size=3).map(lambda parts: os.fsdecode(b"/".join(parts)))


@pytest.fixture(scope="module")
def repo(tmp_path_factory: pytest.TempPathFactory) -> pygit2.Repository:
    return pygit2.init_repository(str(tmp_path_factory.mktemp("trees")))


def _clash_free(files: dict[str, bytes]) -> dict[str, bytes]:
    """Without files that stand where another path needs a folder."""
    folders = {p.rsplit("/", n)[0] for p in files for n in range(1, p.count("/") + 1)}
    return {path: data for path, data in files.items() if path not in folders}


@settings(deadline=None)
@given(st.dictionaries(paths, st.binary(max_size=9), max_size=8).map(_clash_free))
def test_what_is_put_in_is_found(repo: pygit2.Repository, files: dict[str, bytes]) -> None:
    tree = trees.edit(repo, trees.EMPTY, files)
    assert {e.path: repo[e.oid].read_raw() for e in trees.walk(repo, tree)} == files
    assert {path: trees.read(repo, tree, path) for path in files} == files
    assert trees.edit(repo, tree, dict.fromkeys(files)) == trees.EMPTY


def test_trees_are_git_s_own(tmp_path: Path) -> None:
    files = {"a.txt": "1", "a/b": "2", "a-b": "3", "z/é/x y": "4", "n\nl": "5", "a0": "6"}
    folder = repository(tmp_path / "r", files)
    repo = pygit2.Repository(str(folder))
    tree = trees.edit(repo, trees.EMPTY, {path: data.encode() for path, data in files.items()})
    assert str(tree) == git(folder, "rev-parse", "HEAD^{tree}").strip()
    git(folder, "fsck", "--strict")


def test_modes_survive_an_edit(tmp_path: Path) -> None:
    folder = repository(tmp_path / "r", {"run.sh": "old", "b": "x"})
    (folder / "run.sh").chmod(0o755)
    (folder / "link").symlink_to("run.sh")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "modes")
    repo = pygit2.Repository(str(folder))
    tree = trees.edit(repo, repo.head.peel(pygit2.Tree).id, {"run.sh": b"new"})
    out = tmp_path / "out"
    trees.export_tree(repo, tree, out, lambda path: path != "b")
    assert os.access(out / "run.sh", os.X_OK)
    assert (out / "run.sh").read_text() == "new"
    assert (out / "link").readlink() == Path("run.sh")
    assert not (out / "b").exists()


def test_laid_out_bytes_are_the_object_s(tmp_path: Path) -> None:
    """Line endings and filters of a checkout never change what is measured."""
    folder = repository(
        tmp_path / "r", {"crlf.py": b"a\r\nb\r\n", ".gitattributes": "* text=auto\n"}
    )
    git(folder, "config", "core.autocrlf", "true")
    repo = pygit2.Repository(str(folder))
    tree = trees.edit(repo, trees.EMPTY, {"crlf.py": b"a\r\nb\r\n"})
    trees.export_tree(repo, tree, tmp_path / "out", lambda _: True)
    assert (tmp_path / "out" / "crlf.py").read_bytes() == b"a\r\nb\r\n"


def test_change_says_what_git_says(tmp_path: Path) -> None:
    folder = repository(tmp_path / "r", {"a": "1\n2\n", "gone": "x\n", "same": "y\n"})
    repo = pygit2.Repository(str(folder))
    old = repo.head.peel(pygit2.Tree).id
    new = trees.edit(repo, old, {"a": b"1\n3\n4\n", "gone": None, "d/new": b"z\n"})
    change = compare(repo, old, new)
    assert [item.path for item in change.paths] == ["a", "d/new", "gone"]
    assert str(change.diff) == "3 files, +3 -2"
    stat = git(folder, "diff", "--shortstat", str(old), str(new))
    assert stat.strip() == "3 files changed, 3 insertions(+), 2 deletions(-)"
