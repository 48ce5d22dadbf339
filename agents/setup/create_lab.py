"""Creating a lab: from a shipped example, or in the user's own repository."""

import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from ...examples import folder as example_folder
from ...examples import names as example_names
from ...gitlab.errors import AiresearchError
from ...gitlab.hooks.install import install_pre_commit
from ...gitlab.isolated import python
from ...gitlab.lab.create import (
    add_files,
    existing_repository,
    init_repository,
    remember_trunk,
    uncommitted,
)
from ...gitlab.lab.lab import Lab, open_lab
from ...gitlab.record.paths import TEAM_FILE
from ...gitlab.record.text import plural
from ...gitlab.store.refs import node_tips
from ...gitlab.store.trees import EMPTY, edit, find, read
from ...policies.access.guard import init_policy
from ...policies.task.task import FILE, parse_task
from ..executors.environment import trial_environment
from .preflight import ready_team
from .search_space import no_knobs
from .task_file import read_task
from .template import Settings, render, render_team

_DATA_MAKER = "make_data.py"
_NOT_SHIPPED = {"__pycache__", "data", "private"}


def create_example_lab(name: str, path: Path, variables: Mapping[str, str]) -> Lab:
    """A new lab at `path` from the example `name`; `path` appears whole or not at all."""
    if name not in example_names():
        raise AiresearchError(
            f"there is no example {name!r}", f"use one of: {', '.join(example_names())}"
        )
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise AiresearchError(f"{path} is in the way", "give a path that does not exist yet")
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".airesearch-", dir=path.parent) as aside:
        folder = Path(aside) / "lab"
        ignore = shutil.ignore_patterns(*_NOT_SHIPPED)
        shutil.copytree(example_folder(name), folder, ignore=ignore)
        _make_data(folder, variables)
        lab = init_repository(folder)
        files = {
            file.relative_to(folder).as_posix(): file.read_bytes()
            for file in sorted(folder.rglob("*"))
            if file.is_file() and ".git" not in file.relative_to(folder).parts
        }
        tree = edit(lab.repo, EMPTY, files)
        ready_team(lab, tree, parse_task(files[FILE], files.get(TEAM_FILE)), variables)
        add_files(lab, files, init_policy(tuple(files)).check)
        folder.rename(path)
    lab = open_lab(path)
    lab.notices.add(install_pre_commit(lab.repo))
    return lab


def create_lab(start: Path, settings: Settings | None, variables: Mapping[str, str]) -> Lab:
    """Make the repository `start` lies in a lab: one commit with its files, nothing else touched.

    Without `settings` the task is the one that lies there. Raises AiresearchError where there is
    none, where it is another than the settings say, or where something it needs is not there.
    """
    lab = existing_repository(start)
    tree = lab.tree_of(lab.trunk_tip)
    committed = {file: read(lab.repo, tree, file) for file in (FILE, TEAM_FILE)}
    if committed[FILE] is not None and node_tips(lab.repo):
        raise AiresearchError("this already is a lab", "go on with it: airesearch run")
    is_sealed = find(lab.repo, tree, "private") is not None
    described = None if settings is None else render(settings, is_sealed=is_sealed)
    files = {FILE: _task_text(lab, committed[FILE], described)}
    team = _own_text(lab, TEAM_FILE, committed[TEAM_FILE])
    if team is None and described is not None:
        team = render_team()
    if team is not None:
        files[TEAM_FILE] = team
    whole = edit(lab.repo, tree, files)
    task = read_task(lab, whole)
    ready_team(lab, whole, task, variables)
    lab.notices.add(no_knobs(lab, whole, task))
    added = {file: text for file, text in files.items() if committed[file] is None}
    if added:
        add_files(lab, added, init_policy(tuple(added)).check)
    else:
        remember_trunk(lab)
    if team is None:
        lab.notices.add(
            f"{FILE} says who works, too, and any change of it starts a new base; "
            f"airesearch doctor --fix gives that a {TEAM_FILE} of its own"
        )
    if changed := uncommitted(lab):
        lab.notices.add(
            f"{plural(len(changed), 'file')} with uncommitted changes stay as they are; "
            "the baseline is what is committed"
        )
    lab.notices.add(install_pre_commit(lab.repo))
    return lab


def _own_text(lab: Lab, file: str, committed: bytes | None) -> bytes | None:
    """What the user wrote there: as committed, or else as it lies in the checkout."""
    written = Path(lab.repo.workdir) / file
    if written.is_symlink():
        raise AiresearchError(
            f"{file} is a link", "put the file itself there: it is read from the commit"
        )
    return written.read_bytes() if committed is None and written.is_file() else committed


def _task_text(lab: Lab, committed: bytes | None, described: bytes | None) -> bytes:
    own = _own_text(lab, FILE, committed)
    # The same flags again go on with what an init that was interrupted had begun.
    if own is not None and described is not None and own != described:
        raise AiresearchError(
            f"there is an {FILE} here already, and the flags are another task",
            f"leave the flags away to start with it, or edit {FILE}",
        )
    text = described if own is None else own
    if text is None:
        raise AiresearchError(
            f"there is no {FILE} yet, and what to research is yours to say",
            "for instance: airesearch init --metric val_error --goal minimize "
            "--candidate 'python train.py' --evaluate 'python evaluate.py' "
            "--output predictions.npy --editable train.py",
        )
    return text


def _make_data(folder: Path, variables: Mapping[str, str]) -> None:
    seed = secrets.randbits(63)
    env = {**trial_environment(variables, folder, 0), "AIRESEARCH_DATA_SEED": str(seed)}
    done = subprocess.run(
        python(_DATA_MAKER),
        cwd=folder,
        env=env,
        capture_output=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    if done.returncode:
        lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise AiresearchError(
            f"the example's data could not be made: {lines[-1] if lines else 'no word why'}",
            "the examples need their libraries: pip install 'airesearch[examples]'",
        )
