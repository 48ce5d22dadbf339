"""Disks that refuse: read-only, and full. Each in a mount namespace of its own. About 12 s."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from bad_labs import AIRESEARCH, complains, copied, files, whole, works
from toys import Said, airesearch, git, lr, repository, toy, toy_files

UNSHARE = ["unshare", "-m"] if os.getuid() == 0 else ["unshare", "-Urm"]


def _can_mount() -> bool:
    probe = [*UNSHARE, "mount", "-t", "tmpfs", "none", "/mnt"]
    try:
        return subprocess.run(probe, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


pytestmark = pytest.mark.skipif(not _can_mount(), reason="no private mount namespace here")


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return toy(tmp_path_factory.mktemp("template") / "lab", [lr(0.2), lr(0.4), lr(0.15)])


@pytest.fixture
def lab(template: Path, tmp_path: Path) -> Path:
    return copied(template, tmp_path / "lab")


def read_only(folder: Path, *words: str) -> Said:
    """The command in `folder`, which cannot be written."""
    script = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && cd "$0" && exec "$@"'
    done = subprocess.run(
        [*UNSHARE, "sh", "-c", script, folder, *AIRESEARCH, *words],
        capture_output=True,
        check=False,
    )
    return Said(done.returncode, done.stdout.decode(), done.stderr.decode())


READS = [
    ["best"],
    ["log"],
    ["tree"],
    ["show", "0"],
    ["status"],
    ["diff", "0", "0"],
    ["lineage", "0"],
]


def test_a_read_only_lab_can_be_read(lab: Path) -> None:
    before = files(lab / ".git")
    for words in READS:
        assert works(read_only(lab, *words)).out == airesearch(lab, *words).out
    assert files(lab / ".git") == before


@pytest.mark.parametrize("words", [["step"], ["run"]])
def test_a_read_only_lab_cannot_go_on(lab: Path, words: list[str]) -> None:
    before = files(lab), files(lab / ".git")
    complains(read_only(lab, *words), "writable", "clone")
    assert (files(lab), files(lab / ".git")) == before


def test_init_in_a_read_only_folder(tmp_path: Path) -> None:
    folder = repository(tmp_path / "lab", toy_files([lr(0.2)]))
    before = files(folder), files(folder / ".git")
    complains(read_only(folder, "init"), "writable")
    (tmp_path / "empty").mkdir()
    complains(read_only(tmp_path / "empty", "init", "--example", "digits"), "writable")
    assert (files(folder), files(folder / ".git")) == before
    assert not any((tmp_path / "empty").iterdir())


FULL = """
import json, os, shutil, subprocess, sys
folder, out, command = sys.argv[1], sys.argv[2], sys.argv[3:]
disk = out + "/disk"
os.mkdir(disk)
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "none", disk], check=True)
lab = disk + "/lab"
shutil.copytree(folder, lab, symlinks=True)
subprocess.run(["git", "-C", lab, "update-index", "-q", "--refresh"], check=True)

def airesearch(*words):
    done = subprocess.run([*command, *words], cwd=lab, capture_output=True, text=True)
    return [done.returncode, done.stdout, done.stderr]

def fill(left):
    with open(disk + "/fill", "wb") as file:
        free = os.statvfs(disk)
        file.write(bytes(max(0, free.f_bavail * free.f_frsize - left * 1024)))

said = []
for left in (0, 4, 8, 12, 16, 24, 32, 40, 48, 64, 80):
    fill(left)
    said.append([left, *airesearch("step", "--json")])
    said.append([left, *airesearch("log", "--json")])
    os.unlink(disk + "/fill")
end = [airesearch("run"), airesearch("run"), airesearch("log", "--json")]
shutil.copytree(lab, out + "/after", symlinks=True)
json.dump({"full": said, "end": end}, open(out + "/said.json", "w"))
"""


def test_a_full_disk(lab: Path, tmp_path: Path) -> None:
    """From no space at all to enough of it: each step ends as an error, and the run goes on."""
    import json

    (tmp_path / "out").mkdir()
    words = [*UNSHARE, sys.executable, "-c", FULL, lab, tmp_path / "out", *AIRESEARCH]
    done = subprocess.run(words, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    said = json.loads((tmp_path / "out" / "said.json").read_text())
    for left, code, out, err in said["full"]:
        assert "Traceback" not in err, f"{left} KiB left: {err}"
        assert code in (0, 1, 3), f"{left} KiB left: exit {code}, {err}"
        if code == 1:
            assert "space" in err, f"{left} KiB left: {err}"
            assert "free" in err, f"{left} KiB left: {err}"
        assert out or code
    (_, _, _), (code, _, err), (_, log, _) = said["end"]
    assert code == 3, err
    nodes = json.loads(log)
    assert [(n["node"], n["status"], n["verdict"]) for n in nodes] == [
        (3, "ok", "keep"), (2, "ok", "discard"), (1, "ok", "keep"), (0, "ok", "keep"),
    ], "a full disk is no candidate's fault"  # fmt: skip
    after = tmp_path / "out" / "after"
    git(after, "update-index", "-q", "--refresh")
    whole(after)
    assert git(after, "status", "--porcelain") == ""
    assert not list(after.rglob("*.lock"))
    trials = after / ".git" / "airesearch" / "trials"
    assert not trials.exists() or not any(trials.iterdir())


def test_a_candidate_that_fills_the_disk_hits_its_own_limit(tmp_path: Path) -> None:
    greedy = "f = open('big', 'wb')\nwhile True: f.write(bytes(1 << 16))\n"
    folder = toy(tmp_path / "lab", [{"subject": "greedy", "write": {"train.py": greedy}}, lr(0.2)])
    assert airesearch(folder, "step", "--json").json()["status"] == "output"
    assert airesearch(folder, "step", "--json").json()["promoted"]
    assert shutil.disk_usage(folder).free > 0
