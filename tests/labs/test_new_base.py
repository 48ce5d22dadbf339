"""A commit that changes what is measured starts a base: what was won, ahead or learnt goes on."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from noisy import TRAIN, turn
from pushes import shared_lab
from split_labs import SCRIPT, best, commit, edited, split, split_files, train
from toys import airesearch, git, lr, repository


@pytest.fixture
def contended(tmp_path: Path) -> Path:
    """A noisy lab whose node 1 won, and whose node 2 is ahead and not confirmed."""
    turns = [turn(20), turn(40, 1)]
    files = {**split_files(turns[:1], promotion={}), "train.py": TRAIN, "lib/help.py": "HELP = 1\n"}
    folder = repository(tmp_path / "lab", files)
    assert airesearch(folder, "init").code == 0
    assert airesearch(folder, "run").code == 0
    commit(folder, {SCRIPT: split_files(turns)[SCRIPT]})
    assert airesearch(folder, "step").code == 0
    ahead = log(folder)[0]
    assert (ahead["node"], ahead["status"], ahead["verdict"]) == (2, "ok", "contend")
    assert best(folder) == 1
    return folder


def log(folder: Path) -> list[dict[str, Any]]:
    nodes: list[dict[str, Any]] = airesearch(folder, "log", "--json").json()
    return nodes


def run_out(folder: Path) -> None:
    assert airesearch(folder, "run", "--trials", "60").code in (0, 3)
    said = airesearch(folder, "verify")
    assert said.code == 0, said.out


def test_code_that_no_contender_changed(contended: Path) -> None:
    commit(contended, {"lib/help.py": "HELP = 2\n"})
    run_out(contended)
    moved = next(node for node in log(contended) if node["operator"] == "transfer")
    root = next(node for node in log(contended) if node["node"] == moved["parent"])
    assert root["parent"] is None
    assert moved["subject"] == f"transfer node 2 to node {root['node']}"
    assert best(contended) == moved["node"]
    assert "HELP = 2" in (contended / "lib" / "help.py").read_text(), "nothing is undone"
    assert "GAIN = 40" in (contended / "train.py").read_text()
    way = [n["node"] for n in airesearch(contended, "lineage", str(moved["node"]), "--json").json()]
    assert way == [0, 1, root["node"], moved["node"]]
    facts = airesearch(contended, "best", "--json").json()
    assert facts["baseline"] == pytest.approx(100, abs=2), "of the first baseline"
    # A push takes it all, and each contender moves once.
    shared = shared_lab(contended.parent / "shared.git")
    git(contended, "push", "-q", shared.as_uri(), "--all")
    assert sum(node["operator"] == "transfer" for node in log(contended)) == 1


def test_a_base_that_came_before_a_transfer_was_measured(contended: Path) -> None:
    """What was ahead moves to the newest base, where the one between had no trial of it."""
    commit(contended, {"lib/help.py": "HELP = 2\n"})
    worker = Path(__file__).parents[1] / "chaos" / "hurt_worker.py"
    killed = json.dumps({"stage": "propose: ref moved", "signal": signal.SIGKILL})
    for _ in range(6):
        assert airesearch(contended, "step").code == 0
    said = subprocess.run([sys.executable, worker, killed, "step"], cwd=contended, check=False)
    assert said.returncode == -signal.SIGKILL
    last = log(contended)[0]
    assert (last["operator"], last["status"]) == ("transfer", None)
    commit(contended, {"lib/help.py": "HELP = 3\n"})
    run_out(contended)
    moved = [node for node in log(contended) if node["operator"] == "transfer"]
    assert [node["parent"] for node in moved] == [last["node"] + 1, last["parent"]]
    assert best(contended) == moved[0]["node"]


def test_code_that_a_contender_changed_too(contended: Path) -> None:
    changed = (contended / "train.py").read_text().replace("NOISE = 1.0", "NOISE = 1.1")
    commit(contended, {"train.py": changed})
    run_out(contended)
    nodes = log(contended)
    assert not any(node["operator"] == "transfer" for node in nodes)
    root = next(n["node"] for n in nodes if n["parent"] is None)
    assert "NOISE = 1.1" in git(contended, "show", f"node/{root:06d}:train.py")
    assert "GAIN = 20" in git(contended, "show", f"node/{root:06d}:train.py"), "winner and commit"
    assert any(n["node"] == 2 for n in nodes), "it stays on record"


def test_what_stood_before_is_said(tmp_path: Path) -> None:
    folder = split(tmp_path / "lab", [lr(0.2), lr(0.15)])
    assert airesearch(folder, "step").code == 0
    commit(folder, {"data.txt": "1\n"})
    assert airesearch(folder, "step").code == 0
    said = airesearch(folder, "best").out
    assert "node 1, which was the best, and what people committed since" in said
    assert "against the baseline's 0.4" in said
    assert airesearch(folder, "lineage", "2", "--json").json()[0]["node"] == 0


def test_agents_are_told_of_earlier_bases(tmp_path: Path) -> None:
    files = split_files([lr(0.2)], editable=["train.py", "lib.txt"])
    folder = repository(tmp_path / "lab", files)
    assert airesearch(folder, "init").code == 0
    assert airesearch(folder, "step").code == 0
    agent = "cp $AIRESEARCH_BRIEF lib.txt"
    team = f"team:\n  coder: {{backend: command, command: \"sh -c '{agent}'\"}}\n"
    commit(folder, {"team.yaml": team, "data.txt": "1\n"})
    assert airesearch(folder, "run", "--trials", "2").code == 0
    brief = git(folder, "show", "node/000003:lib.txt")
    assert "| 1 | ok | 0.1 | (of an earlier base)" in brief


def committed(folder: Path, files: dict[str, str | None]) -> str:
    """What the hook says of a commit, and what `status` said before it."""
    for name, text in files.items():
        (folder / name).write_text(text or "")
    told = [
        row for row in airesearch(folder, "status").out.splitlines() if row.startswith("commit")
    ]
    git(folder, "add", "-A")
    done = subprocess.run(
        ["git", "-C", folder, "commit", "-qm", "x"], capture_output=True, text=True, check=True
    )
    assert bool(told) or not done.stderr
    return "".join(told) + done.stderr


def test_a_commit_says_what_it_costs(contended: Path) -> None:
    assert committed(contended, {"README.md": "x\n"}).endswith("costs nothing")
    said = committed(contended, {"airesearch.yaml": edited(contended, promotion={"min_effect": 1})})
    assert said.count("verdicts are given anew") == 2
    said = committed(contended, {"lib/help.py": "HELP = 3\n"})
    what = "a new base, since lib/help.py is another program: 6 trials; 1 contender may move over"
    assert said.count(what) == 2, said


def test_and_a_program_costs_a_base(tmp_path: Path) -> None:
    folder = split(tmp_path / "lab", [lr(0.2)])
    assert committed(folder, {"train.py": train(0.4)}).count("a new base") == 2


def test_the_price_is_by_the_rules_that_come_with_it(tmp_path: Path) -> None:
    folder = split(tmp_path / "lab", [lr(0.2)])
    noisy = edited(folder, promotion={})
    said = committed(folder, {"train.py": train(0.4), "airesearch.yaml": noisy})
    assert said.count(": 6 trials") == 2, said
