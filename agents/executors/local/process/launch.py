"""Start one command in its own session, bound to our life and to a largest file size."""

import os
import resource
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from .....gitlab.errors import AiresearchError

BLOCK = 512
OPEN_FILES = 4096
"""A process of a trial has no more, and no more are on their way between its processes."""


class CannotStart(AiresearchError):
    """The command is missing, is no program, or the system refuses to start it."""


def bounded(
    argv: Sequence[str], *, folder: Path, env: Mapping[str, str], largest_file: int
) -> list[str]:
    """The command that runs `argv` with no core dump and with bounds on its files.

    None grows over `largest_file` bytes, and a process has at most `OPEN_FILES` of them open.
    A file may reach one block (512 bytes) more, so that one that hit the limit is over it. Where
    util-linux is missing (macOS) there is no such limit, and the command outlives a killed parent.
    """
    if not argv:
        raise CannotStart("the command is empty")
    name = str(folder / argv[0]) if "/" in argv[0] else argv[0]
    if shutil.which(name, path=env.get("PATH", os.defpath)) is None:
        where = f"in {folder}" if "/" in argv[0] else "on its PATH"
        raise CannotStart(
            f"cannot start {argv[0]!r}: no such program {where}",
            "check the command, and that the program may be executed",
        )
    # Two small programs and not a preexec_fn: that forks instead of vforks, which runs the fork
    # handlers of every loaded library and grows with our memory (7 ms at 500 MB, against 1.5 ms).
    # Nor resource.prlimit once it runs: on a busy machine the command is often faster.
    if (tools := _tools()) is None:
        return list(argv)
    setpriv, prlimit = tools
    size = _at_most(resource.RLIMIT_FSIZE, (largest_file // BLOCK + 1) * BLOCK)
    files = _at_most(resource.RLIMIT_NOFILE, OPEN_FILES)
    limits = ["--core=0:0", f"--fsize={size}", f"--nofile={files}"]
    return [setpriv, "--pdeathsig", "KILL", "--", prlimit, *limits, "--", *argv]


def launch(
    command: Sequence[str], *, folder: Path, env: Mapping[str, str], inherits: Sequence[int] = ()
) -> subprocess.Popen[bytes]:
    """Start it in `folder` in a new session: no input, all output in one pipe.

    Of our open descriptors it has those it `inherits`, under their numbers.
    """
    try:
        return subprocess.Popen(
            command,
            cwd=folder,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            bufsize=0,
            start_new_session=True,
            pass_fds=inherits,
        )
    except OSError as error:
        raise CannotStart(f"cannot start {command[0]!r} in {folder}: {error.strerror}") from error


def _at_most(limit: int, most: int) -> str:
    """Our own limit as prlimit takes it, `soft:hard`, but no more than `most`."""
    return ":".join(
        str(most if ours == resource.RLIM_INFINITY else min(ours, most))
        for ours in resource.getrlimit(limit)
    )


@cache
def _tools() -> tuple[str, str] | None:
    """util-linux's setpriv and prlimit; None on macOS and where only namesakes are installed."""
    setpriv, prlimit = shutil.which("setpriv"), shutil.which("prlimit")
    if setpriv is None or prlimit is None:
        return None
    probe = [setpriv, "--pdeathsig", "KILL", "--", prlimit, "--core=0:0", "--", "true"]
    works = subprocess.run(probe, capture_output=True, check=False).returncode == 0
    return (setpriv, prlimit) if works else None
