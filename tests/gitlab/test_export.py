"""A desk laid out as a folder holds what the agent may read, and nothing to dig up."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from airesearch.gitlab.desk.desk import Desk
from airesearch.gitlab.desk.export import export_desk
from airesearch.gitlab.hooks.install import hook_text
from airesearch.gitlab.store.change import Decision
from folders import PROFESSED, SECRET, Place, place
from toys import git


@pytest.fixture
def here(tmp_path: Path) -> Place:
    """The usual lab, laid out."""
    return place(tmp_path)


@pytest.fixture
def user_config() -> Iterator[Path]:
    """The user's git configuration, put back at the end."""
    path = Path(os.environ["HOME"], ".gitconfig")
    before = path.read_bytes()
    yield path
    path.write_bytes(before)


def files(folder: Path) -> set[str]:
    """The files below a folder, its `.git` left out."""
    found = {p.relative_to(folder) for p in folder.rglob("*") if not p.is_dir()}
    return {p.as_posix() for p in found if p.parts[0] != ".git"}


def test_only_readable_regular_files_are_laid_out(here: Place) -> None:
    expected = {"train.py", "evaluate.py", "edits.yaml", "airesearch.yaml", "run.sh", "lib/util.py"}
    assert files(here.folder) == expected == set(here.laid.files)


def test_modes_and_bytes_are_the_labs(here: Place) -> None:
    assert os.access(here.folder / "run.sh", os.X_OK)
    assert not os.access(here.folder / "train.py", os.X_OK)
    for path in here.laid.files:
        assert (here.folder / path).read_bytes() == here.desk.read(path)


def test_the_repository_is_clean_with_one_root_commit(here: Place) -> None:
    (here.folder / ".airesearch").mkdir()
    (here.folder / ".airesearch" / "brief.md").write_text("not yours to commit")
    assert git(here.folder, "status", "--porcelain", "--ignored=no") == ""
    assert git(here.folder, "log", "--all", "--format=%H %an %ae %P %s").strip() == (
        f"{here.laid.root} coder coder@airesearch  The desk"
    )


def test_its_objects_hold_nothing_but_what_is_readable(here: Place) -> None:
    everything = git(here.folder, "cat-file", "--batch-all-objects", "--batch-check").splitlines()
    reachable = git(here.folder, "rev-list", "--objects", "HEAD").splitlines()
    assert {line.split()[0] for line in everything} == {line.split()[0] for line in reachable}
    contents = "".join(
        git(here.folder, "cat-file", "-p", line.split()[0])
        for line in everything
        if line.split()[1] != "tree"
    )
    assert "LR = 0.5" in contents
    assert SECRET not in contents and PROFESSED not in contents


def test_nothing_leads_from_it_to_the_lab(here: Place) -> None:
    own = here.folder / ".git"
    assert git(here.folder, "remote") == ""
    assert not (own / "objects" / "info" / "alternates").exists()
    assert not list((own / "objects" / "pack").glob("*"))
    assert git(here.folder, "fsck", "--lost-found", "--unreachable", "--no-progress") == ""
    assert git(here.folder, "reflog", "--all", "--format=%H").split() == [here.laid.root] * 2
    for oid in git(here.root, "rev-list", "--all").split():
        done = subprocess.run(["git", "-C", here.folder, "cat-file", "-e", oid], check=False)
        assert done.returncode != 0
    said = b"".join(path.read_bytes() for path in own.rglob("*") if path.is_file())
    assert SECRET.encode() not in said and str(here.lab.repo.path).encode() + b"\n" not in said


def test_the_agent_is_fixed_in_its_settings(here: Place) -> None:
    settings = {
        "user.name": "coder",
        "user.email": "coder@airesearch",
        "airesearch.agent": "coder",
        "core.hooksPath": str(here.folder / ".git" / "hooks"),
        "gc.auto": "0",
    }
    for key, value in settings.items():
        assert git(here.folder, "config", "--local", key).strip() == value
    here.write("train.py", "LR = 1\n")
    git(here.folder, "commit", "-qam", "mine", "--no-verify")
    assert git(here.folder, "log", "-1", "--format=%an %cn").strip() == "coder coder"


def test_the_hook_is_the_one_that_judges_commits(here: Place) -> None:
    hook = here.folder / ".git" / "hooks" / "pre-commit"
    assert os.access(hook, os.X_OK)
    assert hook.read_text() == hook_text("pre-commit")
    hook.write_text("#!/bin/sh\nexit 1\n")
    here.write("train.py", "LR = 1\n")
    words = ["git", "-C", here.folder, "commit", "-qam", "mine"]
    assert subprocess.run(words, check=False).returncode == 1


def test_the_users_templates_and_hooks_stay_out(tmp_path: Path, user_config: Path) -> None:
    template = tmp_path / "template"
    (template / "hooks").mkdir(parents=True)
    (template / "planted").write_text("x")
    with user_config.open("a") as file:
        file.write(f"[init]\ntemplateDir = {template}\ndefaultBranch = other\n")
        file.write(f"[core]\nhooksPath = {tmp_path}\nautocrlf = true\n[commit]\ngpgSign = true\n")
    here = place_without_signing(tmp_path)
    assert not (here.folder / ".git" / "planted").exists()
    assert git(here.folder, "symbolic-ref", "HEAD").strip() == "refs/heads/main"
    here.write("train.py", "LR = 1\n")
    git(here.folder, "commit", "-qam", "unsigned", "--no-verify")
    assert git(here.folder, "rev-parse", "--git-path", "hooks").strip().startswith(str(here.folder))


def place_without_signing(tmp_path: Path) -> Place:
    """The usual lab, whose own commits are not what is tested."""
    os.environ.update(GIT_CONFIG_COUNT="1", GIT_CONFIG_KEY_0="commit.gpgSign")
    os.environ["GIT_CONFIG_VALUE_0"] = "false"
    try:
        return place(tmp_path)
    finally:
        for name in ("COUNT", "KEY_0", "VALUE_0"):
            del os.environ[f"GIT_CONFIG_{name}"]


def test_our_own_corner_is_not_laid_out_from_the_lab(tmp_path: Path) -> None:
    here = place(tmp_path, {".airesearch/brief.md": "planted", ".AIresearch/x": "planted"})
    assert not [path for path in files(here.folder) if "airesearch/" in path.lower()]
    assert not here.back().removed


def test_any_name_git_allows_is_laid_out(tmp_path: Path) -> None:
    names = ("lib/new\nline", "lib/tab\t", "lib/" + os.fsdecode(b"\xff\xfe"), "lib/-rf")
    here = place(tmp_path, dict.fromkeys(names, "x"))
    assert set(names) < files(here.folder)
    assert git(here.folder, "status", "--porcelain") == ""
    assert not here.back().written


def test_what_is_hidden_is_named_by_its_outermost_folders(tmp_path: Path) -> None:
    here = place(tmp_path, {"private/a/b": "x", "lib/c": "x"})
    assert here.laid.hidden == ("private",)


def test_a_desk_with_nothing_readable_is_an_empty_repository(tmp_path: Path) -> None:
    here = place(tmp_path)
    tree = here.lab.tree_of(here.lab.trunk_tip)
    desk = Desk(here.lab, tree, lambda _: Decision(("no",)), lambda _: Decision())
    folder = tmp_path / "empty"
    folder.mkdir()
    laid = export_desk(here.lab.repo, desk, folder, "coder")
    assert not laid.files and files(folder) == set()
    assert git(folder, "ls-tree", "-r", "HEAD") == ""
