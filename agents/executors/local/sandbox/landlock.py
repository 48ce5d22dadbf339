"""Landlock: the room as a list of what may be opened, kept by the kernel without privileges.

Weaker than bubblewrap: other files cannot be opened but their names, sizes and times can be seen,
processes can be seen, and only TCP is shut off, by kernels since 6.7.
"""

import json
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from . import shim
from .spec import Room
from .system import ALL_HARDWARE, ETC, HARDWARE, SYSTEM

_DEVICES = tuple(f"/dev/{name}" for name in ("null", "zero", "full", "random", "urandom"))


def command(room: Room, argv: Sequence[str]) -> list[str]:
    """The command that gives up all but the room, then becomes `argv`."""
    # A preexec_fn would need no second start of Python, but forks instead of vforks: that runs the
    # fork handlers of every loaded library, and its cost grows with our memory.
    return [sys.executable, "-IS", shim.__file__, rules(room), *argv]


def rules(room: Room) -> str:
    """The room as the shim reads it: JSON lists of paths, `read`, `write` and `use`."""
    hardware = (ALL_HARDWARE,) if room.devices else HARDWARE
    read = [*SYSTEM, *ETC, *hardware, Path("/proc"), *room.tools.read, *map(Path, room.data)]
    write = [room.scratch] if room.scratch else []
    (write if room.writable else read).append(room.folder)
    use = [*_DEVICES, *room.devices, *([str(room.answer)] if room.answer else [])]
    return json.dumps({"read": [*map(str, read)], "write": [*map(str, write)], "use": use})


@cache
def abi() -> int:
    """The version of Landlock that this kernel speaks; 0 where there is none."""
    return shim.abi() if sys.platform.startswith("linux") else 0
