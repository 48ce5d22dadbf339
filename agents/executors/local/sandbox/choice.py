"""Which means holds a trial to its room: the strongest that works here."""

from collections.abc import Sequence
from functools import cache
from typing import Literal

from . import bubblewrap, landlock
from .spec import Room

Kind = Literal["bwrap", "landlock", "none"]


def choose(wanted: Literal["auto", "none"]) -> Kind:
    """What a task that asks for `wanted` gets on this machine."""
    return "none" if wanted == "none" else _strongest()


@cache
def _strongest() -> Kind:
    if not bubblewrap.fault():
        return "bwrap"
    return "landlock" if landlock.abi() else "none"


def wrap(kind: Kind, room: Room, argv: Sequence[str]) -> list[str]:
    """The command that runs `argv` in its room; start it in the room's folder."""
    if kind == "bwrap":
        return bubblewrap.command(room, argv)
    return landlock.command(room, argv) if kind == "landlock" else list(argv)
