"""Bounds, goal and promotion may change in mid-campaign: verdicts follow, and no trial is spent."""

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import aged
import pytest
import split_labs
from noisy import TRAIN as NOISY_TRAIN
from noisy import turn
from pushes import shared_lab
from split_labs import best, commit, edited, split, trials
from toys import airesearch, git, lr, repository

EVALUATE = """\
import json, os
score = float(open("out.txt").read())
json.dump({"val_error": score, "cost": 1 / score}, open(os.environ["AIRESEARCH_METRICS"], "w"))
"""


def bounded(most: float, **keys: Any) -> dict[str, Any]:
    return {"constraints": [{"metric": "cost", "max": most}], **keys}


def lab(folder: Path, most: float) -> Path:
    """Nodes that cost 2.5 (the baseline), 10, 20 and 5, with errors of 0.4, 0.1, 0.05 and 0.2."""
    turns = [lr(0.2), lr(0.15), lr(0.3)]
    return split(folder, turns, evaluate="python score.py", **bounded(most))


@pytest.fixture(autouse=True)
def _evaluator(monkeypatch: pytest.MonkeyPatch) -> None:
    files = split_labs.split_files
    monkeypatch.setattr(
        split_labs, "split_files", lambda *a, **k: {**files(*a, **k), "score.py": EVALUATE}
    )


def judge(folder: Path, most: float) -> None:
    """Change the bound; the script is over, so that a step can spend no trial."""
    before = trials(folder)
    commit(folder, {"airesearch.yaml": edited(folder, **bounded(most))})
    assert airesearch(folder, "step").code == 3
    assert trials(folder) == before
    said = airesearch(folder, "verify")
    assert said.code == 0, said.out


def outcomes(folder: Path) -> list[str]:
    nodes = airesearch(folder, "log", "--json").json()
    return [n["status"] if n["verdict"] == "fail" else n["verdict"] for n in nodes[::-1]]


def test_a_looser_bound_brings_back_what_missed_it(tmp_path: Path) -> None:
    folder = lab(tmp_path / "lab", 15)
    airesearch(folder, "run")
    assert (best(folder), outcomes(folder)) == (1, ["keep", "keep", "gate", "discard"])
    judge(folder, 25)
    assert (best(folder), outcomes(folder)) == (2, ["keep", "keep", "keep", "discard"])
    assert "LR = 0.15" in (folder / "train.py").read_text()
    assert airesearch(folder, "best", "--json").json()["metric"]["value"] == pytest.approx(0.05)


def test_a_tighter_bound_steps_the_incumbent_down(tmp_path: Path) -> None:
    folder = lab(tmp_path / "lab", 100)
    airesearch(folder, "run")
    assert best(folder) == 2
    judge(folder, 15)
    assert (best(folder), outcomes(folder)) == (1, ["keep", "keep", "gate", "discard"])
    assert "LR = 0.2" in (folder / "train.py").read_text()
    assert git(folder, "log", "-1", "--format=%s").startswith("judge: step down to node 1")
    assert "cost is 20, over the 15 allowed" in airesearch(folder, "show", "2").out
    judge(folder, 100)
    assert (best(folder), outcomes(folder)) == (2, ["keep", "keep", "keep", "discard"])


def test_down_to_the_baseline_and_to_nothing(tmp_path: Path) -> None:
    folder = lab(tmp_path / "lab", 100)
    airesearch(folder, "run")
    judge(folder, 4)
    assert (best(folder), outcomes(folder)) == (0, ["keep", "gate", "gate", "gate"])
    judge(folder, 2)
    assert airesearch(folder, "best").code == 1
    judge(folder, 6)
    assert best(folder) == 3, "the best that holds, unopposed: the baseline is dearer than nothing"


def test_another_goal(tmp_path: Path) -> None:
    folder = lab(tmp_path / "lab", 100)
    airesearch(folder, "run")
    before = trials(folder)
    objective = {"metric": "val_error", "goal": "maximize"}
    commit(folder, {"airesearch.yaml": edited(folder, objective=objective)})
    assert airesearch(folder, "step").code == 3
    assert trials(folder) == before
    assert airesearch(folder, "verify").code == 0


def test_a_shared_lab_takes_it(tmp_path: Path) -> None:
    folder = lab(tmp_path / "lab", 100)
    airesearch(folder, "run")
    shared = shared_lab(tmp_path / "shared.git").as_uri()
    git(folder, "push", "-q", shared, "--all")
    judge(folder, 15)
    git(folder, "push", "-q", shared, "--all")
    judge(folder, 100)
    git(folder, "push", "-q", shared, "--all")


def test_a_baseline_that_missed_a_bound_is_judged_again(tmp_path: Path) -> None:
    files = split_labs.split_files([lr(0.2)], evaluate="python score.py", **bounded(2))
    folder = repository(tmp_path / "lab", files)
    assert airesearch(folder, "init").code == 1
    assert outcomes(folder)[0] == "gate"
    commit(folder, {"airesearch.yaml": edited(folder, **bounded(3))})
    airesearch(folder, "run")
    assert outcomes(folder)[0] == "keep"
    assert airesearch(folder, "verify").code == 0
    assert airesearch(folder, "status", "--json").json()["best"]["baseline"] == pytest.approx(0.4)


def test_what_changed_is_said(tmp_path: Path) -> None:
    folder = lab(tmp_path / "lab", 100)
    airesearch(folder, "run")
    commit(folder, {"airesearch.yaml": edited(folder, **bounded(15))})
    said = airesearch(folder, "step").err
    why = "node 2: cost is 20, over the 15 allowed by 5"
    assert f"the trunk stepped down to node 1, the best that holds; {why}" in said


def test_looser_then_tighter_than_before(tmp_path: Path) -> None:
    """What was promoted after a bound was loosened, and missed it when it was measured."""
    folder = lab(tmp_path / "lab", 6)
    airesearch(folder, "run")
    assert (best(folder), outcomes(folder)) == (3, ["keep", "gate", "gate", "keep"])
    judge(folder, 15)
    assert best(folder) == 1
    judge(folder, 25)
    assert best(folder) == 2
    judge(folder, 6)
    assert (best(folder), outcomes(folder)) == (3, ["keep", "gate", "gate", "keep"])
    judge(folder, 2)
    judge(folder, 25)
    assert best(folder) == 2


LATE = """
import sys, time
from pathlib import Path
from airesearch.agents.step import judge
from airesearch.cli import main
ruled, here, go_on = judge.rule, Path(sys.argv.pop()), Path(sys.argv.pop())
def rule(now, node, task):
    found = ruled(now, node, task)
    here.touch()
    while not go_on.exists():
        time.sleep(0.05)
    return found
judge.rule = rule
main()
"""


def test_a_verdict_that_came_late_is_looked_at_too(tmp_path: Path) -> None:
    """By a worker that had read the rules before, once others had judged all by the new ones."""
    folder, here, go_on = lab(tmp_path / "lab", 9), tmp_path / "here", tmp_path / "go-on"
    late = subprocess.Popen([sys.executable, "-c", LATE, "step", go_on, here], cwd=folder)
    while not here.exists():
        time.sleep(0.05)
    commit(folder, {"airesearch.yaml": edited(folder, **bounded(15))})
    assert airesearch(folder, "step").code == 0
    go_on.touch()
    assert late.wait(60) == 0
    assert outcomes(folder)[1] == "gate"
    airesearch(folder, "step")
    assert outcomes(folder)[1] == "keep"
    assert best(folder) == 1
    assert airesearch(folder, "verify").code == 0


def test_judged_elsewhere_by_other_rules_meanwhile(tmp_path: Path) -> None:
    """What is noted as done was done to other verdicts."""
    folder, other = lab(tmp_path / "lab", 100), tmp_path / "other"
    airesearch(folder, "run")
    judge(folder, 101)
    git(tmp_path, "clone", "-q", str(folder), "other")
    for node in range(4):
        git(other, "branch", "-q", f"node/{node:06d}", f"origin/node/{node:06d}")
    judge(other, 15)
    commit(other, {"airesearch.yaml": edited(other, **bounded(101))})
    git(folder, "pull", "-q", "--ff-only", str(other), "main")
    git(folder, "fetch", "-q", str(other), "refs/heads/node/*:refs/heads/node/*")
    assert outcomes(folder)[2] == "gate"
    airesearch(folder, "step")
    assert (best(folder), outcomes(folder)) == (2, ["keep", "keep", "keep", "discard"])


def test_where_days_lie_between_the_records(tmp_path: Path) -> None:
    """No claim holds by the minutes alone that clocks may differ by."""
    folder, clock = tmp_path / "lab", aged.start(tmp_path / "clock")
    turns = [turn(5), turn(6.5, 1)]
    files = split_labs.split_files(turns, evaluate="python score.py", promotion={"min_effect": 3})
    repository(folder, {**files, "train.py": NOISY_TRAIN})
    assert aged.airesearch(clock, folder, "init") == 0
    aged.airesearch(clock, folder, "run")
    assert outcomes(folder) == ["keep", "contend", "keep"]
    changes: list[tuple[dict[str, Any], list[str | None]]] = [
        ({"promotion": {}}, ["keep", "contend", "keep"]),
        ({"promotion": {"min_effect": 7}}, ["keep", "contend", "keep"]),
        ({"constraints": [{"metric": "val_error", "max": 98}]}, ["keep", "contend", "keep"]),
        ({"constraints": [{"metric": "val_error", "max": 80}]}, ["keep", "gate", "keep"]),
        ({"constraints": []}, ["keep", "discard", "keep"]),
    ]
    for keys, verdicts in changes:
        aged.commit(clock, folder, airesearch__yaml=edited(folder, **keys))
        aged.airesearch(clock, folder, "run", "--trials", "2")
        assert outcomes(folder) == verdicts, keys
        said = airesearch(folder, "verify")
        assert said.code == 0, said.out
    told = git(folder, "log", "--all", "--format=%(trailers:key=Verdict,valueonly,separator=)")
    assert "contend" in told.split()
