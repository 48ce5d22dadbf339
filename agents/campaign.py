"""A campaign: a worker's way into a lab, from which each step takes a snapshot."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from math import isqrt

from ..gitlab.errors import AiresearchError, NothingToDo
from ..gitlab.lab.checkout import is_changed
from ..gitlab.lab.lab import Lab
from ..gitlab.names import node_branch
from ..gitlab.record.paths import TASK_FILE
from ..gitlab.store.objects import LibgitObjects
from ..gitlab.store.refs import pack_refs
from ..gitlab.store.trees import Oid, pick
from ..gitlab.tree.lab_tree import LabTree
from ..policies.task.task import FILE
from .executors.local.process import reap_orphans
from .executors.registry import make_executor
from .executors.trial_semaphore import TrialSemaphore
from .proposers.replies import tidy
from .setup.preflight import ready_team
from .setup.task_file import read_task
from .setup.team_policies import read_permits
from .snapshot import Snapshot
from .trials.gates import still_holds
from .trunk.measured import Measured
from .trunk.tree import load_tree

_LOOSE = 100
"""So many new node branches at least are packed by git at once.

Each loose one is looked at in every step, and after each packing all packed ones are read anew: in
a lab of N nodes both cost the same at about the root of N/2.
"""


class Campaign:
    """What a worker keeps between steps. `variables` is the user's environment.

    Where several workers of one command share the `places` for trials, theirs go through them.
    """

    def __init__(
        self, lab: Lab, variables: Mapping[str, str], places: TrialSemaphore | None = None
    ) -> None:
        self.lab = lab
        self.places = places
        self._variables = variables
        reap_orphans(lab.home / "trials")
        lab.fetch()
        lab.catch_up()
        self._tree: LabTree = load_tree(lab)
        self.judged_by: tuple[str | None, dict[str, int]] | None = None
        """The rules that every verdict was last held to, and how many named which others then."""
        self.left: int | None = None
        """Trials that the run at hand may still take; None where it does not say."""
        self.is_explored = False
        """Whether nobody proposes anything new: what leads can still be confirmed."""
        self._loose_refs = 0
        self.now = self._snapshot()
        """The snapshot taken last."""
        tidy(lab.home, self._tree.nodes)
        self._compare_sandbox()
        for file in dict.fromkeys((FILE, self.now.task.team_file)):
            if is_changed(lab.repo, file):
                self.now.notice(f"{file} has changes that do not count until they are committed")

    @contextmanager
    def exploring(self) -> Iterator[None]:
        """Nothing new to do is said once to us; then what leads is confirmed, and that is all."""
        try:
            yield
        except NothingToDo:
            if self.is_explored or not self.now.standard.staged:
                raise
            self.is_explored = True

    def look(self) -> Snapshot:
        """A snapshot of what all workers did by now, under the rules that trunk has now."""
        self.lab.fetch()
        self._tree.refresh()
        many = max(_LOOSE, isqrt(self._tree.next_id // 2))
        if self._tree.loose_refs > self._loose_refs + many:
            pack_refs(self.lab.repo)
            self._tree.refresh()
            self._loose_refs = self._tree.loose_refs
        seen = self.now.measured.base, self.now.in_force
        if (self._tree.base, self._tree.rules) != seen or self._tree.absent:
            self.now = self._snapshot()
        return self.now

    def get_ready(self) -> None:
        """Find out now what a first step would, so that forks of this process need not each."""
        self.now.executor.prepare()
        self._tree.mended(self._tree.read_all)
        # A fork must not inherit an open database: it would have no locks on it.
        self._tree.index.database.close()

    def _compare_sandbox(self) -> None:
        """Say where trials are held by other means than those before."""
        newest = self._tree.nodes.stream(newest_first=True)
        before = next((node.trials[-1].sandbox for node in newest if node.trials), None)
        now = self.now.executor.sandbox
        if before not in (None, now):
            demand = "" if before == "none" else f"; to allow no other: sandbox: {before}"
            self.now.notice(f"trials are held by {now} here, and the last by {before}{demand}")
            team = self.now.task.team.items()
            agents = [name for name, member in team if member.backend == "command"]
            if before == "bwrap" and agents:
                self.now.notice(f"{', '.join(agents)} may do here what you may: there is no room")

    def _snapshot(self) -> Snapshot:
        lab, tree = self.lab, self._tree
        _require_whole(lab, tree)
        files = lab.tree_of(tree.rules)
        task = read_task(lab, files)
        measured = Measured(LibgitObjects(lab.repo), tree.base)
        tree.holds = lambda node: still_holds(task, node)
        return Snapshot(
            lab,
            tree,
            tree.rules,
            task,
            team=ready_team(lab, files, task, self._variables),
            permits=read_permits(lab, files, task),
            measured=measured,
            protocol=_protocol(lab, measured),
            executor=make_executor(lab, task, self._variables, self.places),
            variables=self._variables,
        )


def _protocol(lab: Lab, measured: Measured) -> Oid:
    base = lab.tree_of(measured.base)
    task = read_task(lab, base, checked=False)
    found = pick(lab.repo, base, measured.protocol_paths(task))
    if measured.task is None:
        return found
    lab.blob(measured.text)
    return lab.edited(found, {TASK_FILE: measured.task_entry})


def _require_whole(lab: Lab, tree: LabTree) -> None:
    """Without every promoted node, what is best and what is free could only be guessed."""
    for node, tip in tree.absent.items():
        remote = next(filter(None, lab.repo.remotes.names()), None)
        raise AiresearchError(
            f"the branch of node {node} is not here, and trunk was promoted to it",
            f"fetch all: git fetch {remote} '+refs/heads/*:refs/remotes/{remote}/*'"
            if remote
            else f"bring it back: git branch {node_branch(node)} {tip}",
        )
