"""The programs a trial needs that stand outside the system's folders: Pythons, above all."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from .....gitlab import isolated
from .system import SYSTEM, is_below

_SECONDS = 60
_PROBE = "import json, sys; print(json.dumps([sys.executable, sys.prefix, sys.base_prefix]))"
_PARTS = ("bin", "lib", "lib64", "pyvenv.cfg")


@dataclass(frozen=True)
class Tools:
    """A program to start, and the folders, files and links that let it run."""

    program: str
    read: tuple[Path, ...] = ()
    links: tuple[Path, ...] = ()


@dataclass(frozen=True)
class _Python:
    executable: str
    prefixes: tuple[Path, ...]


@cache
def tools_for(program: str, search: str, closed: tuple[Path, ...] = ()) -> Tools:
    """What `program`, and the Pythons on the `search` path, need to run.

    `closed` are folders, such as the user's home, that must not be shown whole: of a Python that
    is installed as their parent only the parts are. A pyenv shim becomes the Python it stands for.
    """
    names = (program, shutil.which("python", path=search), shutil.which("python3", path=search))
    pythons = {name: found for name in names if name and (found := _python(name, closed))}
    read: dict[Path, None] = {}
    links: dict[Path, None] = {}
    for python in pythons.values():
        for prefix in python.prefixes:
            is_parent = any(folder.is_relative_to(prefix) for folder in closed)
            parts = [prefix / part for part in _PARTS] if is_parent else [prefix]
            read |= dict.fromkeys(parts)
    started = pythons[program].executable if program in pythons else program
    for executable in [started, *(python.executable for python in pythons.values())]:
        if not Path(executable).is_absolute():  # one of the candidate's own files
            continue
        *hops, last = _hops(Path(executable))
        links |= dict.fromkeys(hops)
        read |= {last: None}
    shown: tuple[Path, ...] = ()
    for path in sorted(read):
        if path.is_absolute() and path.exists() and not _shows(path, (*SYSTEM, *shown), closed):
            shown = (*shown, path)
    return Tools(
        started, shown, tuple(h for h in links if not _shows(h, (*SYSTEM, *shown), closed))
    )


def _shows(path: Path, folders: tuple[Path, ...], closed: tuple[Path, ...]) -> bool:
    """Whether `path` lies in one of `folders`, and in none of `closed` that lies in that one."""
    return any(
        path.is_relative_to(folder)
        and not any(is_below(place, (folder,)) and path.is_relative_to(place) for place in closed)
        for folder in folders
    )


def _hops(program: Path) -> Iterator[Path]:
    """The links from a name to the program itself, which comes last."""
    for _ in range(40):
        yield program
        if not program.is_symlink():
            return
        program = Path(program.parent, program.readlink())


@cache
def _python(program: str, closed: tuple[Path, ...]) -> _Python | None:
    """What the interpreter says of itself; None where `program` is none, or is the system's."""
    if "py" not in Path(program).name or not Path(program).is_absolute():
        return None
    if program == sys.executable:
        return _Python(program, _prefixes(sys.prefix, sys.base_prefix))
    if all(_shows(path, SYSTEM, closed) for path in (Path(program), Path(program).resolve())):
        return None
    try:
        done = subprocess.run(
            isolated.python("-c", _PROBE, program=program),
            cwd=isolated.NOWHERE,
            capture_output=True,
            timeout=_SECONDS,
            stdin=subprocess.DEVNULL,
            check=True,
        )
        executable, *prefixes = json.loads(done.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    return _Python(executable, _prefixes(*prefixes))


def _prefixes(*names: str) -> tuple[Path, ...]:
    paths = [Path(name) for name in names]
    return tuple(dict.fromkeys([*paths, *(path.resolve() for path in paths)]))
