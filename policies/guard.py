"""The guard: a policy and a change give a decision with every reason. No match means no."""

from dataclasses import dataclass

from ..gitlab.change import Change, Decision, PathChange
from ..gitlab.text import quote_path
from ..gitlab.trees import is_sound
from .paths import is_git_own, is_under, matches
from .task import Task

REFUSED = "research/refused.patch"
"""The change the guard refused."""
FAILED = "research/error.txt"
"""Why the proposer made no proposal."""
_BUS = ("research",)
_PRIVATE = ("private",)


@dataclass(frozen=True)
class Policy:
    """What one agent may do; `protected` is beyond every pattern."""

    agent: str
    write: tuple[str, ...]
    protected: tuple[str, ...]
    hidden: tuple[str, ...] = _PRIVATE

    def may_read(self, path: str) -> Decision:
        """Everything but what is hidden."""
        if is_sound(path) and not is_under(path, self.hidden):
            return Decision()
        return Decision((f"{self.agent} may not read {quote_path(path)}",))

    def may_write(self, path: str) -> Decision:
        """Every reason against a change of `path`."""
        shown = quote_path(path)
        reasons = []
        if not is_sound(path):
            reasons.append(f"{shown} is not a path inside the lab")
        if is_git_own(path):
            reasons.append(f"{shown} could configure git or its hooks")
        if is_under(path, self.protected):
            reasons.append(f"{shown} is protected")
        if not matches(self.write, path):
            reasons.append(f"{shown} is not among what {self.agent} may write")
        return Decision(tuple(reasons))

    def check(self, change: Change) -> Decision:
        """Every reason against every path of a change."""
        return Decision(tuple(reason for path in change.paths for reason in self._reasons(path)))

    def _reasons(self, change: PathChange) -> tuple[str, ...]:
        reasons = self.may_write(change.path).reasons
        if change.is_plain:
            return reasons
        return (*reasons, f"{quote_path(change.path)} is a symlink or a submodule")


def proposer_policy(agent: str, task: Task) -> Policy:
    """What a proposer may write: the task's editable paths, never the protocol or the bus."""
    return Policy(agent, task.editable, (*task.protected_paths, *_BUS))


def refusal_policy(agent: str) -> Policy:
    """A proposal that was refused, or never came about, leaves its trace on the bus only."""
    return Policy(agent, (f"/{REFUSED}", f"/{FAILED}"), ())


def runner_policy() -> Policy:
    """The runner writes what it measured."""
    files = ("result.json", "run.log", "environment.json")
    return Policy("runner", tuple(f"/research/{name}" for name in files), ())


def no_change_policy(agent: str) -> Policy:
    """For commits that carry facts and no files, and for merges that take a tree as it is."""
    return Policy(agent, (), ())


def init_policy(files: tuple[str, ...]) -> Policy:
    """What `init` adds in the user's name: exactly these files."""
    return _Exactly("init", files, ())


class _Exactly(Policy):
    def may_write(self, path: str) -> Decision:
        return Decision(() if path in self.write else (f"init does not add {quote_path(path)}",))
