"""Every way a candidate can fail leaves a node with its reason, and the run goes on."""

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from airesearch.agents.campaign import Campaign
from airesearch.agents.step.measure import measure
from airesearch.gitlab.lab.lab import open_lab
from forging import Forger
from toys import TRAIN, airesearch, code, git, lr, repository, toy, toy_files

MARK = "AIRESEARCH_TEST_MARK"
WRITE = 'open("out.txt", "w").write({!r})'
FAMILY = f"""\
import os, subprocess, sys, time
nap = [sys.executable, "-c", "import time; time.sleep(300)", "{MARK}"]
subprocess.Popen(nap, start_new_session=True)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.execv(nap[0], nap)
    os._exit(0)
while True:
    time.sleep(1)
"""
FAILURES = {
    "invalid": (code("def broken(:\n"), "train.py, line 1: "),
    "crash": (code("raise KeyError('no such layer')\n"), "exit 1: KeyError: 'no such layer'"),
    "timeout": (code(FAMILY), "ran past 3 s"),
    "memory": (code("x = bytearray(10**9)\nimport time; time.sleep(9)\n"), "over the 300 MB"),
    "output": (code("while True: print('x' * 1000)\n"), "over the 2,097,152 bytes allowed"),
    "metric": (code(WRITE.format("nan")), "val_error is nan"),
    "denied": (
        {"subject": "cheat", "write": {"evaluate.py": "cheat", "train.py": "x = 1\n"}},
        "evaluate.py is protected",
    ),
    "evaluator": (code(WRITE.format("many")), "the evaluator failed: exit 1"),
    "duplicate": (lr(0.5), "same candidate as node 0, which was ok, val_error=0.4"),
}


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lab that went through every failure, a missing output, a cue and then one good edit."""
    turns = [turn for turn, _ in FAILURES.values()]
    turns += [code("pass\n", "nothing written"), {"error": "the model is gone"}, lr(0.2)]
    limits = {"trial_seconds": 3, "trial_memory_mb": 300, "output_mb": 2}
    folder = toy(tmp_path_factory.mktemp("outcomes") / "lab", turns, budget=limits)
    said = airesearch(folder, "run")
    assert said.code == 0, said.err
    return folder


@pytest.mark.parametrize("status", FAILURES)
def test_failure_is_kept_with_its_reason(lab: Path, status: str) -> None:
    node = 1 + list(FAILURES).index(status)
    found = airesearch(lab, "show", str(node), "--json").json()
    assert found["status"] == status
    assert FAILURES[status][1] in found["reason"]
    assert found["verdict"] == "fail"
    assert found["reason"] in airesearch(lab, "log").out


def test_a_missing_metric_has_a_name(lab: Path) -> None:
    found = airesearch(lab, "show", "10", "--json").json()
    assert (found["status"], found["reason"]) == ("metric", "the candidate did not write out.txt")


def test_a_proposer_that_raises_is_a_node(lab: Path) -> None:
    found = airesearch(lab, "show", "11", "--json").json()
    assert found["status"] == "crash"
    assert found["reason"] == "the proposer failed: CuedError: the model is gone"


def test_the_run_went_on(lab: Path) -> None:
    best = airesearch(lab, "best", "--json").json()
    assert (best["node"], best["metric"]["value"]) == (12, 0.1)


def test_no_process_outlives_its_trial(lab: Path) -> None:
    assert lab.exists()
    left = [p for p in psutil.process_iter(["cmdline"]) if MARK in (p.info["cmdline"] or ())]
    assert not left


def test_no_file_is_left(lab: Path) -> None:
    assert git(lab, "status", "--porcelain", "--ignored") == ""
    trials = lab / ".git" / "airesearch" / "trials"
    assert not trials.exists() or not any(trials.iterdir())


def test_refused_content_never_stands_in_the_tree(lab: Path) -> None:
    node = 1 + list(FAILURES).index("denied")
    branch = f"node/{node:06d}"
    assert "cheat" not in git(lab, "show", f"{branch}:evaluate.py")
    assert "+cheat" in git(lab, "show", f"{branch}:research/refused.patch")
    assert "Refused: evaluate.py is protected" in git(lab, "log", "-3", branch)


def test_secrets_do_not_reach_a_trial(tmp_path: Path) -> None:
    spy = code("import os\nprint(sorted(os.environ))\n" + WRITE.format("0.3"))
    folder = toy(tmp_path / "lab", [spy])
    said = airesearch(folder, "step", env={"ANTHROPIC_API_KEY": "s3cret", "AWS_TOKEN": "s3cret"})
    assert said.code == 0, said.err
    log = git(folder, "show", "node/000001:research/run.log")
    assert "AIRESEARCH_SEED" in log
    assert "ANTHROPIC_API_KEY" not in log
    assert "AWS_TOKEN" not in log


def test_a_refused_patch_does_not_show_private_data(tmp_path: Path) -> None:
    turns = [{"subject": "probe", "remove": ["private/answers.txt"], "write": {"lib/x.py": "1"}}]
    folder = tmp_path / "lab"
    folder.mkdir()
    (folder / "private").mkdir()
    (folder / "private" / "answers.txt").write_text("sealed answers\n")
    toy(folder, turns)
    assert airesearch(folder, "step", "--json").json()["status"] == "denied"
    patch = git(folder, "show", "node/000001:research/refused.patch")
    assert "lib/x.py" in patch
    assert "sealed answers" not in patch


def test_an_interrupt_ends_the_trial_and_the_node_goes_on(tmp_path: Path) -> None:
    slow = "import time, os\nif os.environ.get('CUDA_SLOW'): time.sleep(60)\n"
    folder = toy(tmp_path / "lab", [code(slow + WRITE.format("0.3"))])
    command = [sys.executable, "-m", "airesearch", "step"]
    worker = subprocess.Popen(
        command, cwd=folder, env={**os.environ, "CUDA_SLOW": "1"}, stderr=subprocess.PIPE
    )
    tip = folder / ".git" / "refs" / "heads" / "node" / "000001"
    deadline = time.monotonic() + 20
    while not tip.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.5)
    children = psutil.Process(worker.pid).children(recursive=True)
    worker.send_signal(2)
    _, err = worker.communicate(timeout=20)
    assert worker.returncode == 130, err
    assert not [child for child in children if child.is_running()]
    done = airesearch(folder, "step", "--json").json()
    assert (done["node"], done["status"], done["metrics"]) == (1, "ok", {"val_error": 0.3})


def test_what_compiles_without_end_holds_nobody_up(tmp_path: Path) -> None:
    deep = "".join(f"{'  ' * n}try:\n{'  ' * n}  pass\n{'  ' * n}finally:\n" for n in range(20))
    bomb = deep + "".join(f"{'  ' * 20}x = {n}\n" for n in range(40))
    budget = {"trial_seconds": 3, "trial_memory_mb": 300, "output_mb": 2}
    folder = toy(tmp_path / "lab", [code(bomb), lr(0.2)], budget=budget)
    assert airesearch(folder, "run").code in (0, 3)
    nodes = {node["node"]: node for node in airesearch(folder, "log", "--json").json()}
    assert nodes[1]["verdict"] == "fail"
    assert nodes[2]["verdict"] == "keep"


def test_formatting_and_comments_are_a_duplicate(tmp_path: Path) -> None:
    turns = [
        code("# A comment.\n" + TRAIN.replace("LR = 0.5", "LR = (\n    0.5  # as before\n)")),
        code('"""A docstring."""\n' + TRAIN),
        code('"""A docstring."""  # and a comment\n' + TRAIN),
    ]
    folder = toy(tmp_path / "lab", turns)
    assert airesearch(folder, "run").code == 0
    found = [airesearch(folder, "show", str(node), "--json").json() for node in (1, 2, 3)]
    assert [one["status"] for one in found] == ["duplicate", "ok", "duplicate"]
    said = "same program as node {} (formatting and comments aside), which was ok, val_error=0.4"
    assert (found[0]["reason"], found[2]["reason"]) == (said.format(0), said.format(2))
    assert airesearch(folder, "verify").code == 0


def test_comments_are_no_duplicate_where_lines_are_counted(tmp_path: Path) -> None:
    gate = [{"metric": "code_lines", "max": 5}]
    turns = [code(TRAIN + "# one\n# two\n"), code(TRAIN + "# one\n")]
    folder = toy(tmp_path / "lab", turns, constraints=gate)
    assert airesearch(folder, "run").code == 0
    found = [airesearch(folder, "show", str(node), "--json").json() for node in (1, 2)]
    assert [one["status"] for one in found] == ["gate", "ok"]


def test_a_forged_program_answers_nothing(tmp_path: Path) -> None:
    folder = toy(tmp_path / "lab", [lr(0.3), lr(0.2)])
    assert airesearch(folder, "step").code == 0
    ahead = Forger(folder, tmp_path / "ahead")
    assert airesearch(ahead.folder, "step").code == 0
    due = ahead.git("log", "--format=%(trailers:key=Program,valueonly)", "-1", ahead.steps(2)[0])
    forger = Forger(folder, tmp_path / "forged")
    real = forger.git("log", "--format=%(trailers:key=Program,valueonly)", "-1", forger.steps(1)[0])
    forger.forge(1, {0: lambda raw: raw.say(real, due)})
    done = airesearch(forger.folder, "step", "--json").json()
    assert (done["node"], done["status"]) == (2, "ok")


def test_only_a_first_trial_is_answered_from_the_record(tmp_path: Path) -> None:
    folder = toy(tmp_path / "lab", [lr(0.5, subject="again")])
    campaign = Campaign(open_lab(folder), os.environ)
    measure(campaign.now, campaign.now.tree.nodes[0], 2)
    assert airesearch(folder, "step").code == 0
    campaign.look()
    again = measure(campaign.now, campaign.now.tree.nodes[1], 2)
    assert [trial.status for trial in again.trials] == ["duplicate", "ok"]


def test_a_pattern_that_a_text_keeps_busy_for_good_is_an_outcome(tmp_path: Path) -> None:
    """Which text a person's pattern is held against is the candidate's to choose."""
    said = {"metric": "score", "goal": "maximize", "pattern": "((?:[0-9]+[.]?)+)%"}
    turns = [code("print('1' * 60)"), code("print('2%')")]
    files = {**toy_files(turns, objective=said, evaluate=None), "train.py": "print('1%')\n"}
    files["airesearch.yaml"] = files["airesearch.yaml"].replace("evaluate: null\n", "")
    lab = repository(tmp_path / "lab", files)
    assert airesearch(lab, "init").code == 0
    assert airesearch(lab, "run").code == 0
    first, second = airesearch(lab, "log", "--json").json()[1:3]
    assert (first["status"], second["status"]) == ("metric", "ok")
    assert "cannot be held against" in first["reason"]


def test_who_removes_files_has_written_nothing(tmp_path: Path) -> None:
    """A size below zero is false, and would be the best that `output_mb` can be."""
    files = toy_files([code(f"import os\nos.remove('lib/big')\n{WRITE.format('0.1')}\n")])
    lab = repository(tmp_path / "lab", {**files, "lib/big": "x" * 5_000})
    assert airesearch(lab, "init").code == 0
    assert airesearch(lab, "run").code == 0
    form = "--format=%(trailers:key=Output-Bytes,valueonly)"
    assert git(lab, "log", "-1", "--skip=1", form, "node/000001").split() == ["0"]
    said = airesearch(lab, "verify")
    assert said.code == 0, said.out
