"""A winner's files lie in the checkout: what airesearch starts there next runs none of them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from airesearch.gitlab.isolated import NOWHERE, own_module
from toys import Said, airesearch, git, lr, repository, toy_files

SHADOWED = (
    "json",
    "csv",
    "email",
    "zipfile",
    "importlib",
    "fcntl",
    "runpy",
    "re",
    "click",
    "pygit2",
)
"""Modules that a Python started by a command imports."""


@pytest.fixture
def loot(tmp_path: Path) -> Path:
    return tmp_path / "loot"


def spy(loot: Path) -> str:
    return f'open({str(loot)!r}, "a").write(__file__ + open("private/answers.txt").read())\n'


def lab(root: Path, first: dict[str, str], **task: object) -> Path:
    """A lab whose first winner adds files of any name, and whose second only tunes."""
    turn = lr(0.2)
    turn["write"].update(first)
    files = toy_files([turn, lr(0.15)], editable=["*"], **task)
    repository(root, {**files, "private/answers.txt": "SEALED\n"})
    return root


def commands(root: Path) -> list[Said]:
    """Every command that starts others, each as a process of its own, in the lab's folder.

    By the script that is installed: `python -m` itself imports from where it is started.
    """
    words = [["run", "--trials", "1"], ["doctor"], ["status"], ["verify"], ["best"]]
    env = {**os.environ, "PATH": f".:{os.environ['PATH']}"}
    script = Path(sys.executable).with_name("airesearch")
    done = [subprocess.run([script, *w], cwd=root, env=env, capture_output=True) for w in words]
    return [Said(one.returncode, one.stdout.decode(), one.stderr.decode()) for one in done]


def test_modules_of_a_winner_are_not_imported(tmp_path: Path, loot: Path) -> None:
    code = spy(loot)
    files = {f"{name}.py": code for name in SHADOWED} | {"git": f"#!{sys.executable}\n{code}"}
    root = lab(tmp_path / "lab", files)
    assert airesearch(root, "init", env={"A": ""}).code == 0
    assert airesearch(root, "run", "--trials", "1", env={"A": ""}).code == 0
    assert (root / "json.py").exists(), "the checkout followed"
    said = commands(root)
    assert not loot.exists(), loot.read_text()
    assert [one.code for one in said if one.code not in (0, 1)] == [], said


def test_a_module_of_ours_runs_in_no_folder_of_the_lab(
    tmp_path: Path, loot: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "fcntl.py").write_text(f"open({str(loot)!r}, 'w')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (tmp_path / "empty").mkdir()
    words = own_module("airesearch.gitlab.lab.housekeeping", tmp_path / "empty")
    done = subprocess.run(words, cwd=NOWHERE, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "empty" / "housekeeping.lock").exists()
    assert not loot.exists()


def test_hooks_and_monitors_that_git_would_run_are_not(tmp_path: Path, loot: Path) -> None:
    hook = f"#!/bin/sh\necho $0 >> {loot}\n"
    root = lab(tmp_path / "lab", {})
    names = ("post-index-change", "reference-transaction", "post-checkout")
    for name in (*names, "monitor"):
        (root / "scripts").mkdir(exist_ok=True)
        (root / "scripts" / name).write_text(hook)
        (root / "scripts" / name).chmod(0o755)
    git(root, "add", "-A")
    git(root, "commit", "-qm", "Scripts that agents may change")
    assert airesearch(root, "init").code == 0
    git(root, "config", "core.hooksPath", "scripts")
    git(root, "config", "core.fsmonitor", "scripts/monitor")
    loot.unlink(missing_ok=True)
    assert airesearch(root, "run", "--trials", "1").code == 0
    assert not loot.exists(), loot.read_text()


def test_a_committed_program_is_no_program_of_this_machine(tmp_path: Path, loot: Path) -> None:
    """A Python is asked what it is before a trial: not one that a candidate wrote."""
    root = tmp_path / "lab"
    starter = f'#!/bin/sh\necho ran >> {loot}\nexec {sys.executable} "$@"\n'
    repository(root, {**toy_files([lr(0.2)]), "python-here": starter})
    (root / "python-here").chmod(0o755)
    git(root, "commit", "-qam", "A program")
    text = (root / "airesearch.yaml").read_text()
    for name in (f"{root}/python-here", "./python-here"):
        words = text.replace("candidate: python train.py", f"candidate: {name} train.py")
        assert words != text
        (root / "airesearch.yaml").write_text(words)
        git(root, "commit", "-qam", "Start it by that")
        said = airesearch(root, "init")
        assert (said.code == 0) == name.startswith("."), said.err
        assert "./python-here" in said.err or said.code == 0
        airesearch(root, "doctor")
    log = git(
        root, "log", "-1", "--format=%(trailers:key=Sandbox,valueonly)", "--skip=1", "node/000000"
    )
    ran = loot.read_text().splitlines() if loot.exists() else []
    assert ran == [] or log.strip() == "none", "it ran outside a sandbox"


def test_a_python_environment_in_the_checkout_is_not_written_to(tmp_path: Path, loot: Path) -> None:
    root = lab(tmp_path / "lab", {"env/lib/python3/site-packages/x.pth": "import os\n"})
    assert airesearch(root, "init").code == 0
    (root / "env").mkdir()
    (root / "env" / "pyvenv.cfg").write_text("home = /usr/bin\n")
    (root / ".git" / "info" / "exclude").write_text("/env/\n")
    said = airesearch(root, "run", "--trials", "1")
    assert said.code == 0, said.err
    assert "a Python environment that the change would write into" in said.err
    assert not (root / "env" / "lib").exists()
    assert git(root, "show", "main:env/lib/python3/site-packages/x.pth") == "import os\n"
