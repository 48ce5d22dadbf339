"""What a stage announces is on disk before: seen in the system calls of real steps."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from toys import git, lr, repository, toy, toy_files

_CALL = re.compile(r"(?:\d+ +)?(fsync|link|rename|renameat2?|linkat|mkdir)\((.*)\) += 0")
_NAME = re.compile(r'<([^>]*)>|"([^"]*)"')


def traced(folder: Path, *words: str) -> list[tuple[str, list[str]]]:
    """The calls that make a command's files durable, in order, with the paths each names."""
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    log = folder.parent / "calls"
    watched = "trace=fsync,link,linkat,rename,renameat,renameat2,mkdir"
    argv = ["strace", "-f", "-y", "-s", "4096", "-o", log, "-e", watched]
    done = subprocess.run(
        [*argv, sys.executable, "-m", "airesearch", "-C", folder, *words],
        capture_output=True,
        check=False,
    )
    if b"ptrace" in done.stderr or not log.exists():
        pytest.skip("this machine lets no process be traced")
    assert done.returncode == 0, done.stderr.decode()
    return list(_calls(log.read_text(), folder))


def _calls(text: str, folder: Path) -> Iterator[tuple[str, list[str]]]:
    for line in text.splitlines():
        if found := _CALL.search(line):
            names = [one or other for one, other in _NAME.findall(found[2])]
            inside = [n.replace(str(folder / ".git") + "/", "") for n in names]
            yield found[1], [n.removeprefix(str(folder / ".git")) for n in inside]


def check(calls: list[tuple[str, list[str]]], branches: str) -> int:
    """Fail where something was named before it was on disk; how many refs moved."""
    synced, unsettled, moved = set[str](), set[str](), 0
    for call, names in calls:
        if call == "fsync":
            synced.add(names[0])
            unsettled.discard(names[0])
        elif call == "mkdir" and re.fullmatch(r"(objects/..|refs/heads.*)", names[0]):
            unsettled.add(names[0].rpartition("/")[0])
        elif re.fullmatch(r"objects/../.{38}", names[-1]):
            assert names[0] in synced, f"{names} is named before its content is on disk"
            unsettled.add(names[-1].rpartition("/")[0])
        elif re.fullmatch(branches, names[-1]):
            moved += 1
            assert names[0] in synced, f"{names} is named before its content is on disk"
            first = {folder for folder in unsettled if folder.startswith("objects")}
            assert not first, f"{names[-1]} names objects before {first} are on disk"
            assert not unsettled - {"refs/heads"}, f"{unsettled} are not on disk yet"
            unsettled.add(names[-1].rpartition("/")[0])
    assert not unsettled, "the last is announced and not on disk"
    return moved


def test_a_step_is_on_disk_before_each_of_its_stages_counts(tmp_path: Path) -> None:
    lab = toy(tmp_path / "lab", [lr(0.2), lr(0.3)])
    calls = traced(lab, "step")
    tips = git(lab, "rev-list", "--count", "main~1..node/000001", "--not", "node/000000")
    assert check(calls, r"refs/heads/(node/\d+|main)") >= int(tips) == 3


def test_so_is_a_new_lab(tmp_path: Path) -> None:
    lab = repository(tmp_path / "lab", toy_files([lr(0.2)]))
    calls = traced(lab, "init")
    assert check(calls, r"refs/heads/(node/\d+|main)") >= 3
