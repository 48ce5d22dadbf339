"""What the doctor finds: on the machine, in the task, and in an evaluator's source."""

from pathlib import Path

import pytest
import yaml
from airesearch.agents.executors.local.sandbox.bubblewrap import fault
from airesearch.agents.setup.evaluator_check import check
from split_labs import split
from toys import EVALUATE, TASK, airesearch, git, repository, toy, toy_files

DANGERS = {
    "import pickle\npickle.load(open('o', 'rb'))": "e.py:2: pickle.load can run",
    "from pickle import loads as l\nl(b'')": "e.py:2: pickle.loads",
    "import pickle as p\n\np.Unpickler(f).load()": "e.py:3: pickle.Unpickler",
    "import joblib\njoblib.load('m')": "e.py:2: joblib.load",
    "import torch\ntorch.load('m')": "e.py:2: torch.load without weights_only=True",
    "import torch as t\nt.load('m', weights_only=False)": "torch.load without",
    "import numpy as np\nnp.load('m', allow_pickle=True)": "e.py:2: numpy.load with allow_pickle",
    "import numpy as np\nnp.load('m', allow_pickle=flag)": "numpy.load with allow_pickle",
    "import pandas\npandas.read_pickle('m')": "pandas.read_pickle",
    "def f():\n    return eval(open('o').read())": "e.py:2: eval can run",
    "exec('x')": "e.py:1: exec",
    "import model": "e.py:1: imports model, which agents may change",
    "from model import net": "imports model.net, which agents may change",
    "import lib.net": "imports lib.net",
    "from lib import net": "imports lib.net",
    "def broken(:": "e.py:1: cannot be read as Python",
}
SAFE = [
    "import numpy as np\nnp.load('m', allow_pickle=False)\nnp.load('n')",
    "import torch\ntorch.load('m', weights_only=True)",
    "import json, pickle\njson.load(open('m'))\nmodel.eval()\npickle.dumps(1)",
    "from . import helper\nimport numpy.linalg",
]


def is_editable(path: str) -> bool:
    return path in ("model.py", "lib/net.py")


@pytest.mark.parametrize("source", DANGERS)
def test_a_danger_is_found_at_its_line(source: str) -> None:
    (found,) = check("e.py", source.encode(), is_editable)
    assert DANGERS[source] in str(found)


@pytest.mark.parametrize("source", SAFE)
def test_what_is_safe_is_passed(source: str) -> None:
    assert check("e.py", source.encode(), is_editable) == []


def test_a_source_that_python_itself_cannot_hold_is_no_bug() -> None:
    (found,) = check("e.py", b"x = " + b"-" * 100_000 + b"1", is_editable)
    assert "e.py:1: cannot be read as Python" in str(found)
    assert check("e.py", b"import a\na" + b".b" * 2_000 + b"()", is_editable) == []


@pytest.mark.skipif(bool(fault()), reason=f"no bubblewrap here: {fault()}")
def test_all_is_well_in_a_toy(tmp_path: Path) -> None:
    lab = split(tmp_path / "lab", [])
    found = airesearch(lab, "doctor", "--json").json()
    assert {f["subject"]: f["state"] for f in found} == dict.fromkeys(
        ["git", "python", "gpu", "sandbox", "task", "team", "evaluator", "hook"], "ok"
    )
    said = airesearch(lab, "doctor")
    assert (said.code, "bwrap" in said.out) == (0, True)


def test_a_team_in_the_task_is_a_warning_with_its_mend(tmp_path: Path) -> None:
    lab = toy(tmp_path / "lab", [])
    said = airesearch(lab, "doctor")
    assert "warn  team       it stands in airesearch.yaml" in said.out
    assert "airesearch doctor --fix" in said.out


def test_an_evaluator_that_unpickles_is_a_warning(tmp_path: Path) -> None:
    lab = toy(tmp_path / "lab", [], editable=["train.py", "lib/"])
    (lab / "lib").mkdir()
    (lab / "lib" / "net.py").touch()
    (lab / "evaluate.py").write_text("import pickle\nimport lib.net\n" + EVALUATE + "eval('1')\n")
    git(lab, "add", "-A")
    git(lab, "commit", "-qm", "worse")
    out = airesearch(lab, "doctor").out
    assert "warn  evaluator  evaluate.py:2: imports lib.net, which agents may change" in out
    assert "evaluate.py:6: eval can run" in out


def test_what_must_be_mended_is_exit_1_with_the_command(tmp_path: Path) -> None:
    lab = toy(tmp_path / "lab", [])
    text = (lab / "airesearch.yaml").read_text().replace("python train.py", "no-such-program")
    (lab / "airesearch.yaml").write_text(text)
    git(lab, "commit", "-qam", "break it")
    said = airesearch(lab, "doctor")
    assert said.code == 1
    assert "there is no command 'no-such-program'" in said.out
    assert "install it" in said.out


def test_what_an_agent_may_do_is_said(tmp_path: Path) -> None:
    coder = {"backend": "command", "command": "python train.py", "opens": ["~/.coder"]}
    for sandbox, words in (("auto", "coder may write ~/.coder"), ("none", "coder runs as you")):
        files = toy_files([], team={"coder": coder}, sandbox=sandbox)
        lab = repository(tmp_path / sandbox, files)
        (said,) = (f for f in airesearch(lab, "doctor", "--json").json() if f["subject"] == "agent")
        assert said["state"] == "warn"
        assert words in said["says"] or (fault() and "runs as you" in said["says"])


def test_a_missing_sandbox_is_said_with_its_mend(tmp_path: Path) -> None:
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    said = airesearch(tmp_path, "doctor", env={"PATH": str(bin_)})
    assert said.code == 1  # no git there either
    assert "apt-get install bubblewrap" in said.out
    assert "apt-get install git" in said.out


def test_it_works_outside_a_lab_and_says_what_self_reported_means(tmp_path: Path) -> None:
    assert "there is none in this folder" in airesearch(tmp_path, "doctor").out
    task = {**TASK, "sandbox": "none"}
    del task["evaluate"], task["outputs"]
    task["objective"] = {**TASK["objective"], "pattern": "error (.*)"}
    files = {**toy_files([]), "airesearch.yaml": yaml.safe_dump(task)}
    out = airesearch(repository(tmp_path / "lab", files), "doctor").out
    assert "trials run as you" in out
    assert "the score is what the candidate prints" in out


def test_doctor_installs_the_hook_in_a_clone(tmp_path: Path) -> None:
    folder = toy(tmp_path / "lab", [])
    git(tmp_path, "clone", "-q", str(folder), "clone")
    hook = tmp_path / "clone" / ".git" / "hooks" / "pre-commit"
    assert not hook.exists()
    said = airesearch(tmp_path / "clone", "doctor")
    assert said.code == 0, said.out
    assert "pre-commit is installed" in said.out
    assert "airesearch" in hook.read_text()
