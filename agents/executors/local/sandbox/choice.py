"""Which sandbox a trial gets: the strongest that works here."""

from collections.abc import Sequence
from typing import Literal

from . import bubblewrap, landlock
from .spec import SandboxSpec

Kind = Literal["bwrap", "landlock", "none"]


def choose(wanted: Literal["auto", "none"]) -> Kind:
    """What a task that asks for `wanted` gets on this machine."""
    if wanted == "none":
        return "none"
    if not bubblewrap.fault():
        return "bwrap"
    return "landlock" if landlock.abi() else "none"


def wrap(kind: Kind, spec: SandboxSpec, argv: Sequence[str]) -> list[str]:
    """The command that runs `argv` held to `spec`; start it in the spec's folder."""
    if kind == "bwrap":
        return bubblewrap.command(spec, argv)
    return landlock.command(spec, argv) if kind == "landlock" else list(argv)
