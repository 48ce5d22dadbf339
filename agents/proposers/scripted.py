"""The `scripted` proposer: replays a list of edits. For tests, docs and dry runs."""

from dataclasses import dataclass, field
from functools import lru_cache
from typing import ClassVar

from ...gitlab.desk.desk import Desk
from ...gitlab.errors import AiresearchError, NothingToDo
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
class Turn:
    """One proposal: files written whole, swaps in them, files removed; or an error."""

    subject: str = "scripted edit"
    body: str = ""
    write: dict[str, str] = field(default_factory=dict)
    swap: tuple[Swap, ...] = ()
    remove: tuple[str, ...] = ()
    error: str | None = None


@dataclass(frozen=True)
class _Script:
    turns: tuple[Turn, ...]


@lru_cache(maxsize=4)
def parse_script(text: bytes, file: str) -> tuple[Turn, ...]:
    """The turns of a script: YAML with one list under `turns`."""
    return load(_Script, text, file).turns


class Scripted:
    """Plays turn N at its N-th proposal; ends the run when the script is over."""

    repairs: ClassVar[bool] = True

    def __init__(self, turns: tuple[Turn, ...]) -> None:
        self._turns = turns

    def propose(self, desk: Desk, brief: Brief) -> Proposal:
        """Stage the edits of this turn. Raises NothingToDo past the last one."""
        if brief.turn >= len(self._turns):
            raise NothingToDo(f"the script's {len(self._turns)} turns are played")
        turn = self._turns[brief.turn]
        if turn.error is not None:
            raise CuedError(turn.error)
        for path, content in turn.write.items():
            desk.write(path, content.encode())
        for swap in turn.swap:
            _swap(desk, swap)
        for path in turn.remove:
            desk.remove(path)
        return Proposal(turn.subject, turn.body)


def _swap(desk: Desk, swap: Swap) -> None:
    before = desk.read(swap.path)
    if swap.old.encode() not in before:
        raise AiresearchError(
            f"the script swaps {swap.old!r} in {swap.path}, and it is not there",
            "correct the script: every swap must find its text in the parent's file",
        )
    desk.write(swap.path, before.replace(swap.old.encode(), swap.new.encode(), 1))
