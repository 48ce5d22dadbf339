"""A lab with something to hide, a desk on it, and the folder an agent is given."""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from airesearch.gitlab.desk.collect import Bounds, Collected, collect_changes
from airesearch.gitlab.desk.desk import Desk
from airesearch.gitlab.desk.export import ExportedTree, export_desk
from airesearch.gitlab.lab.lab import Lab, open_lab
from airesearch.gitlab.store.change import Decision
from toys import git, repository, toy_files

SECRET = "the answer is 42-0aa7"
PROFESSED = "a subject only the lab may know"


@dataclass(frozen=True)
class Place:
    """A lab, a desk on its trunk and the folder it was laid out in."""

    root: Path
    lab: Lab
    desk: Desk
    laid: ExportedTree

    @property
    def folder(self) -> Path:
        """Where the agent works."""
        return self.laid.folder

    def back(self, bounds: Bounds | None = None, ignored: str = "") -> Collected:
        """The folder taken back; paths below `ignored` are left behind."""
        bounds = bounds or Bounds(1 << 20)
        return collect_changes(
            self.desk, self.laid, bounds, lambda p: bool(ignored) and ignored in p
        )

    def write(self, path: str, data: str) -> Path:
        """Write a file as the agent."""
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(data)
        return target

    def state(self) -> Mapping[str, str]:
        """Every file of the lab but the desks: refs, objects, settings, checkout."""
        found = {}
        for folder, folders, names in os.walk(self.root):
            folders[:] = [name for name in folders if name != "desks"]
            for name in names:
                path = Path(folder, name)
                data = os.fsencode(path.readlink()) if path.is_symlink() else path.read_bytes()
                found[str(path)] = hashlib.sha256(data).hexdigest()
        return found


def may_read(path: str) -> Decision:
    """Everything but `private/`."""
    return Decision(("hidden",) if path.startswith("private/") else ())


def place(tmp_path: Path, files: Mapping[str, str | bytes] | None = None) -> Place:
    """A lab in `tmp_path`/lab with a secret in its files, in its history and in a message."""
    root = repository(
        tmp_path / "lab",
        {**toy_files([]), "private/key": SECRET, "old.txt": SECRET, "run.sh": "echo\n",
         "lib/util.py": "A = 1\n"},
    )  # fmt: skip
    git(root, "rm", "-q", "old.txt")
    git(root, "config", "airesearch.trunk", "main")
    for path, data in (files or {}).items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data.encode() if isinstance(data, str) else data)
    (root / "run.sh").chmod(0o755)
    (root / "link").symlink_to("train.py")
    git(root, "add", "-A")
    git(root, "update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},module")
    git(root, "commit", "-qm", PROFESSED)
    lab = open_lab(root)
    tree = lab.tree_of(lab.trunk_tip)
    desk = Desk(lab, tree, may_read, lambda _: Decision())
    folder = lab.home / "desks" / "1-1"
    folder.mkdir(parents=True)
    return Place(root, lab, desk, export_desk(lab.repo, desk, folder, "coder"))
