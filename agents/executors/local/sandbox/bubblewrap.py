"""Bubblewrap: a file system and namespaces of its own hold a process to its `SandboxSpec`."""

import shutil
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from .spec import SandboxSpec

ANSWER = Path("/metrics.json")
"""Where a process in there finds the file it may write."""
TEMP = Path("/tmp")
"""A memory file system of its own."""
BEGUN = b'"exit-code"'
"""Stands in what bubblewrap tells once it ends, unless it failed before the program began."""
_SECONDS = 20
_COVER = ("--size", str(1 << 20), "--tmpfs")
# One by one and not --unshare-all, which goes on where a user namespace cannot be had.
_APART = (
    *("--unshare-user", "--disable-userns", "--unshare-pid", "--unshare-net", "--unshare-ipc"),
    *("--unshare-uts", "--hostname", "trial", "--unshare-cgroup-try"),
    *("--cap-drop", "ALL", "--die-with-parent", "--new-session", "--as-pid-1"),
)
FIRST = ("/bin/sh", "-c", '"$@"; exit $?', "sh")
"""The process 1 of a trial. Nobody waits for that one, so what its children held would be lost."""


def command(spec: SandboxSpec, argv: Sequence[str], calls: int | None, tells: int) -> list[str]:
    """The bwrap command line that runs `argv` and lets it touch what `spec` says.

    It reads its filter of system calls from the descriptor `calls`, and tells `BEGUN` to `tells`.
    """
    folder = "--bind" if spec.writable else "--ro-bind"
    in_memory = ("--size", str(spec.memory), "--tmpfs")
    lay = {"read": ("--ro-bind-try",), "cover": _COVER}
    return [
        shutil.which("bwrap") or "bwrap",
        *_APART,
        *("--json-status-fd", str(tells)),
        *(("--seccomp", str(calls)) if calls is not None else ()),
        # To root the kernel's settings are files of its own, whatever powers it has not.
        *("--proc", "/proc", "--ro-bind-try", "/proc/sys", "/proc/sys"),
        *("--dev", "/dev", *in_memory, "/dev/shm"),
        *(word for device in spec.devices for word in ("--dev-bind", device, device)),
        *("--remount-ro", "/dev"),
        *(*in_memory, str(TEMP)),
        *(
            word
            for what, path in spec.layers
            for word in (*lay[what], *([str(path)] if what == "read" else []), str(path))
        ),
        *(
            w
            for link, leads_to in spec.links.items()
            for w in ("--symlink", str(leads_to), str(link))
        ),
        *(
            word
            for what, path in spec.layers
            if what == "cover"
            for word in ("--remount-ro", str(path))
        ),
        *(folder, str(spec.folder), str(spec.place)),
        *(("--bind", str(spec.answer), str(ANSWER)) if spec.answer else ()),
        # The root itself is a memory file system without a limit.
        *("--remount-ro", "/", "--chdir", str(spec.place)),
        *("--", *FIRST, *argv),
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
