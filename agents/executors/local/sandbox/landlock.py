"""Landlock: the kernel lets a process open what is listed, and asks for no privileges.

Weaker than bubblewrap: other files cannot be opened but their names, sizes and times can be seen,
processes can be seen, and only TCP is shut off, by kernels since 6.7.
"""

import json
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from . import shim
from .spec import SandboxSpec
from .system import ALL_HARDWARE, ETC, HARDWARE, SYSTEM

_DEVICES = tuple(f"/dev/{name}" for name in ("null", "zero", "full", "random", "urandom"))


def command(spec: SandboxSpec, argv: Sequence[str]) -> list[str]:
    """The command that gives up all but what `spec` says, then becomes `argv`."""
    # A preexec_fn would need no second start of Python, but forks instead of vforks: that runs the
    # fork handlers of every loaded library, and its cost grows with our memory.
    return [sys.executable, "-IS", shim.__file__, rules(spec), *argv]


def rules(spec: SandboxSpec) -> str:
    """`spec` as the shim reads it: JSON lists of paths, `read`, `write` and `use`."""
    hardware = (ALL_HARDWARE,) if spec.devices else HARDWARE
    read = [*SYSTEM, *ETC, *hardware, Path("/proc"), *spec.tools.read, *map(Path, spec.data)]
    write = [spec.scratch] if spec.scratch else []
    (write if spec.writable else read).append(spec.folder)
    use = [*_DEVICES, *spec.devices, *([str(spec.answer)] if spec.answer else [])]
    return json.dumps({"read": [*map(str, read)], "write": [*map(str, write)], "use": use})


@cache
def abi() -> int:
    """The version of Landlock that this kernel speaks; 0 where there is none."""
    return shim.abi() if sys.platform.startswith("linux") else 0
