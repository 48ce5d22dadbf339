"""Landlock: the kernel lets a process open what is listed, and asks for no privileges.

Where user namespaces are allowed, it is in a room of its own besides (`shim.enter_room`), which
sees no other files and processes. Without, other files cannot be opened but their names, sizes and
times can be seen, and so can processes; what could be done to them is shut off by `seccomp`.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from . import seccomp, shim
from .bubblewrap import ANSWER, FIRST
from .spec import SandboxSpec
from .tools import Tools

BEGUN = shim.BEGUN
"""What the shim tells before it becomes the program."""
_DEVICES = tuple(f"/dev/{name}" for name in ("null", "zero", "full", "random", "urandom"))
_MEMORY = ("/tmp", "/dev/shm")
_LINKS = {
    Path("/dev", name): Path("/proc/self/fd", number)
    for name, number in {"fd": "", "stdin": "0", "stdout": "1", "stderr": "2"}.items()
}
_SECONDS = 20


def command(spec: SandboxSpec, argv: Sequence[str], tells: int) -> list[str]:
    """The command that gives up all but what `spec` says, tells `tells`, and becomes `argv`."""
    # A preexec_fn would need no second start of Python, but forks instead of vforks: that runs the
    # fork handlers of every loaded library, and its cost grows with our memory.
    first = FIRST if has_room() else ()
    return [*_shim(_wanted(spec, is_room=has_room(), tells=tells)), *first, *argv]


def _shim(wanted: dict[str, object]) -> list[str]:
    return [sys.executable, "-IS", shim.__file__, json.dumps(wanted)]


def _wanted(spec: SandboxSpec, *, is_room: bool, tells: int) -> dict[str, object]:
    """What the shim is told, as JSON has it."""
    refused = seccomp.ALWAYS if is_room else seccomp.on_the_host(abi())
    return {
        "folder": str(spec.place),
        "room": _room(spec) if is_room else None,
        "rules": _rules(spec, is_room=is_room),
        "filter": seccomp.program(refused).hex() if seccomp.is_known() else "",
        "tells": tells,
    }


def _rules(spec: SandboxSpec, *, is_room: bool) -> dict[str, list[str]]:
    """What Landlock lets through: paths to `read`, to `write` below, and to `use`."""
    read = [*spec.readable(), Path("/proc")]
    write = [*map(Path, _MEMORY)] if is_room else [spec.scratch] if spec.scratch else []
    (write if spec.writable else read).append(spec.place if is_room else spec.folder)
    use = [*_DEVICES, *spec.devices]
    if spec.answer:
        use.append(str(ANSWER if is_room else spec.answer))
    return {"read": [*map(str, read)], "write": [*map(str, write)], "use": use}


def _room(spec: SandboxSpec) -> dict[str, object]:
    """What is mounted where the process sees nothing else; see `shim.enter_room`."""
    layers = [("proc", Path("/proc"), Path())]
    layers += [("memory", Path(path), Path()) for path in _MEMORY]
    layers += [("use", device, device) for device in map(Path, (*_DEVICES, *spec.devices))]
    layers += [(what, path, path.resolve()) for what, path in spec.layers]
    layers += [("write" if spec.writable else "read", spec.place, spec.folder.resolve())]
    layers += [("write", ANSWER, spec.answer.resolve())] if spec.answer else []
    links = {**_LINKS, **spec.links}
    return {
        "layers": [(what, str(path), str(source)) for what, path, source in layers],
        "links": [(str(path), str(leads_to)) for path, leads_to in links.items()],
        "size": spec.memory,
    }


@cache
def abi() -> int:
    """The version of Landlock that this kernel speaks; 0 where there is none."""
    return shim.abi() if sys.platform.startswith("linux") else 0


@cache
def has_room() -> bool:
    """Whether trials get namespaces of their own here, as this user."""
    usr = Path("/usr")
    spec = SandboxSpec(usr, usr, writable=False, memory=1 << 20, tools=Tools("/bin/sh"))
    probe = [*_shim(_wanted(spec, is_room=True, tells=1)), "/bin/sh", "-c", ":"]
    try:
        done = subprocess.run(
            probe,
            cwd=usr,
            capture_output=True,
            timeout=_SECONDS,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0 and done.stdout == BEGUN
