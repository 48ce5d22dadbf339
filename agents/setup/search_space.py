"""What the tuner can turn in a tree of the lab, found before a trial is spent."""

from ...gitlab.errors import AiresearchError
from ...gitlab.lab.lab import Lab
from ...gitlab.store.trees import Oid, read, walk
from ...policies.access.guard import proposer_policy
from ...policies.task.task import Task
from ..proposers.tuner.space import Ground, Space, space_of
from ..proposers.tuner.tuner import require_knobs
from ..proposers.tuner.version import Files, Versions
from .team_policies import read_permits, shipped_policy

TUNER = "tuner"


def tuners(task: Task) -> list[str]:
    """The agents of the team that turn knobs."""
    return [name for name, member in task.team.items() if member.backend == TUNER]


def read_space(
    lab: Lab,
    tree: Oid,
    task: Task,
    base: Oid | None = None,
    first: Oid | None = None,
    versions: Versions | None = None,
) -> Space:
    """The search space as the first tuner of the team sees it; as one would, where there is none.

    Comments count as they are in `base`, and ranges lie around the values in `first`.
    """
    names = tuners(task)
    if names:
        policy = read_permits(lab, tree, task)[names[0]]
    else:
        policy = proposer_policy(TUNER, task, shipped_policy(TUNER, TUNER))
    paths = [entry.path for entry in walk(lab.repo, tree) if policy.may_read(entry.path).allowed]

    def files_of(oid: Oid) -> Files:
        return lambda path: read(lab.repo, oid, path)

    ground = Ground(files_of(tree), files_of(base or tree), files_of(first or base or tree))
    return space_of(
        versions or Versions(),
        sorted(paths),
        lambda path: policy.may_write(path).allowed,
        ground,
        task.knobs,
        task.candidate,
    )


def require_something_to_turn(lab: Lab, tree: Oid, task: Task) -> None:
    """Raises AiresearchError where nobody but tuners is to propose, and there is no knob."""
    if len(tuners(task)) == len(task.team):
        require_knobs(read_space(lab, tree, task))


def no_knobs(lab: Lab, tree: Oid, task: Task) -> str:
    """What is to be said of a team whose tuner finds nothing to turn; nothing where it finds some.

    What is wrong with a rule or a comment is said as well.
    """
    try:
        if tuners(task):
            require_knobs(read_space(lab, tree, task))
    except AiresearchError as error:
        return f"{error.what}: {error.mend}"
    return ""
