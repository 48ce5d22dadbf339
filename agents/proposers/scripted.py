"""The `scripted` proposer: replays a list of edits. For tests, docs and dry runs."""

from dataclasses import dataclass, field
from functools import lru_cache
from typing import ClassVar

from ...gitlab.desk.desk import Desk
from ...gitlab.errors import AiresearchError, NothingToDo
from ...gitlab.record.facts import Operator
from ...policies.task.schema import load
from .base import Brief, Proposal


class CuedError(Exception):
    """Raised where the script says so."""


@dataclass(frozen=True)
class Swap:
    """In `path`, the first `old` becomes `new`."""

    path: str
    old: str
    new: str


@dataclass(frozen=True)
class ScriptedEdit:
    """One proposal: files written whole, swaps in them, files removed; or an error."""

    subject: str = "scripted edit"
    body: str = ""
    write: dict[str, str] = field(default_factory=dict)
    swap: tuple[Swap, ...] = ()
    remove: tuple[str, ...] = ()
    error: str | None = None


@dataclass(frozen=True)
class _Script:
    turns: tuple[ScriptedEdit, ...]


@lru_cache(maxsize=4)
def parse_script(text: bytes, file: str) -> tuple[ScriptedEdit, ...]:
    """The edits of a script: YAML with one list under `turns`."""
    return load(_Script, text, file).turns


class Scripted:
    """Makes edit N at its N-th proposal; ends the run when the script is over."""

    operators: ClassVar = frozenset({Operator.DRAFT, Operator.IMPROVE, Operator.DEBUG})

    def __init__(self, edits: tuple[ScriptedEdit, ...]) -> None:
        self._edits = edits

    def propose(self, desk: Desk, brief: Brief) -> Proposal:
        """Stage the edits that are due. Raises NothingToDo past the last ones."""
        if brief.proposal_index >= len(self._edits):
            raise NothingToDo(f"the script's {len(self._edits)} turns are played")
        edit = self._edits[brief.proposal_index]
        if edit.error is not None:
            raise CuedError(edit.error)
        for path, content in edit.write.items():
            desk.write(path, content.encode())
        for swap in edit.swap:
            before, old = desk.read(swap.path), swap.old.encode()
            if old not in before:
                raise AiresearchError(
                    f"the script swaps {swap.old!r} in {swap.path}, and it is not there",
                    "correct the script: every swap must find its text in the parent's file",
                )
            desk.write(swap.path, before.replace(old, swap.new.encode(), 1))
        for path in edit.remove:
            desk.remove(path)
        return Proposal(edit.subject, edit.body)
