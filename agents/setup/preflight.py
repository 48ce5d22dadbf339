"""What a task needs of this machine and this tree, checked before anything is written."""

import shlex
from collections.abc import Mapping
from pathlib import Path

from ...gitlab.errors import AiresearchError
from ...gitlab.lab.lab import Lab
from ...gitlab.store.trees import Oid, find, read, walk
from ...policies.paths import is_under, matches
from ...policies.search.policies import POLICIES
from ...policies.task.rules import plain
from ...policies.task.schema import meant
from ...policies.task.task import FILE, Task
from ..executors.environment import find_command, is_in_lab
from ..executors.local.sandbox import choose
from ..proposers.registry import Agent, Setting, assemble
from .data_access import require_data_access

_PRIVATE = "private"


def ready_team(lab: Lab, tree: Oid, task: Task, variables: Mapping[str, str]) -> tuple[Agent, ...]:
    """The task's agents, once all it needs in `tree` and on this machine is there.

    Raises AiresearchError with the mend where something is not.
    """
    if task.search.policy not in POLICIES:
        raise AiresearchError(
            f"{task.team_file}: search.policy: there is no policy {task.search.policy!r}",
            meant(task.search.policy, POLICIES, "use one of"),
        )
    _require_program(lab, tree, "candidate", task.candidate, variables)
    if task.evaluate is not None:
        _require_program(lab, tree, "evaluate", task.evaluate, variables)
    _require_files(lab, tree, task)
    require_data_access(lab, task)
    choose(task.sandbox)
    return assemble(Setting(lab, tree, task, variables))


def _require_program(
    lab: Lab, tree: Oid, key: str, command: str, variables: Mapping[str, str]
) -> None:
    """What a command starts is committed where it is of the lab, and else on this machine."""
    program = shlex.split(command)[0]
    if is_in_lab(program):
        if find(lab.repo, tree, plain(program)) is None:
            raise AiresearchError(
                f"{FILE}: {key}: no committed file is {program}",
                "commit it: a trial sees committed files only",
            )
        return
    installed = find_command(command, variables)
    if installed is None:
        raise AiresearchError(
            f"{FILE}: {key}: there is no command {program!r} on this machine",
            "install it, or give the program's full path",
        )
    committed = committed_path(lab, tree, installed)
    if committed:
        raise AiresearchError(
            f"{FILE}: {key}: {installed} is a file of the lab in your checkout, and trials have "
            "their own copy of it",
            f"name it from the lab's folder: ./{committed}",
        )


def committed_path(lab: Lab, tree: Oid, program: str) -> str:
    """The path in the lab of a program that lies in the checkout and is committed; else nothing.

    Programs are asked what they are before a trial. One that follows promotions is a candidate's.
    """
    if not lab.repo.workdir:
        return ""
    checkout = Path(lab.repo.workdir).resolve()
    named = Path(program)
    for place in (named.parent.resolve() / named.name, named.resolve()):
        if place.is_relative_to(checkout):
            path = place.relative_to(checkout).as_posix()
            if find(lab.repo, tree, path) is not None:
                return path
    return ""


def _require_files(lab: Lab, tree: Oid, task: Task) -> None:
    paths = [entry.path for entry in walk(lab.repo, tree)]
    editable = [path for path in paths if matches(task.editable, path)]
    if not editable:
        raise AiresearchError(
            f"{FILE}: editable: no committed file matches {', '.join(task.editable)}",
            "name the files agents may change, and commit them",
        )
    open_to_all = [path for path in editable if not is_under(path, task.protected_paths)]
    if not open_to_all:
        raise AiresearchError(
            f"{FILE}: editable: {editable[0]} is protected: it is the task, the evaluator or "
            "private data",
            "name another file: what scores a candidate cannot be what is changed",
        )
    if task.evaluate is not None and not any(
        find(lab.repo, tree, path) for path in task.evaluator_files
    ):
        raise AiresearchError(
            f"{FILE}: evaluate: `{task.evaluate}` names no committed file",
            "commit the evaluator, or list its files under `protected:`",
        )
    _require_private(lab, tree, task)


def _require_private(lab: Lab, tree: Oid, task: Task) -> None:
    """Raises AiresearchError where the evaluator names `private/`, which lies here uncommitted."""
    here = Path(lab.repo.workdir or "", _PRIVATE)
    if not lab.repo.workdir or find(lab.repo, tree, _PRIVATE) is not None or not here.is_dir():
        return
    sources = (read(lab.repo, tree, path) or b"" for path in task.evaluator_files)
    if any(_PRIVATE.encode() in source for source in sources):
        raise AiresearchError(
            f"{FILE}: evaluate: it reads {_PRIVATE}/, and no file of that is committed",
            f"a trial sees committed files only: git add -f {_PRIVATE} && git commit",
        )
