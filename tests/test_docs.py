"""The pages are true: what they say to type runs, and what they quote or list is what there is."""

import ast
import importlib.util
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import click
import pytest
import yaml
from airesearch.cli import COMMANDS, cli
from airesearch.policies.task.task import parse_task
from toys import TASK, airesearch, repository

ROOT = Path(__file__).parent.parent
ROOMS = ("commands", "agents", "policies", "gitlab", "examples")
README = (ROOT / "README.md").read_text()
INSTALLS = ("pip install", "bin/airesearch", "bin/pytest")
# A small project of the reader's own, as the pages speak of one.
TRAIN = 'import json\nLR = 0.3\njson.dump([LR], open("model.json", "w"))\n'
EVALUATE = """\
import json, os
loss = abs(json.load(open("model.json"))[0] - 0.02)
json.dump({"val_loss": loss}, open(os.environ["AIRESEARCH_METRICS"], "w"))
"""


def consoles() -> list[str]:
    """The console blocks of the README, in order."""
    return fenced(README, "console")


def commands(block: str) -> list[str]:
    """The lines a reader types; one that ends in a backslash goes on."""
    joined = block.replace("\\\n", " ")
    return [line[2:] for line in joined.splitlines() if line.startswith("$ ")]


def page(name: str) -> str:
    return (ROOT / "docs" / f"{name}.md").read_text()


def fenced(text: str, language: str) -> list[str]:
    """The blocks of a page in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def make_cli() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_cli", ROOT / "docs" / "make_cli.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_cli_page_is_today_s_help() -> None:
    assert page("cli") == make_cli().page()


def test_each_help_has_examples_that_the_command_takes() -> None:
    sections = re.findall(r"^## airesearch (\S+)\n(.*?)(?=^## |\Z)", page("cli"), re.S | re.M)
    assert [name for name, _ in sections] == list(COMMANDS)
    for name, text in sections:
        examples = re.findall(rf"^    airesearch {name}\b(.*)", text.replace("\\\n", ""), re.M)
        assert examples, name
        command = cli.get_command(click.Context(cli), name)
        assert command is not None
        for words in examples:
            command.make_context(name, shlex.split(words))


def test_the_map_lists_every_package_with_its_purpose() -> None:
    listed = re.findall(r"^\| `(\S+)/` \| (.*) \|$", page("map"), re.M)
    inits = [path for room in ROOMS for path in sorted((ROOT / room).rglob("__init__.py"))]
    purposes = [ast.get_docstring(ast.parse(path.read_bytes())) or "" for path in inits]
    assert listed == [
        (path.parent.relative_to(ROOT).as_posix(), purpose.partition("\n")[0])
        for path, purpose in zip(inits, purposes, strict=True)
    ]


def test_the_map_quotes_the_step() -> None:
    (quoted,) = fenced(page("map"), "python")
    assert quoted in (ROOT / "agents" / "loop.py").read_text()


def test_the_picture_of_the_map_shows_folders_that_are_there() -> None:
    picture = page("map").partition("Imports go down")[0]
    folders = set(re.findall(r"(\w+)/", picture)) - {"refs", "node", "airesearch", "lease"}
    packages = {path.parent.name for room in ROOMS for path in (ROOT / room).rglob("__init__.py")}
    assert folders <= packages
    assert len(folders) > 15


def test_the_agents_page_works_as_written(tmp_path: Path) -> None:
    task, team, others = fenced(page("agents"), "yaml")
    (agent,) = fenced(page("agents"), "python")
    (typed,) = fenced(page("agents"), "console")
    assert parse_task(task, team).is_split
    known = parse_task(task, others).team.values()
    assert all(member.command and "{brief}" in member.command for member in known)
    settings = {"airesearch.yaml": task, "team.yaml": team, "prompts/agent.py": agent}
    files = {"evaluate.py": EVALUATE, "train.py": TRAIN}
    lab = repository(tmp_path / "lab", {**settings, **files})
    for line in commands(typed):
        said = airesearch(lab, *shlex.split(line)[1:])
        assert said.code == 0, said.err
    assert "node 1  keep  Lower the learning rate" in said.out
    assert "The loss jumps from step to step." in said.out


def test_ci_runs_the_readme_s_own_installs() -> None:
    found = [line for block in consoles() for line in commands(block) if INSTALLS[0] in line]
    assert len(found) == 2
    script = (ROOT / ".ci" / "run").read_text()
    assert "line 'bin/airesearch demo'" in script
    assert "line '/pytest'" in script


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty folder with a small project of the reader's own beside it."""
    folder = tmp_path_factory.mktemp("reader")
    repository(folder / "my-project", {"train.py": TRAIN, "evaluate.py": EVALUATE})
    return folder


@pytest.mark.timeout(400)
def test_every_command_of_the_readme_runs(place: Path, tmp_path: Path) -> None:
    """In order, in one shell, as a reader would; installing is .ci/run's to try."""
    typed = [line for block in consoles() for line in commands(block)]
    script = [line for line in typed if not any(word in line for word in INSTALLS)]
    assert len(script) > 15
    shim = tmp_path / "bin" / "airesearch"
    shim.parent.mkdir()
    shim.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m airesearch "$@"\n')
    shim.chmod(0o755)
    path = f"{shim.parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euxo", "pipefail", "-c", "\n".join(script)],
        cwd=place,
        capture_output=True,
        text=True,
        env={**os.environ, "PATH": path},
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_readme_s_settings_are_those_of_the_file_they_name() -> None:
    task = {key: value for key, value in TASK.items() if key != "team"}
    named = []
    for text in fenced(README, "yaml"):
        if "uses:" not in text:
            named.append(text.partition("\n")[0])
            if named[-1] == "# team.yaml":
                parse_task(yaml.safe_dump(task), text)
            else:
                parse_task(yaml.safe_dump({**task, **yaml.safe_load(text)}), "")
    assert set(named) == {"# team.yaml", "# airesearch.yaml"}


def test_the_ci_snippet_s_step_is_a_command() -> None:
    steps = re.findall(r"run: (airesearch .*|pip .*)", README)
    assert any(step.startswith("airesearch step") for step in steps)


def test_links_lead_somewhere() -> None:
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]
    for page in pages:
        prose = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
        for target in re.findall(r"\]\(([^)#:]+)(?:#[\w-]+)?\)", prose):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
