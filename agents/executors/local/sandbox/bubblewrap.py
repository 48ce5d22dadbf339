"""Bubblewrap: a file system and namespaces of its own hold a process to its `SandboxSpec`."""

import shutil
import subprocess
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

from .spec import SandboxSpec
from .system import ALL_HARDWARE, ETC, HARDWARE, SYSTEM

ANSWER = Path("/metrics.json")
"""Where a process in there finds the file it may write."""
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


def command(spec: SandboxSpec, argv: Sequence[str]) -> list[str]:
    """The bwrap command line that runs `argv` and lets it touch what `spec` says."""
    folder = "--bind" if spec.writable else "--ro-bind"
    hardware = (ALL_HARDWARE,) if spec.devices else HARDWARE
    links = [path for path in SYSTEM if path.is_symlink()]
    folders = [path for path in SYSTEM if path not in links]
    in_memory = ("--size", str(spec.memory), "--tmpfs")
    return [
        shutil.which("bwrap") or "bwrap",
        *_APART,
        *_shown([*folders, *ETC, *hardware]),
        *_linked(links),
        *("--proc", "/proc", "--dev", "/dev", *in_memory, "/dev/shm"),
        *(word for device in spec.devices for word in ("--dev-bind", device, device)),
        *("--remount-ro", "/dev"),
        *(*in_memory, str(TEMP)),
        *_shown(spec.tools.read),
        *_linked(spec.tools.links),
        *_shown(map(Path, spec.data)),
        *(folder, str(spec.folder), str(spec.place)),
        *(("--bind", str(spec.answer), str(ANSWER)) if spec.answer else ()),
        # The root itself is a memory file system without a limit.
        *("--remount-ro", "/", "--chdir", str(spec.place)),
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


def _shown(paths: Iterable[Path]) -> list[str]:
    return [word for path in paths for word in ("--ro-bind-try", str(path), str(path))]


def _linked(links: Iterable[Path]) -> list[str]:
    return [word for link in links for word in ("--symlink", str(link.readlink()), str(link))]
