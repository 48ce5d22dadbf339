"""What one process of a trial may touch, told apart from the means that hold it to that."""

from dataclasses import dataclass
from pathlib import Path

from .tools import Tools


@dataclass(frozen=True)
class SandboxSpec:
    """A folder to start in, what else may be read or written, and nothing more."""

    folder: Path
    """Where the process starts, as the host knows it."""
    place: Path
    """The same folder as the process sees it, where the sandbox has file names of its own."""
    writable: bool
    """Whether the process may write to `folder`."""
    memory: int
    """The most bytes in each memory file system of its own."""
    tools: Tools
    """The programs outside the system's folders that it needs."""
    answer: Path | None = None
    """The one file that a process in a folder it may not write to can write."""
    scratch: Path | None = None
    """A folder for its temporary files, where the sandbox has no /tmp of its own."""
    data: tuple[str, ...] = ()
    """Folders of the host to read, at their own place."""
    devices: tuple[str, ...] = ()
    """Device files to use, at their own place."""
