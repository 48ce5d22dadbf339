"""What is missing here: the machine and the lab looked over, each fault with its mend."""

import platform
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ...gitlab.errors import AiresearchError
from ...gitlab.lab.checkout import left_behind
from ...gitlab.lab.lab import Lab
from ...gitlab.record.text import plural
from ...gitlab.store.refs import replaced
from ...gitlab.store.trees import Oid, find, read
from ...policies.paths import is_under, matches
from ...policies.task.task import FILE, Task
from ..executors.base import MachineFailure
from ..executors.environment import answer_of, find_command, gpus
from ..executors.local.sandbox import bubblewrap, choose, landlock, weaknesses
from ..proposers.tuner.tuner import require_knobs
from ..trunk.tree import load_tree
from .evaluator_check import check
from .preflight import committed_path, ready_team
from .search_space import read_space, tuners
from .task_file import read_task
from .template import DIGITS

_OLDEST_GIT = (2, 31)
_SEALED = "read the candidate's outputs as plain data: json, or numpy.load without pickles"
State = Literal["ok", "warn", "mend"]


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    subject: str
    state: State
    """`mend` is what keeps trials from running as they should; `warn` is a human's to judge."""
    says: str
    mend: str = ""


def examine(lab: Lab | None, variables: Mapping[str, str]) -> list[Finding]:
    """The machine, and the lab where there is one."""
    task: Task | None = None
    machine, of_lab = [_git(variables)], [Finding("lab", "ok", "there is none in this folder")]
    if lab is not None:
        try:
            tree = lab.tree_of(load_tree(lab).rules)
            task = read_task(lab, tree)
            ready_team(lab, tree, task, variables)
            of_lab = [Finding("task", "ok", task.name)]
            if disguise := replaced(lab.repo):
                of_lab.append(Finding("replace", "warn", disguise, "git replace -d OBJECT"))
            if behind := left_behind(lab.repo, lab.trunk):
                says = f"it is behind {lab.trunk}, left at {behind[0]}: do not commit from here"
                of_lab.append(Finding("checkout", "warn", says, behind[1]))
        except AiresearchError as error:
            of_lab = [Finding("task", "mend", error.what, error.mend)]
        if task is not None:
            machine.append(_python(lab, tree, task, variables))
            of_lab += [
                _team(task),
                *_knobs(lab, tree, task),
                *_evaluator(lab, tree, task),
                *_agents(task),
            ]
    return [*machine, _gpu(task), _sandbox(task), *of_lab]


def _git(variables: Mapping[str, str]) -> Finding:
    git = shutil.which("git", path=variables.get("PATH"))
    version = answer_of([git, "--version"]).strip() if git else ""
    if not version:
        return Finding("git", "mend", "there is no git", "apt-get install git")
    number = version.removeprefix("git version ").split()[0]
    parts = tuple(int(part) for part in number.split(".")[:2] if part.isdigit())
    if parts < _OLDEST_GIT:
        return Finding("git", "mend", f"{number} is older than 2.31", "apt-get install git")
    return Finding("git", "ok", number)


def _gpu(task: Task | None) -> Finding:
    shown = "; ".join(gpus())
    if not shown:
        return Finding("gpu", "ok", "none that nvidia-smi shows")
    nodes = ", ".join(str(node) for node in sorted(Path("/dev").glob("nvidia*")))
    mend = "" if task and task.devices else f"to let trials use it: devices: [{nodes}]"
    return Finding("gpu", "ok", shown, mend)


def _python(lab: Lab, tree: Oid, task: Task, variables: Mapping[str, str]) -> Finding:
    program = find_command(task.candidate, variables)
    if program is None or committed_path(lab, tree, program):
        return Finding("python", "ok", f"trials run no Python of ours: {task.candidate}")
    version = answer_of([program, "--version"]).strip() if "py" in program else ""
    return Finding("python", "ok", f"{program} ({version})" if version else program)


def _sandbox(task: Task | None) -> Finding:
    wanted = "auto" if task is None else task.sandbox
    try:
        kind = choose(wanted)
    except MachineFailure as failure:
        return Finding("sandbox", "mend", failure.what, failure.mend)
    weak = "; ".join(weaknesses(kind))
    if wanted == "none":
        return Finding("sandbox", "warn", f"none, as the task says: {weak}")
    if kind == "none":
        system = "" if platform.system() == "Linux" else "; there is a sandbox on Linux only"
        says = f"none: {weak}; {bubblewrap.fault()}{system}"
        return Finding("sandbox", "mend", says, bubblewrap.mend())
    says, mend = "bwrap", ""
    if kind == "landlock":
        means = "in namespaces of its own" if landlock.has_room() else "alone"
        says = f"landlock (ABI {landlock.abi()}) {means}"
        if wanted == "auto":
            says, mend = f"{says}, since {bubblewrap.fault()}", bubblewrap.mend()
        if not landlock.has_room():
            mend = "allow user namespaces, then: apt-get install bubblewrap"
    if weak:
        return Finding("sandbox", "warn", f"{says}: {weak}", mend)
    return Finding("sandbox", "ok", says, mend)


def _team(task: Task) -> Finding:
    """Whether who works may change without a trial."""
    if task.is_split:
        return Finding("team", "ok", ", ".join(task.team))
    says = f"it stands in {FILE}, where any change of it starts a new base"
    return Finding("team", "warn", says, "airesearch doctor --fix")


def _knobs(lab: Lab, tree: Oid, task: Task) -> Iterator[Finding]:
    """What a tuner of the team has to turn."""
    if not tuners(task):
        return
    try:
        knobs = require_knobs(read_space(lab, tree, task))
    except AiresearchError as error:
        yield Finding("knobs", "warn", error.what, error.mend)
    else:
        yield Finding("knobs", "ok", f"{plural(len(knobs), 'knob')}: airesearch knobs")


def _agents(task: Task) -> Iterator[Finding]:
    """The programs that propose: whether they have a room, and what stands open to them in it."""
    no_room = task.sandbox == "none" or bubblewrap.fault()
    for name, member in task.team.items():
        if member.backend == "command" and no_room:
            says = f"{name} runs as you: it reads private/, and may write whatever you may"
            yield Finding("agent", "warn", says, bubblewrap.mend() if bubblewrap.fault() else "")
        elif member.opens:
            says = f"{name} may write {', '.join(member.opens)}, and use sockets there"
            yield Finding("agent", "warn", says)


def _evaluator(lab: Lab, tree: Oid, task: Task) -> Iterator[Finding]:
    if task.evaluate is None:
        says = "the score is what the candidate prints: nothing keeps it from printing a better one"
        yield Finding("evaluator", "warn", says, "write one, and name it under `evaluate:`")
        return

    def is_editable(path: str) -> bool:
        changeable = matches(task.editable, path) and find(lab.repo, tree, path) is not None
        return is_under(path, task.outputs) or (changeable and not is_protected(path))

    def is_protected(path: str) -> bool:
        return is_under(path, task.protected_paths)

    dangers = [
        danger
        for path in task.evaluator_files
        if path.endswith(".py") and (source := read(lab.repo, tree, path)) is not None
        for danger in check(path, source, is_editable)
    ]
    for danger in dangers:
        yield Finding("evaluator", "warn", str(danger), _SEALED)
    if task.objective.digits is None and find(lab.repo, tree, "private") is not None:
        says = "private/ scores, and a metric with all its digits tells what lies there"
        yield Finding("evaluator", "warn", says, f"objective: {{digits: {DIGITS}}}")
    elif not dangers:
        yield Finding("evaluator", "ok", task.evaluate)
