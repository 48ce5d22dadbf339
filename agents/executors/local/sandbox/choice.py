"""Which sandbox a trial gets, the strongest that works here, and how a process starts in it."""

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Literal

from ...base import MachineFailure
from . import bubblewrap, landlock, seccomp
from .spec import SandboxSpec

Kind = Literal["bwrap", "landlock", "none"]
Wanted = Literal["auto", "bwrap", "landlock", "none"]


@dataclass(frozen=True)
class Start:
    """A command, and the descriptors that it is given."""

    argv: list[str]
    inherits: tuple[int, ...] = ()
    begun: bytes = b""
    """What a sandbox tells through the last of them, unless it failed before the program began."""
    told: int = -1
    """Where that is heard."""

    def has_begun(self) -> bool:
        """Whether the sandbox came about; ask when everything has ended."""
        if self.told < 0:
            return True
        try:
            return self.begun in os.read(self.told, 1 << 16)
        except BlockingIOError:  # it told nothing
            return False


def choose(wanted: Wanted) -> Kind:
    """What a task that asks for `wanted` gets here; MachineFailure where it cannot be had."""
    if wanted == "none":
        return "none"
    if wanted in ("auto", "bwrap") and not bubblewrap.fault():
        return "bwrap"
    if wanted in ("auto", "landlock") and landlock.abi():
        return "landlock"
    if wanted == "auto":
        return "none"
    why = bubblewrap.fault() if wanted == "bwrap" else "this kernel has no Landlock"
    raise MachineFailure(
        f"the task wants trials in {wanted}: {why}",
        bubblewrap.mend() if wanted == "bwrap" else "have Linux 5.13 or later, or take bwrap",
    )


def has_own_files(kind: Kind) -> bool:
    """Whether it shows files at places of its own: `spec.place`, `TEMP` and `ANSWER`."""
    return kind == "bwrap" or (kind == "landlock" and landlock.has_room())


@contextmanager
def confined(kind: Kind, spec: SandboxSpec, argv: Sequence[str]) -> Iterator[Start]:
    """How to run `argv` held to `spec`, while this is open; start it in the spec's folder."""
    if kind == "none":
        yield Start(list(argv))
        return
    with ExitStack() as held:
        told, tells = os.pipe()
        for descriptor in (told, tells):
            held.callback(os.close, descriptor)
        os.set_blocking(told, False)
        if kind == "landlock":
            command = landlock.command(spec, argv, tells)
            yield Start(command, (tells,), landlock.BEGUN, told)
            return
        calls = _opened(seccomp.program(seccomp.ALWAYS)) if seccomp.is_known() else None
        if calls is not None:
            held.callback(os.close, calls)
        command = bubblewrap.command(spec, argv, calls, tells)
        given = (tells,) if calls is None else (calls, tells)
        yield Start(command, given, bubblewrap.BEGUN, told)


def _opened(data: bytes) -> int:
    """A descriptor that `data` is read from."""
    handle = os.memfd_create("calls")
    os.write(handle, data)
    os.lseek(handle, 0, os.SEEK_SET)
    return handle
