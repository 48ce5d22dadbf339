"""`policies/<agent>.yaml` as a frozen value: what one agent may read, write and append to."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from ..paths import PatternError, matches
from ..task.rules import Problem, limit
from ..task.schema import load_document

FOLDER = "policies"
"""Where a lab keeps its agents' policies."""
_PLACE = "{agent}"
_LISTS = ("read", "write", "append")
_LIMITS = ("largest_file_kb", "most_files", "most_lines")


@dataclass(frozen=True)
class AgentPolicy:
    """Everything one policy file says. A list that is not given names nothing."""

    read: tuple[str, ...] = ()
    """What the agent may read: gitignore patterns, last match wins."""
    write: tuple[str, ...] = ()
    """What it may change, of what the task's `editable` names."""
    append: tuple[str, ...] = ()
    """What may grow at its end and never otherwise; the only way onto the bus."""
    largest_file_kb: int = 1024
    """KiB a changed file may have."""
    most_files: int = 100
    """Files one proposal may change."""
    most_lines: int = 10_000
    """Lines one proposal may add and remove together."""
    binary: bool = False
    """Whether a changed file may be binary."""
    symlinks: bool = False
    """Whether a symlink may be made, changed or removed."""
    submodules: bool = False
    """Whether a submodule may be made, changed or removed."""
    executable: bool = False
    """Whether a file may become executable."""


def policy_file(agent: str) -> str:
    """Where a lab keeps the policy of `agent`."""
    return f"{FOLDER}/{agent}.yaml"


def parse_policy(source: str | bytes, file: str, agent: str) -> AgentPolicy:
    """The policy that `source` describes, `{agent}` in its patterns read as the agent's name.

    Raises SchemaError with file, line and mend where it describes none.
    """
    document = load_document(AgentPolicy, source, file)
    named: dict[str, Any] = {
        key: tuple(pattern.replace(_PLACE, agent) for pattern in getattr(document.value, key))
        for key in _LISTS
    }
    policy = replace(document.value, **named)
    for problem in _problems(policy):
        raise document.error(problem.key, problem.what, problem.mend)
    return policy


def _problems(policy: AgentPolicy) -> Iterator[Problem]:
    for key in _LISTS:
        for place, pattern in enumerate(getattr(policy, key)):
            where = f"{key}[{place}]"
            try:
                matches((pattern,), "-")
            except PatternError as error:
                what = f"{where}: {pattern!r}: {error}"
                yield Problem(where, what, "name a file, a folder or a glob")
    for key in _LIMITS:
        yield from limit(key, getattr(policy, key))
