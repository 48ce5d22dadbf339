"""What bad-input tests share: what a user has before and after, and how an error must read."""

import os
import shutil
import stat
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from toys import Said, git

STRICT = {"PYTHONIOENCODING": "utf-8:strict"}
"""What a terminal in a UTF-8 locale such as en_US.UTF-8 accepts."""


@dataclass(frozen=True)
class Seen:
    """All that is the user's in a repository; equal where nothing was touched."""

    head: bytes
    status: str
    index: str
    stash: str
    refs: str
    config: str
    ours: bool
    """Whether `.git/airesearch` exists."""
    files: dict[str, tuple[int, bytes]]


def seen(folder: Path) -> Seen:
    """What the user has in `folder` now."""
    return Seen(
        head=(folder / ".git" / "HEAD").read_bytes(),
        status=git(folder, "status", "--porcelain", "-z", "--untracked-files=all"),
        index=git(folder, "ls-files", "--stage", "-z"),
        stash=git(folder, "stash", "list"),
        refs=git(folder, "for-each-ref"),
        config=(folder / ".git" / "config").read_text(),
        ours=(folder / ".git" / "airesearch").exists(),
        files=files(folder),
    )


def files(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Every file's mode and bytes, the target for a link; `.git` left out."""
    found = {}
    for place, names, inside in os.walk(folder):
        if ".git" in names:
            names.remove(".git")
        links = [name for name in names if os.path.islink(os.path.join(place, name))]
        for name in [*inside, *links]:
            path = Path(place, name)
            mode = path.lstat().st_mode
            data = os.fsencode(path.readlink()) if stat.S_ISLNK(mode) else path.read_bytes()
            found[str(path.relative_to(folder))] = (mode, data)
    return found


def complains(said: Said, *words: str, code: int = 1) -> None:
    """Fails unless the command ended as an error the user can mend, its message with `words`."""
    assert "Traceback" not in said.err, said.err
    assert said.code == code, f"exit {said.code}\n{said.out}{said.err}"
    assert said.err.strip(), "no message"
    for word in words:
        assert word in said.err, said.err


def works(said: Said) -> Said:
    """The answer of a command that must have succeeded."""
    assert said.code == 0, f"exit {said.code}\n{said.out}{said.err}"
    assert "Traceback" not in said.err, said.err
    return said


def whole(folder: Path) -> None:
    """Fails where git finds a fault, or the trunk is not one line of promotions."""
    done = subprocess.run(
        ["git", "-C", folder, "fsck", "--strict", "--no-dangling"], capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    assert b"error" not in done.stderr, done.stderr.decode()
    form = "--format=%(trailers:key=Node,valueonly,separator=%x2C)|%P"
    promoted = []
    for line in git(folder, "log", "--first-parent", "--merges", form, "main").splitlines():
        node, _, parents = line.partition("|")
        assert len(parents.split()) == 2, line
        promoted.append(node)
    assert len(set(promoted)) == len(promoted), promoted


def copied(lab: Path, to: Path) -> Path:
    """A lab of its own for one test, as if it was made there."""
    shutil.copytree(lab, to, symlinks=True)
    git(to, "update-index", "-q", "--refresh")
    return to


def commit(folder: Path, path: str, text: str, message: str = "By hand") -> str:
    """A human's commit of one file on the branch checked out; its id."""
    (folder / path).write_text(text)
    git(folder, "add", "--", path)
    git(folder, "commit", "-qm", message)
    return git(folder, "rev-parse", "HEAD").strip()


def branches(folder: Path) -> list[str]:
    """The local node branches."""
    return git(folder, "for-each-ref", "--format=%(refname:short)", "refs/heads/node").split()


def left_in_trials(folder: Path) -> list[str]:
    """Folders of trials, and processes that work in one."""
    trials = folder / ".git" / "airesearch" / "trials"
    found = [path.name for path in trials.iterdir()] if trials.exists() else []
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                where = (process / "cwd").readlink()
            except OSError:
                continue
            if str(trials) in str(where):
                found.append(f"process {process.name}")
    return found


AIRESEARCH = [sys.executable, "-m", "airesearch"]
