"""The guard: a policy and a change give a decision with every reason. No match means no."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from ...gitlab.record.paths import (
    BUS,
    ENVIRONMENT,
    FAILED,
    NOTES,
    REFUSED,
    RESULT,
    RUN_LOG,
    TRANSCRIPT,
)
from ...gitlab.record.text import plural, quote_path
from ...gitlab.store.change import Change, Decision, PathChange
from ...gitlab.store.trees import is_sound
from ..paths import is_git_own, is_run_by_python, is_under, matches
from ..task.task import Task
from .agent_policy import AgentPolicy

GIT_ALONE = "airesearch"
"""Who proposes what no agent thought of: baselines and merges."""
_BUS = (BUS,)
_PRIVATE = ("private",)


@dataclass(frozen=True)
class Policy:
    """What one author may do. Here: read all but private data, and write exactly `files`."""

    agent: str
    files: tuple[str, ...] = ()

    def may_read(self, path: str) -> Decision:
        """Every reason against showing `path`."""
        shown = quote_path(path)
        if not is_sound(path):
            return Decision((f"{shown} is not a path inside the lab",))
        if is_under(path, _PRIVATE):
            return Decision((f"{shown} is private: {self.agent} may not read it",))
        return Decision()

    def may_write(self, path: str) -> Decision:
        """Every reason against new content for `path`, whatever the content."""
        if path in self.files:
            return Decision()
        return Decision((f"{quote_path(path)} is not among what {self.agent} writes",))

    def check(self, change: Change) -> Decision:
        """Every reason against a change."""
        decisions = map(self.may_change, change.paths)
        return Decision(tuple(reason for one in decisions for reason in one.reasons))

    def may_change(self, change: PathChange) -> Decision:
        """Every reason against the change of one path: its name, its content and its kind."""
        reasons = self.may_write(change.path).reasons
        if change.is_link or change.is_submodule:
            reasons = (*reasons, f"{quote_path(change.path)} is a symlink or a submodule")
        return Decision(reasons)


@dataclass(frozen=True, kw_only=True)
class ProposerPolicy(Policy):
    """What a proposer may do: its own rules within the task's, and `protected` beyond both."""

    rules: AgentPolicy
    editable: tuple[str, ...]
    protected: tuple[str, ...]

    def may_read(self, path: str) -> Decision:
        """Every reason against showing `path`."""
        reasons = super().may_read(path).reasons
        if matches(self.rules.read, path):
            return Decision(reasons)
        return Decision((*reasons, f"{quote_path(path)} is not among what {self.agent} may read"))

    def may_write(self, path: str) -> Decision:
        """Every reason against new content for `path`, whatever the content."""
        reasons = [*self._never(path), *self._outside_task(path)]
        if is_under(path, _BUS):
            reasons.append(f"{quote_path(path)} is on the bus, which grows only by appending")
        if not matches(self.rules.write, path):
            reasons.append(f"{quote_path(path)} is not among what {self.agent} may write")
        return Decision(tuple(reasons))

    def check(self, change: Change) -> Decision:
        """Every reason against a change, those of its paths first."""
        reasons = [*super().check(change).reasons]
        files, most_files, most_lines = (
            len(change.paths),
            self.rules.most_files,
            self.rules.most_lines,
        )
        lines = sum(path.added + path.removed for path in change.paths)
        if files > most_files:
            reasons.append(f"it changes {plural(files, 'file')}, over the {most_files:,} allowed")
        if lines > most_lines:
            reasons.append(f"it changes {plural(lines, 'line')}, over the {most_lines:,} allowed")
        return Decision(tuple(reasons))

    def may_change(self, change: PathChange) -> Decision:
        """Every reason against the change of one path: its name, its content and its kind."""
        shown, rules = quote_path(change.path), self.rules
        if matches(rules.append, change.path):
            reasons = [*self._against_append(change)]
        else:
            reasons = [*self.may_write(change.path).reasons]
        if change.is_link and not rules.symlinks:
            reasons.append(f"{shown} is a symlink, and {self.agent} may not touch one")
        if change.is_submodule and not rules.submodules:
            reasons.append(f"{shown} is a submodule, and {self.agent} may not touch one")
        if change.becomes_executable and not rules.executable:
            reasons.append(f"{shown} would become executable")
        if change.is_binary and not rules.binary:
            reasons.append(f"{shown} is binary, and {self.agent} writes text only")
        if change.size > rules.largest_file_kb * 1024:
            most = f"{rules.largest_file_kb:,} KiB that a file may have"
            reasons.append(f"{shown} has {change.size:,} bytes, over the {most}")
        return Decision(tuple(reasons))

    def _against_append(self, change: PathChange) -> Iterator[str]:
        free = self.may_write(change.path)
        if free.allowed:
            return
        yield from self._never(change.path)
        if not is_under(change.path, _BUS):
            yield from self._outside_task(change.path)
        elif not change.path.startswith(f"{NOTES}/"):
            yield f"{quote_path(change.path)} is on the bus, where agents append to {NOTES}/ only"
        if not change.appends:
            yield (
                f"{quote_path(change.path)} may only grow at its end, and its "
                f"{change.old_size:,} bytes do not begin the {change.size:,} new ones"
            )

    def _never(self, path: str) -> Iterator[str]:
        """What no pattern can allow."""
        shown = quote_path(path)
        if not is_sound(path):
            yield f"{shown} is not a path inside the lab"
        if is_git_own(path):
            yield f"{shown} could configure git or its hooks"
        if is_run_by_python(path):
            yield f"{shown} would be run by every Python that can import it"
        if is_under(path, self.protected):
            yield f"{shown} is protected"

    def _outside_task(self, path: str) -> Iterator[str]:
        if not is_under(path, _BUS) and not matches(self.editable, path):
            yield f"{quote_path(path)} is not among what the task lets agents change"


def proposer_policy(agent: str, task: Task, rules: AgentPolicy) -> ProposerPolicy:
    """What a proposer may do under the task and the agent's own rules."""
    return ProposerPolicy(
        agent, rules=rules, editable=task.editable, protected=task.protected_paths
    )


def merge_policy(task: Task) -> ProposerPolicy:
    """Git's own merges: whatever the task lets agents change, since agents were held to less."""
    most = 1 << 30
    rules = AgentPolicy(
        ("*",),
        ("*",),
        largest_file_kb=most,
        most_files=most,
        most_lines=most,
        binary=True,
        symlinks=True,
        submodules=True,
        executable=True,
    )
    return proposer_policy(GIT_ALONE, task, rules)


def less_transcript(change: Change) -> Change:
    """What is left to judge of a proposal whose record names its transcript."""

    def is_judged(one: PathChange) -> bool:
        return one.path != TRANSCRIPT or one.is_link or one.is_submodule or one.becomes_executable

    return replace(change, paths=tuple(filter(is_judged, change.paths)))


def refusal_policy(agent: str) -> Policy:
    """A proposal that was refused, or never came about, leaves its trace on the bus only."""
    return Policy(agent, (REFUSED, FAILED))


def runner_policy() -> Policy:
    """The runner writes what it measured."""
    return Policy("runner", (RESULT, RUN_LOG, ENVIRONMENT))


def no_change_policy(agent: str) -> Policy:
    """For commits that carry facts and no files, and for merges that take a tree as it is."""
    return Policy(agent)


def init_policy(files: tuple[str, ...]) -> Policy:
    """What `init` adds in the user's name: exactly these files."""
    return Policy("init", files)
