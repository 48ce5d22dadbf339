"""Who pushes to a path runs the hook as themselves: nothing of theirs has a say in it."""

import importlib.util
import marshal
import os
import shutil
import struct
from pathlib import Path

import pytest
from airesearch.commands import hook as judged_by
from push_on_nodes import N4
from pushes import World, new_world
from toys import git

EVIL = "import sys\nsys.stderr.write('EVIL ran')\nraise SystemExit(0)\n"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return new_world(tmp_path_factory.mktemp("world"))


def planted_cache(folder: Path) -> str:
    """A compiled `commands/hook.py` of another content, as the source's own by date and size."""
    source = Path(str(judged_by.__file__))
    facts = source.stat()
    head = struct.pack("<4sIII", importlib.util.MAGIC_NUMBER, 0, int(facts.st_mtime), facts.st_size)
    cached = folder / str(source.resolve().parent).lstrip("/")
    cached.mkdir(parents=True)
    name = Path(importlib.util.cache_from_source(str(source))).name
    (cached / name).write_bytes(head + marshal.dumps(compile(EVIL, str(source), "exec")))
    return str(folder)


def module(folder: Path, name: str) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.py").write_text(EVIL)
    return str(folder)


def program(folder: Path, name: str) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("#!/bin/sh\necho EVIL ran >&2\nexit 0\n")
    (folder / name).chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


def gitconfig(folder: Path) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    text = "[airesearch]\npeople = any\npusher = mallory: scripted\n[user]\nname = x\nemail = x@x\n"
    (folder / ".gitconfig").write_text(text)
    return str(folder)


VARIABLES = {
    "PYTHONPYCACHEPREFIX": planted_cache,
    "PYTHONPATH of ours": lambda folder: module(folder / "airesearch", "__init__") and str(folder),
    "PYTHONPATH of click": lambda folder: module(folder, "click"),
    "PYTHONPATH of json": lambda folder: module(folder, "json"),
    "PYTHONPATH of sitecustomize": lambda folder: module(folder, "sitecustomize"),
    "PYTHONHOME": str,
    "PYTHONSTARTUP": lambda folder: module(folder, "x") + "/x.py",
    "PYTHONUSERBASE": lambda folder: module(folder / "lib/python3/site-packages", "usercustomize"),
    "PYTHONBREAKPOINT": lambda _: "os.abort",
    "PYTHONINSPECT": lambda _: "1",
    "PYTHONOPTIMIZE": lambda _: "2",
    "PYTHONSAFEPATH": lambda _: "",
    "PATH of airesearch": lambda folder: program(folder, "airesearch"),
    "PATH of env": lambda folder: program(folder, "env"),
    "HOME": gitconfig,
    "XDG_CONFIG_HOME": lambda folder: gitconfig(folder / "git"),
    "GIT_CONFIG_GLOBAL": lambda folder: gitconfig(folder) + "/.gitconfig",
    "GIT_CONFIG_SYSTEM": lambda folder: gitconfig(folder) + "/.gitconfig",
    "GIT_CONFIG_PARAMETERS": lambda _: "'airesearch.people=any'",
    "CDPATH": str,
    "ENV": lambda folder: program(folder, "x") and str(folder / "x"),
}


@pytest.mark.parametrize("name", VARIABLES)
def test_no_variable_of_the_pusher_s_counts(world: World, name: str, tmp_path: Path) -> None:
    git(world.shared, "config", "airesearch.people", "none")
    git(world.shared, "config", "--replace-all", "airesearch.pusher", "alice: scripted")
    before = world.shared_refs()
    env = {name.split(" ")[0]: VARIABLES[name](tmp_path / "own"), "AIRESEARCH_PUSHER": "mallory"}
    tip = world.forge("main~4", "main^", message="Mine\n")
    for words in ((f"{tip}:refs/heads/main",), (N4,)):
        done = world.push(*words, **env)
        assert "pre-receive hook declined" in done.stderr
        assert "EVIL" not in done.stderr
    assert world.shared_refs() == before


@pytest.mark.parametrize("name", ["PYTHONPATH of json", "PYTHONHOME", "HOME"])
def test_an_honest_push_passes_all_the_same(world: World, name: str, tmp_path: Path) -> None:
    copy = World(world.lab, Path(shutil.copytree(world.shared, tmp_path / "s.git")))
    git(copy.shared, "config", "--replace-all", "airesearch.pusher", "alice: scripted")
    env = {name.split(" ")[0]: VARIABLES[name](tmp_path / "own"), "AIRESEARCH_PUSHER": "alice"}
    done = copy.push(N4, "main", **env)
    assert done.returncode == 0, done.stderr
