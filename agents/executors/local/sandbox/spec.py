"""What one process of a trial may touch, told apart from the means that hold it to that."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

from .system import ALL_HARDWARE, ETC, HARDWARE, SYSTEM
from .tools import Tools

Layer = tuple[Literal["read", "cover"], Path]
"""What stands at a path: the host's, to read, or an empty folder."""


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
    """A folder for its temporary files, where the sandbox has no /tmp of its own: by Landlock."""
    data: tuple[str, ...] = ()
    """Folders of the host to read, at their own place."""
    devices: tuple[str, ...] = ()
    """Device files to use, at their own place."""
    hidden: tuple[Path, ...] = ()
    """Folders of the host that must not show, wherever they lie: see `hidden.places`."""

    @property
    def links(self) -> dict[Path, Path]:
        """Links that must be there, and where each leads."""
        paths = (*(path for path in SYSTEM if path.is_symlink()), *self.tools.links)
        return {path: path.readlink() for path in paths}

    @cached_property
    def layers(self) -> tuple[Layer, ...]:
        """What may be read at its own place, and what is covered there; what is inside comes later.

        So the innermost counts: of a lab below /usr nothing shows but the Python that lies in it.
        """
        folders = [path for path in SYSTEM if not path.is_symlink()]
        hardware = (ALL_HARDWARE,) if self.devices else HARDWARE
        read = {*folders, *ETC, *hardware, *self.tools.read, *map(Path, self.data)}
        # A path may be a link, such as one of `data`: what shows is below what it leads to.
        real = {path: path.resolve() for path in (read if self.hidden else ())}
        cover = {
            path / hidden.relative_to(leads_to)
            for path, leads_to in real.items()
            for hidden in self.hidden
            if leads_to in hidden.parents
        }
        layers: list[Layer] = [("cover", path) for path in cover - read if path.is_dir()]
        layers += [("read", path) for path in read]
        return tuple(sorted(layers, key=lambda layer: (len(layer[1].parts), layer[1])))

    def readable(self) -> Iterator[Path]:
        """The same where nothing can be covered: folders and files of which every part is open."""
        cover = {path for what, path in self.layers if what == "cover"}
        for what, path in self.layers:
            if what == "read":
                yield from _without(path, cover)


def _without(path: Path, cover: set[Path]) -> Iterator[Path]:
    """`path`, or what is in it where that is covered in part; no link that is in it is followed."""
    if not any(path in covered.parents for covered in cover):
        yield path
        return
    for inner in sorted(path.iterdir()):
        if inner not in cover and not inner.is_symlink():
            yield from _without(inner, cover)
