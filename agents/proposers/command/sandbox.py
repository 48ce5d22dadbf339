"""A command-line agent's view of the machine: all of it but the lab around its folder.

It is no trial's sandbox: such an agent needs the network, its login and the user's tools.
"""

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from ...executors.local.sandbox.bubblewrap import fault

# A process outside could be asked for its own view through /proc, hence the namespace of pids.
_APART = ("--unshare-user", "--unshare-pid", "--cap-drop", "ALL", "--die-with-parent")
_ROOM = str(1 << 20)
"""Bytes of memory that what is hidden is replaced by."""


def without(
    argv: Sequence[str], folder: Path, hidden: Sequence[Path], closed: Sequence[Path]
) -> list[str]:
    """The command that runs `argv` in `folder` with `hidden` out of sight, `folder` itself not.

    Nothing in `closed` can be written. That is `argv` itself where bubblewrap does not work.
    """
    bwrap = shutil.which("bwrap")
    if bwrap is None or fault():
        return list(argv)
    shut = [word for path in closed for word in ("--ro-bind", str(path), str(path))]
    masks = [word for path in hidden for word in _mask(path)]
    here = ("--bind", str(folder), str(folder), "--chdir", str(folder))
    return [
        bwrap,
        *_APART,
        "--dev-bind",
        "/",
        "/",
        "--proc",
        "/proc",
        *shut,
        *masks,
        *here,
        "--",
        *argv,
    ]


def _mask(path: Path) -> Iterator[str]:
    if path.is_dir() and not path.is_symlink():
        yield from ("--size", _ROOM, "--tmpfs", str(path))
    elif path.exists():
        yield from ("--ro-bind", "/dev/null", str(path.resolve()))
