"""Our own gits have of the user's configuration only what says how content stands in files."""

import os
import stat
from pathlib import Path

import pytest
from airesearch.gitlab.isolated import own_git
from toys import airesearch, git, lr, repository, toy_files


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home whose git settings run a program and tell of every git that reads them."""
    script = tmp_path / "home" / "x.sh"
    script.parent.mkdir()
    script.write_text(f"#!/bin/sh\necho $0 >> {tmp_path}/loot\ncat\n")
    script.chmod(0o755)
    (tmp_path / "home" / ".gitconfig").write_text(
        f"[core]\nfsmonitor = {script}\nhooksPath = {script.parent}\npager = {script}\n"
        f"[diff]\nexternal = {script}\n[trace2]\nnormalTarget = {tmp_path}/loot\n"
        "[user]\nname = ada\nemail = ada@example.org\n[safe]\ndirectory = *\n"
    )
    return script.parent


def test_a_planted_setting_runs_nothing(tmp_path: Path, home: Path) -> None:
    lab = repository(tmp_path / "lab", toy_files([lr(0.2), lr(0.15)]))
    env = {"HOME": str(home)}
    for words in (["init"], ["run", "--trials", "2"], ["doctor"], ["verify"], ["show", "1"]):
        assert airesearch(lab, *words, env=env).code == 0
    assert "LR = 0.15" in (lab / "train.py").read_text(), "the checkout followed"
    assert not (tmp_path / "loot").exists(), (tmp_path / "loot").read_text()


@pytest.mark.parametrize("name", ["GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG"])
def test_nor_does_one_that_a_variable_names(
    tmp_path: Path, home: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository(tmp_path / "lab", {"a": "1"})
    monkeypatch.setenv(name, str(home / ".gitconfig"))
    assert own_git("-C", tmp_path / "lab", "config", "diff.external").stdout == b""
    assert own_git("-C", tmp_path / "lab", "update-index", "--refresh").returncode == 0
    assert not (tmp_path / "loot").exists()


def test_a_filter_of_the_users_is_used_in_a_checkout(tmp_path: Path) -> None:
    """As git-lfs has it: without its filter a checkout would hold pointers."""
    home = tmp_path / "home"
    home.mkdir()
    (home / ".gitconfig").write_text(
        "[user]\nname = ada\nemail = ada@example.org\n"
        '[filter "shout"]\nclean = tr A-Z a-z\nsmudge = tr a-z A-Z\n'
    )
    turn = {"subject": "more", "write": {"lib/x.txt": "loud\n", **lr(0.2)["write"]}}
    files = {**toy_files([turn]), ".gitattributes": "*.txt filter=shout\n"}
    lab = repository(tmp_path / "lab", files)
    for words in (["init"], ["run"]):
        said = airesearch(lab, *words, env={"HOME": str(home)})
        assert said.code == 0, said.err
    assert (lab / "lib" / "x.txt").read_text() == "LOUD\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a lab away")
def test_a_lab_of_somebody_else_that_is_trusted_is_followed(tmp_path: Path, home: Path) -> None:
    lab = repository(tmp_path / "lab", toy_files([lr(0.2)]))
    for place in (lab, *lab.rglob("*")):
        os.chown(place, 12345, 12345, follow_symlinks=False)
    for words in (["init"], ["run"]):
        said = airesearch(lab, *words, env={"HOME": str(home)})
        assert said.code == 0, said.err
    assert "LR = 0.2" in (lab / "train.py").read_text()
    assert stat.S_ISREG((lab / "train.py").lstat().st_mode)
    assert git(lab, "-c", "safe.directory=*", "status", "--porcelain") == ""
