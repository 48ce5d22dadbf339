"""Imports go down only, without cycles, and each library stays with the module that owns it."""

import ast
import sys
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import airesearch

ROOT = Path(airesearch.__file__).parent
ROOMS = ("examples", "gitlab", "policies", "agents", "commands", "door")
OWNERS = {
    "click": ("cli.py", "boundary.py", "commands/"),
    "dulwich": ("gitlab/reader/",),
    "numpy": ("agents/proposers/tuner/gaussian_process.py",),
    "pathspec": ("policies/paths.py",),
    "psutil": ("agents/executors/local/process/",),
    "pygit2": ("gitlab/",),
    "regex": ("gitlab/record/unicode.py",),
    "rich": ("commands/views/progress.py",),
    "yaml": ("policies/task/schema.py", "agents/proposers/tuner/knobs/settings/yaml_file.py"),
}


@cache
def sources() -> dict[str, Path]:
    """Every module of the package by its path below the root; the examples' scripts are data."""
    found = [p for room in ROOMS for p in (ROOT / room).rglob("*.py")] + list(ROOT.glob("*.py"))
    paths = {path.relative_to(ROOT).as_posix(): path for path in found}
    return {name: p for name, p in paths.items() if not name.startswith("examples/") or
            name.count("/") == 1}  # fmt: skip


def room(name: str) -> str:
    """The room a module stands in; modules at the root are the door, the root itself none."""
    first = name.partition("/")[0]
    return first if first in ROOMS else "door"


@cache
def imports(name: str) -> list[tuple[str, ast.AST, bool]]:
    """(module or library, node, is ours) for each import of a module, those in functions too."""
    found: list[tuple[str, ast.AST, bool]] = []
    for node in ast.walk(ast.parse(sources()[name].read_bytes())):
        if isinstance(node, ast.Import):
            found += [(alias.name.partition(".")[0], node, False) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.append(((node.module or "").partition(".")[0], node, False))
        elif isinstance(node, ast.ImportFrom):
            found += [(target, node, True) for target in _targets(name, node)]
    return found


def _targets(name: str, node: ast.ImportFrom) -> list[str]:
    folder = name.split("/")[: -node.level]
    base = "/".join([*folder, *(node.module or "").split(".")]).strip("/")
    known = sources()
    if f"{base}.py" in known:
        return [f"{base}.py"]
    inner = [f"{base}/{alias.name}.py".lstrip("/") for alias in node.names]
    return [path if path in known else f"{base}/__init__.py".lstrip("/") for path in inner]


def test_there_is_something_to_read() -> None:
    assert {room(name) for name in sources()} == set(ROOMS)
    assert len(sources()) > 30


def test_imports_go_down() -> None:
    wrong = [
        f"{name} imports {target}"
        for name in sources()
        for target, _, ours in imports(name)
        if ours and target != "__init__.py" and ROOMS.index(room(target)) > ROOMS.index(room(name))
    ]
    assert not wrong


def test_no_cycles() -> None:
    graph = {name: {t for t, _, ours in imports(name) if ours} - {name} for name in sources()}
    tuple(TopologicalSorter(graph).static_order())


def test_libraries_stay_with_their_owner() -> None:
    wrong = [
        f"{name} imports {library}"
        for name in sources()
        for library, _, ours in imports(name)
        if not ours
        and library not in sys.stdlib_module_names
        and not name.startswith(OWNERS.get(library, ("nobody",)))
    ]
    assert not wrong


def test_every_owner_uses_its_library() -> None:
    used = {library for name in sources() for library, _, ours in imports(name) if not ours}
    assert set(OWNERS) <= used


def test_no_import_of_ours_hides_in_a_function() -> None:
    hidden = []
    for name, path in sources().items():
        for function in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(function, ast.FunctionDef):
                inner = [n for n in ast.walk(function) if isinstance(n, ast.ImportFrom)]
                hidden += [f"{name}: {function.name}" for node in inner if node.level]
    assert not hidden


def test_one_module_says_how_our_own_pythons_and_gits_start() -> None:
    """A checkout follows promotions: what starts in it unprepared runs a candidate's files."""
    wrong = []
    for name, path in sources().items():
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.List | ast.Tuple) and node.elts:
                first = ast.unparse(node.elts[0])
                isolated = [ast.unparse(word) for word in node.elts[1:2]] == ["'-IS'"]
                if first in ("'git'", "sys.executable") and not isolated:
                    wrong.append(f"{name}, line {node.lineno}")
    assert [place for place in wrong if not place.startswith("gitlab/isolated.py")] == []


def test_nothing_imports_its_own_room_by_a_bare_name() -> None:
    bare = {"airesearch", *ROOMS}
    wrong = [
        f"{n} imports {x}" for n in sources() for x, _, ours in imports(n) if not ours and x in bare
    ]
    assert not wrong


def test_packages_import_each_other_one_way() -> None:
    """Of a room's packages, each with what lies below it; a room's own files put them together."""
    graph: dict[str, set[str]] = {}
    for name in sources():
        targets = {_package(target) for target, _, ours in imports(name) if ours}
        graph.setdefault(_package(name), set()).update(targets - {_package(name)})
    tuple(TopologicalSorter(graph).static_order())


def _package(name: str) -> str:
    parts = name.split("/")
    return "/".join(parts[:2]) if len(parts) > 2 else name
