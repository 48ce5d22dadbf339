"""The recipes of CONTRIBUTING work as written: cooked in a copy of the package, then typed."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from split_labs import team_files
from toys import code, lr, repository, toy_files

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "CONTRIBUTING.md").read_text()
PACKAGE = ("agents", "commands", "examples", "gitlab", "policies")


class Block(NamedTuple):
    """A fenced block: `python`, `yaml`, `diff` or `console`, and the file it is for."""

    language: str
    file: str
    text: str


def recipe(title: str) -> list[Block]:
    """The blocks below a heading of the page."""
    (section,) = re.findall(rf"^## {title}\n(.*?)^## ", PAGE, re.DOTALL | re.MULTILINE)
    found = re.findall(r"^```(\w+) ?(\S*)\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)
    return [Block(*block) for block in found]


def changed(text: str, diff: str) -> str:
    """`text` with the one place that looks like the old side of `diff` made like the new."""
    old, new = (
        "".join(line[1:] or "\n" for line in diff.splitlines(keepends=True) if line[0] in signs)
        for signs in (" -\n", " +\n")
    )
    assert text.count(old) == 1, f"not one place has these lines:\n{old}"
    return text.replace(old, new)


class Kitchen:
    """A copy of the package that recipes are tried in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.package = folder / "airesearch"
        for room in PACKAGE:
            unread = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / room, self.package / room, ignore=unread)
        for file in ROOT.glob("*.py"):
            shutil.copy(file, self.package)

    def cook(self, title: str) -> list[str]:
        """Do what the recipe says; what it says to type then."""
        typed = []
        touched = set()
        for block in recipe(title):
            file = self.package / block.file
            if block.language == "console":
                typed += [line[2:] for line in block.text.splitlines() if line.startswith("$ ")]
                continue
            touched.add(file)
            file.parent.mkdir(exist_ok=True)
            is_diff = block.language == "diff"
            file.write_text(changed(file.read_text(), block.text) if is_diff else block.text)
        sources = [file for file in touched if file.suffix == ".py"]
        config = ("--config", ROOT / "ruff.toml")
        for check in (("check", *config), ("format", "--check", *config)):
            subprocess.run([sys.executable, "-m", "ruff", *check, *sources], check=True)
        return typed

    def type(self, lab: Path, *lines: str) -> str:
        """What the lines print, typed in order in the folder of a lab."""
        shown = ""
        for line in lines:
            words = shlex.split(line)
            ours = words[0] == "airesearch"
            done = subprocess.run(
                [*([sys.executable, "-m"] if ours else []), *words],
                cwd=lab,
                capture_output=True,
                text=True,
                env={**os.environ, "PYTHONPATH": str(self.folder)},
                check=False,
            )
            assert done.returncode == 0, f"{line}: {done.stderr}"
            shown += done.stdout
        return shown


@pytest.fixture
def kitchen(tmp_path: Path) -> Kitchen:
    return Kitchen(tmp_path / "kitchen")


def test_every_recipe_is_tried() -> None:
    titles = re.findall(r"^## (Adding an? .*)$", PAGE, re.MULTILINE)
    tried = re.findall(r"kitchen.cook\(\"(.*)\"\)", Path(__file__).read_text())
    assert sorted(filter(recipe, titles)) == sorted(tried)


def test_a_proposer(kitchen: Kitchen, tmp_path: Path) -> None:
    typed = kitchen.cook("Adding a proposer")
    files = team_files([], team={"halve": {"backend": "halve"}})
    lab = repository(tmp_path / "lab", files)
    kitchen.type(lab, "airesearch init")
    shown = kitchen.type(lab, *typed)
    assert "halve        keep       0.15         half of the first number" in shown


def test_an_operator(kitchen: Kitchen, tmp_path: Path) -> None:
    typed = kitchen.cook("Adding an operator")
    files = team_files([lr(0.2)], search={"policy": "greedy"})
    lab = repository(tmp_path / "lab", files)
    kitchen.type(lab, "airesearch init")
    assert "parent     0 by ablate" in kitchen.type(lab, *typed)


def test_an_executor(kitchen: Kitchen, tmp_path: Path) -> None:
    typed = kitchen.cook("Adding an executor")
    lab = repository(tmp_path / "lab", toy_files([lr(0.2)]))
    kitchen.type(lab, "airesearch init")
    shown = kitchen.type(lab, *typed)
    assert "Executor: nice" in shown
    assert "everything is true" in shown


def test_a_search_policy(kitchen: Kitchen, tmp_path: Path) -> None:
    typed = kitchen.cook("Adding a search policy")
    files = team_files([lr(0.3), lr(0.2)], search={"policy": "anywhere"})
    lab = repository(tmp_path / "lab", files)
    kitchen.type(lab, "airesearch init")
    assert "LR 0.2" in kitchen.type(lab, *typed)


def test_a_view(kitchen: Kitchen, tmp_path: Path) -> None:
    typed = kitchen.cook("Adding a view")
    lab = repository(tmp_path / "lab", toy_files([code("raise KeyError('layer')\n"), lr(0.2)]))
    kitchen.type(lab, "airesearch init", "airesearch run --trials 2")
    assert kitchen.type(lab, *typed) == "     1  crash: exit 1: KeyError: 'layer'\n"
    assert "List the nodes that failed" in kitchen.type(lab, "airesearch --help")


def test_a_trailer(kitchen: Kitchen, tmp_path: Path) -> None:
    typed = kitchen.cook("Adding a trailer")
    lab = repository(tmp_path / "lab", toy_files([lr(0.2)]))
    kitchen.type(lab, "airesearch init")
    shown = kitchen.type(lab, *typed)
    assert shown.count("Host: ") == 2
    assert "everything is true" in shown


def test_an_example(kitchen: Kitchen, tmp_path: Path) -> None:
    typed = kitchen.cook("Adding an example")
    shown = kitchen.type(tmp_path, *typed)
    assert "SHRINK" in shown
