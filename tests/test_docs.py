"""The pages are true: every command in the README runs, and docs/cli.md is today's help."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from toys import git

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
INSTALLS = ("pip install", "bin/airesearch", "bin/pytest")


def consoles() -> list[str]:
    """The console blocks of the README, in order."""
    return re.findall(r"```console\n(.*?)```", README, re.DOTALL)


def commands(block: str) -> list[str]:
    """The lines a reader types; one that ends in a backslash goes on."""
    joined = block.replace("\\\n", " ")
    return [line[2:] for line in joined.splitlines() if line.startswith("$ ")]


def make_cli() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_cli", ROOT / "docs" / "make_cli.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_cli_page_is_today_s_help() -> None:
    assert (ROOT / "docs" / "cli.md").read_text() == make_cli().page()


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
    own = folder / "my-project"
    own.mkdir()
    (own / "train.py").write_text(
        'import json\nLR = 0.3\njson.dump([LR], open("model.json", "w"))\n'
    )
    (own / "evaluate.py").write_text(
        "import json, os\n"
        'loss = abs(json.load(open("model.json"))[0] - 0.02)\n'
        'json.dump({"val_loss": loss}, open(os.environ["AIRESEARCH_METRICS"], "w"))\n'
    )
    git(own, "init", "-q", "-b", "main")
    git(own, "add", "-A")
    git(own, "commit", "-qm", "My project")
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


def test_the_ci_snippet_s_step_is_a_command() -> None:
    steps = re.findall(r"run: (airesearch .*|pip .*)", README)
    assert any(step.startswith("airesearch step") for step in steps)


def test_links_lead_somewhere() -> None:
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]
    for page in pages:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
