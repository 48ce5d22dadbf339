"""Bubblewrap: the room as a file system and namespaces of its own."""

import shutil
import subprocess
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

from .spec import Room
from .system import ALL_HARDWARE, ETC, HARDWARE, SYSTEM

ANSWER = Path("/metrics.json")
"""Where a process in such a room finds the file it may write."""
TEMP = Path("/tmp")
"""A memory file system of its own."""
_SECONDS = 20
# One by one and not --unshare-all, which goes on where a user namespace cannot be had.
_APART = (
    *("--unshare-user", "--disable-userns", "--unshare-pid", "--unshare-net", "--unshare-ipc"),
    *("--unshare-uts", "--hostname", "trial", "--unshare-cgroup-try"),
    *("--cap-drop", "ALL", "--die-with-parent", "--new-session", "--as-pid-1"),
)
# Bubblewrap's own process 1 is not waited for, and the most memory a child held is lost with it.
_FIRST = ("/bin/sh", "-c", '"$@"; exit $?', "sh")


def command(room: Room, argv: Sequence[str]) -> list[str]:
    """The bwrap command line that runs `argv` in its room."""
    folder = "--bind" if room.writable else "--ro-bind"
    return [
        shutil.which("bwrap") or "bwrap",
        *_APART,
        *_system(room),
        *_devices(room),
        *("--size", str(room.memory), "--tmpfs", str(TEMP)),
        *_shown(room.tools.read),
        *_linked(room.tools.links),
        *_shown(map(Path, room.data)),
        *(folder, str(room.folder), str(room.place)),
        *(("--bind", str(room.answer), str(ANSWER)) if room.answer else ()),
        # The root itself is a memory file system without a limit.
        *("--remount-ro", "/", "--chdir", str(room.place)),
        *("--", *_FIRST, *argv),
    ]


@cache
def fault() -> str:
    """Why bubblewrap cannot be used here; '' where it can."""
    bwrap = shutil.which("bwrap")
    if bwrap is None:
        return "bubblewrap is not installed"
    probe = [bwrap, *_APART, "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev"]
    probe += ["--size", "4096", "--tmpfs", "/tmp", "--", "true"]
    try:
        done = subprocess.run(
            probe, capture_output=True, timeout=_SECONDS, stdin=subprocess.DEVNULL, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"bubblewrap does not start: {error}"
    said = done.stderr.decode("utf-8", "replace").strip().splitlines()
    return "" if done.returncode == 0 else (said[-1] if said else f"bwrap: exit {done.returncode}")


def mend() -> str:
    """What to type where `fault` says something."""
    if shutil.which("bwrap") is None:
        return "apt-get install bubblewrap"
    return "allow user namespaces, and have bubblewrap 0.8 or later: bwrap --version"


def _system(room: Room) -> list[str]:
    hardware = (ALL_HARDWARE,) if room.devices else HARDWARE
    links = [path for path in SYSTEM if path.is_symlink()]
    folders = [path for path in SYSTEM if path not in links]
    return [*_shown([*folders, *ETC, *hardware]), *_linked(links)]


def _devices(room: Room) -> list[str]:
    mine = [word for device in room.devices for word in ("--dev-bind", device, device)]
    shared = ("--size", str(room.memory), "--tmpfs", "/dev/shm")
    return ["--proc", "/proc", "--dev", "/dev", *shared, *mine, "--remount-ro", "/dev"]


def _shown(paths: Iterable[Path]) -> list[str]:
    return [word for path in paths for word in ("--ro-bind-try", str(path), str(path))]


def _linked(links: Iterable[Path]) -> list[str]:
    return [word for link in links for word in ("--symlink", str(link.readlink()), str(link))]
