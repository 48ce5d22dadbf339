"""A command-line agent's room: it sees the machine, and writes where nobody else runs anything.

It is no trial's sandbox: such an agent needs the network, its login and the user's tools. So all
files can be read but the lab's and those that open a way out, and none can be written but those of
its folder and its own in the user's home. What else it writes in the home or in /tmp is dropped.
"""

import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

from ...executors.local.sandbox.bubblewrap import BEGUN, fault
from ...executors.local.sandbox.choice import Start

OWN = {
    "aider": (".aider",),
    "amp": (".cache/amp", ".local/share/amp"),
    "claude": (".claude", ".claude.json", ".cache/claude-cli-nodejs"),
    "codex": (".codex",),
    "copilot": (".copilot",),
    "cursor-agent": (".cursor",),
    "gemini": (".gemini",),
    "goose": (".local/share/goose", ".local/state/goose"),
    "opencode": (".local/share/opencode", ".local/state/opencode"),
    "qwen": (".qwen",),
}
"""Where agents keep their login and their sessions in the home, by the name of their program."""
# A process outside could be asked for its own view through /proc, hence the namespace of pids.
_APART = ("--unshare-user", "--unshare-pid", "--unshare-ipc", "--cap-drop", "ALL")
_SMALL = str(1 << 20)
"""Bytes of memory that what is hidden is replaced by."""
_LEVELS = ("", ".cache", ".config", ".local", ".local/share", ".local/state")
"""The folders of a home in which anybody makes new ones."""
_MOST_ENTRIES = 500
_DEEPEST_SOCKET, _MOST_LOOKED_AT = 3, 10_000
_SHARED = (Path("/tmp"), Path("/var/tmp"))
_SERVICES = (Path("/run"), Path("/var/run"))


@dataclass(frozen=True)
class Room:
    """What an agent finds, as paths of this machine; those that do not exist are passed over."""

    folder: Path
    """Where it works."""
    own: Path
    """An empty folder for what it writes in the home and in /tmp, and is dropped."""
    home: Path
    """The user's."""
    open: Sequence[Path]
    """What it may write besides, and sockets it may use."""
    closed: Sequence[Path]
    """What it may read and nobody in it write, wherever that lies."""
    hidden: Sequence[Path]
    """What is not there."""
    devices: Sequence[str]
    memory: int
    """Bytes in /dev/shm."""


@contextmanager
def held(argv: Sequence[str], room: Room) -> Iterator[Start]:
    """How to run `argv` in the room, while this is open.

    Without one where bubblewrap did not work when this command began: what had one keeps it.
    """
    if fault():
        yield Start(list(argv))
        return
    told, tells = os.pipe()
    os.set_blocking(told, False)
    try:
        yield Start(_command(argv, room, tells), (tells,), BEGUN, told)
    finally:
        os.close(told)
        os.close(tells)


def _command(argv: Sequence[str], room: Room, tells: int) -> list[str]:
    """The command that runs `argv` in the room, and tells `BEGUN` to `tells`."""
    opened = _real([*room.open, *(room.home / name for name in OWN.get(Path(argv[0]).name, ()))])
    ways = [way for path in room.closed for way in _ways(path) if _is_below(way, opened)]
    closed, hidden = _real([*room.closed, *ways]), _real(room.hidden)
    temp = room.own / "tmp"
    temp.mkdir(exist_ok=True)
    services = [path for path in _SERVICES if path.is_dir() and not path.is_symlink()]
    shared = [path for path in _SHARED if path.is_dir() and not path.is_symlink()]
    words = [shutil.which("bwrap") or "bwrap", *_APART, "--json-status-fd", str(tells)]
    words += ["--die-with-parent", "--ro-bind", "/", "/"]
    # The kernel's settings are root's, and root keeps them without any capability.
    words += ["--proc", "/proc", "--ro-bind-try", "/proc/sys", "/proc/sys"]
    words += ["--dev", "/dev", "--size", str(room.memory), "--tmpfs", "/dev/shm"]
    words += [word for path in room.devices for word in ("--dev-bind-try", path, path)]
    words += ["--remount-ro", "/dev"]
    for path in services:
        words += _mask(path)
    # Names of hosts are looked up by what lies there.
    words += _bound("--ro-bind", _real([Path("/etc/resolv.conf"), Path("/run/systemd/resolve")]))
    for path in shared:
        words += ["--bind", str(temp), str(path)]
    words += _home(room.home.resolve(), room.own / "home")
    words += _bound("--bind", opened)
    words += _pinned([*closed, *hidden], opened)
    words += _bound("--ro-bind", closed)
    laid, gone = (room.home.resolve(), *opened, *closed), (*services, *shared, Path("/dev"))
    for path in _sockets(room.home):
        if path not in opened and (_is_below(path, laid) or not _is_below(path, gone)):
            words += _mask(path)
    for path in hidden:
        words += _mask(path)
    words += ["--bind", str(room.folder), str(room.folder), "--chdir", str(room.folder)]
    return [*words, "--", *argv]


def _real(paths: Iterable[Path]) -> list[Path]:
    """Where they lie, those above first, and only what exists."""
    return sorted({path.resolve() for path in paths if path.exists()})


def _is_below(path: Path, places: Iterable[Path]) -> bool:
    return any(path.is_relative_to(place) for place in places)


def _ways(path: Path) -> Iterator[Path]:
    """The folders that hold the links on the way to `path`: who writes there leads it elsewhere."""
    for _ in range(40):
        link = next((part for part in (*reversed(path.parents), path) if part.is_symlink()), None)
        if link is None:
            return
        yield link.parent.resolve()
        path = link.parent / link.readlink() / path.relative_to(link)


def _bound(how: str, paths: Iterable[Path]) -> Iterator[str]:
    for path in paths:
        yield from (how, str(path), str(path))


def _mask(path: Path) -> Iterator[str]:
    if path.is_dir():
        yield from ("--size", _SMALL, "--tmpfs", str(path))
    else:
        yield from ("--ro-bind", "/dev/null", str(path))


def _pinned(paths: Iterable[Path], opened: Sequence[Path]) -> Iterator[str]:
    """Each folder between what is open and what is closed in it, as a mount: else it could be
    renamed, with what is closed, and another one be put in its place."""
    above = {
        folder
        for path in paths
        for place in opened
        if path.is_relative_to(place)
        for folder in path.parents
        if folder.is_relative_to(place) and folder != place
    }
    return _bound("--bind", sorted(above))


def _home(home: Path, own: Path) -> Iterator[str]:
    """The home laid out anew, in folders of which nothing new is kept: what is in the user's stands
    in them, closed."""
    if home == Path("/") or not home.is_dir():
        return
    own.mkdir()
    yield from ("--bind", str(own), str(home))
    levels = [home / level for level in _LEVELS]
    levels = [level for level in levels if level.is_dir() and level.resolve() == level]
    for level in levels:
        entries = _entries(level)
        if len(entries) > _MOST_ENTRIES:  # each costs a mount
            yield from ("--ro-bind", str(level), str(level))
            continue
        if level != home:
            yield from ("--dir", str(level))
        for entry in entries:
            if entry.is_symlink():
                yield from ("--symlink", str(Path(entry).readlink()), entry.path)
            elif Path(entry) not in levels and (entry.is_dir() or entry.is_file()):
                yield from ("--ro-bind", entry.path, entry.path)


def _sockets(home: Path) -> list[Path]:
    """The sockets that somebody on this machine listens on: who answers there is not in the room.

    Of those with a name in the file system; others cannot be hidden without a network of its own.
    What was renamed since, as ssh does, the kernel does not tell: the home's hidden folders do.
    """
    names = []
    with suppress(OSError):
        lines = Path("/proc/net/unix").read_text(errors="surrogateescape").splitlines()[1:]
        names = [Path(name) for line in lines for name in line.split(maxsplit=7)[7:]]
    folders = [home]
    for depth in range(_DEEPEST_SOCKET):
        entries = list(islice(chain.from_iterable(map(_entries, folders)), _MOST_LOOKED_AT))
        odd = (e for e in entries if not (e.is_dir() or e.is_file() or e.is_symlink()))
        names += [Path(entry) for entry in odd]
        folders = [Path(e) for e in entries if e.is_dir(follow_symlinks=False)
                   and (depth or e.name.startswith("."))]  # fmt: skip
    return sorted({path.resolve() for path in names if path.is_absolute() and path.is_socket()})


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as listed:
            return sorted(listed, key=lambda entry: entry.name)
    except OSError:  # not ours to read
        return []
