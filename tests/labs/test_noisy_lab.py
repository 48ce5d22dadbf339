"""Real labs with a metric that varies: what is promoted, what it rests on, and who may stop it.

About two minutes on two cores.
"""

import json
import os
import re
import shutil
import time
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest
import warm
import yaml
from airesearch.agents import loop
from airesearch.agents.campaign import Campaign
from airesearch.agents.loop import step
from airesearch.agents.step.measure import measure
from airesearch.gitlab.lab.lab import open_lab
from airesearch.gitlab.record.facts import Verdict
from airesearch.gitlab.tree.node import Node
from bad_labs import complains, left_in_trials, whole, works
from noisy import BASELINE, commit_of, metric, noisy, story, trailer, turn
from toys import TRAIN as EXACT_TRAIN
from toys import airesearch, code, git, lr, toy

TURNS = [turn(0, tag=1), turn(12), turn(12, tag=2), turn(11.9, tag=3)]
"""Nothing changed; a big gain; and twice nothing against that."""


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lab that played all of `TURNS`."""
    folder = noisy(tmp_path_factory.mktemp("noisy") / "lab", TURNS)
    assert airesearch(folder, "run").code == 0
    return folder


@pytest.fixture
def lab(ended: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(ended, tmp_path / "lab", symlinks=True))


def trials(folder: Path) -> int:
    """Trials on all branches."""
    form = "--format=%(trailers:key=Trial,valueonly,separator=)"
    return len(git(folder, "log", "--branches", form).split())


def values(folder: Path, node: int, replicates: list[int]) -> list[float]:
    """What a node's trials measured."""
    return [
        metric(folder, git(folder, "log", "-1", "--format=%H",
                           f"--grep=^Trial: {node}\\.{n}$", f"node/{node:06d}").strip())
        for n in replicates
    ]  # fmt: skip


def is_true(folder: Path) -> None:
    said = airesearch(folder, "verify")
    assert said.code == 0, said.out + said.err
    whole(folder)


# What comes of a campaign.


def test_the_baseline_runs_six_trials_and_gives_the_noise(ended: Path) -> None:
    expected = ["propose", *(f"0.{n}" for n in range(1, BASELINE + 1)), "judge"]
    assert story(ended, "node/000000")[: len(expected)] == expected
    verdict = commit_of(ended, 0, "judge")
    assert re.fullmatch(r"[0-9.]+, 5 degrees of freedom", trailer(ended, "Noise", verdict))
    measured = values(ended, 0, [1, 2, 3, 4, 5, 6])
    assert metric(ended, verdict) == pytest.approx(fmean(measured))
    assert trailer(ended, "Evidence", verdict).startswith("n=6, 95% CI [")
    assert trailer(ended, "Error-Spent", verdict) == ""


def test_what_changes_nothing_is_not_promoted(ended: Path) -> None:
    nodes = airesearch(ended, "log", "--json").json()
    kept = {node["node"] for node in nodes if node["verdict"] == "keep"}
    assert kept == {0, 2}
    verdict = commit_of(ended, 1, "judge")
    assert trailer(ended, "Verdict", verdict) == "discard"
    assert re.match(r"n=[123] paired, 95% CI \[", trailer(ended, "Evidence", verdict))


def test_a_big_gain_is_promoted_on_fresh_trials(ended: Path) -> None:
    verdict, promotion = commit_of(ended, 2, "judge"), "main"
    done = story(ended, "node/000002")
    at = done.index("judge")
    screened, fresh = done[1:at], done[at + 1 :]
    assert screened[:4] == ["2.1", "2.2", "2.3", "2.7"]
    assert fresh[:3] == ["2.4", "2.5", "2.6"]
    assert trailer(ended, "Node", promotion) == "2"
    assert metric(ended, promotion) == pytest.approx(fmean(values(ended, 2, [4, 5, 6])))
    assert metric(ended, promotion) != metric(ended, verdict)
    assert trailer(ended, "Evidence", promotion).startswith("n=3, 95% CI [")
    assert float(trailer(ended, "Error-Spent", verdict)) == pytest.approx(0.025)
    assert re.match(r"n=\d paired, 95% CI \[-", trailer(ended, "Evidence", verdict))
    assert float(trailer(ended, "Delta", verdict)) == pytest.approx(-12, abs=3)
    sd, freedom = trailer(ended, "Noise", verdict).removesuffix(" degrees of freedom").split(", ")
    assert 0.3 < float(sd) < 2
    assert int(freedom) > 5


def test_both_sides_of_a_pair_have_the_same_seed(ended: Path) -> None:
    form = "--format=%(trailers:key=Trial,valueonly,separator=) %(trailers:key=Seed,valueonly)"
    seeds: dict[str, set[str]] = {}
    for line in git(ended, "log", "--branches", form).splitlines():
        trial, _, seed = line.partition(" ")
        if trial:
            seeds.setdefault(trial.partition(".")[2], set()).add(seed)
    assert all(len(found) == 1 for found in seeds.values()), seeds
    assert len(set.union(*seeds.values())) == len(seeds) >= 8


def test_best_and_status_say_how_sure_it_is(ended: Path) -> None:
    best = airesearch(ended, "best", "--json").json()
    low, high = best["metric"]["interval"]
    assert best["metric"]["trials"] == 3
    assert low < best["metric"]["value"] < high
    assert best["metric"]["value"] == metric(ended, "main")
    assert best["holdout"] is None
    assert "95% CI [" in airesearch(ended, "best").out
    assert re.search(r"noise +\d", airesearch(ended, "status").out)


def test_the_record_is_true(ended: Path) -> None:
    is_true(ended)


def test_without_noise_a_candidate_has_one_trial(tmp_path: Path) -> None:
    folder = toy(tmp_path / "lab", [lr(0.3), lr(0.4), lr(0.2)], promotion={})
    assert airesearch(folder, "run").code == 0
    assert len(story(folder, "node/000000")) == BASELINE + 2
    for node in (1, 2, 3):
        assert story(folder, f"node/{node:06d}") == ["propose", f"{node}.1", "judge"]
    assert airesearch(folder, "best", "--json").json()["node"] == 3
    assert trailer(folder, "Noise", "node/000003") == "0.0, 5 degrees of freedom"
    is_true(folder)


def test_simpler_code_may_be_a_little_worse(tmp_path: Path) -> None:
    shorter = EXACT_TRAIN.replace('print("trained with seed", os.environ["AIRESEARCH_SEED"])\n', "")
    worse = [code(shorter.replace("0.5", f"{value}"), f"LR {value}") for value in (0.7, 0.55)]
    folder = toy(tmp_path / "lab", [*worse, lr(0.56)], promotion={"simpler": 0.1})
    assert airesearch(folder, "run").code == 0
    assert airesearch(folder, "best", "--json").json()["node"] == 2
    assert "simpler by 1 code lines" in trailer(folder, "Reason", commit_of(folder, 2, "judge"))
    is_true(folder)


# What fails.


@pytest.fixture
def fragile(tmp_path: Path) -> tuple[Path, Path]:
    """A lab whose big gain crashes while a file exists, and that file."""
    (tmp_path / "data").mkdir()
    crash = tmp_path / "data" / "crash"
    gain = turn(12, code=f"if os.path.exists({str(crash)!r}): raise SystemExit(3)\n")
    return noisy(tmp_path / "lab", [gain], data=[str(crash.parent)]), crash


def test_a_crash_on_the_fourth_seed_fails_the_node(fragile: tuple[Path, Path]) -> None:
    folder, crash = fragile
    works(airesearch(folder, "run", "--trials", "3"))
    assert story(folder, "node/000001") == ["propose", "1.1", "1.2", "1.3"]
    crash.touch()
    step = airesearch(folder, "step", "--json").json()
    assert (step["trial"], step["status"], step["verdict"]) == ("1.7", "crash", "fail")
    assert not step["promoted"]
    assert story(folder, "node/000001")[-2:] == ["1.7", "judge"]
    assert trailer(folder, "Metric", commit_of(folder, 1, "judge")) == ""
    crash.unlink()
    complains(airesearch(folder, "replicate", "1"), "node 1 is crash", "airesearch show 1")
    assert airesearch(folder, "best", "--json").json()["node"] == 0
    is_true(folder)


def test_a_crash_on_a_fresh_seed_fails_a_winner(fragile: tuple[Path, Path]) -> None:
    """It was judged keep already; what crashes on one seed of nine is not promoted."""
    folder, crash = fragile
    works(airesearch(folder, "step"))
    while trailer(folder, "Action", "node/000001") != "judge":
        works(airesearch(folder, "step"))
    crash.touch()
    step = airesearch(folder, "step", "--json").json()
    assert (step["trial"], step["status"], step["promoted"]) == ("1.4", "crash", False)
    assert step["verdict"] == "fail"
    crash.unlink()
    assert airesearch(folder, "best", "--json").json()["node"] == 0
    assert story(folder, "node/000001")[-3:] == ["judge", "1.4", "judge"]
    is_true(folder)


@pytest.mark.parametrize("most", [7, 10, 13, 16])
def test_a_budget_that_ends_while_undecided_is_not_overshot(tmp_path: Path, most: int) -> None:
    folder = noisy(tmp_path / "lab", [turn(3), turn(3, tag=1)], budget={"trials": most})
    said = airesearch(folder, "run")
    assert said.code in (0, 3), said.err
    assert trials(folder) <= most
    again = airesearch(folder, "step")
    assert again.code == 3, again.err
    assert "budget" in again.err
    left = airesearch(folder, "log", "--json").json()
    assert any(node["verdict"] is None for node in left), "it was cut short"
    assert trailer(folder, "Action", "node/000001") == "measure"
    is_true(folder)


# Killed, replicated, edited by people, cloned.


def facts(folder: Path) -> list[tuple[Any, ...]]:
    """The record without times and ids of commits."""
    keys = ("Trial", "Status", "Metric", "Seed", "Verdict", "Incumbent", "Delta", "Evidence",
            "Noise", "Error-Spent", "Reason")  # fmt: skip
    form = "".join(f"%(trailers:key={key},valueonly,separator=%x2C)|" for key in keys)
    branches = git(folder, "for-each-ref", "--format=%(refname)", "refs/heads").split()
    return [
        (branch, *git(folder, "log", "--first-parent", f"--format={form}", branch).splitlines())
        for branch in branches
    ]


def test_killed_between_and_in_trials_the_record_is_the_same(ended: Path, tmp_path: Path) -> None:
    """SIGKILL after ever new fractions of a second; nothing is lost, doubled or decided anew."""
    folder = noisy(tmp_path / "lab", TURNS)
    for turn_ in range(14):
        worker = warm.begin(folder, "run")
        time.sleep(0.1 + 0.17 * (turn_ % 7))
        worker.kill()
        worker.communicate()
        for lock in (folder / ".git").rglob("*.lock"):
            lock.unlink()
    said = airesearch(folder, "run")
    assert said.code in (0, 3), said.err
    assert left_in_trials(folder) == []
    assert facts(folder) == facts(ended)
    is_true(folder)


def test_more_evidence_on_a_node_that_was_discarded(lab: Path) -> None:
    before = story(lab, "node/000001")
    lines = airesearch(lab, "replicate", "1", "--trials", "2", "--json").out.splitlines()
    steps = [json.loads(line) for line in lines]
    assert [step["node"] for step in steps] == [1, 1]
    after = story(lab, "node/000001")
    assert after[: len(before)] == before
    added = after[len(before) :]
    assert [done for done in added if done != "judge"] == [step["trial"] for step in steps]
    assert added[-1] == "judge"
    assert airesearch(lab, "best", "--json").json()["node"] == 2
    is_true(lab)


def test_more_evidence_on_the_best(lab: Path) -> None:
    before = airesearch(lab, "best", "--json").json()["metric"]
    works(airesearch(lab, "replicate", "2", "--trials", "3"))
    after = airesearch(lab, "best", "--json").json()["metric"]
    assert after["trials"] == before["trials"] + 3
    assert git(lab, "log", "-1", "--format=%s", "main").startswith("judge: promote node 2")
    width = [one["interval"][1] - one["interval"][0] for one in (before, after)]
    assert width[1] < width[0]
    is_true(lab)
    complains(airesearch(lab, "replicate", "99"), "no node 99", "airesearch log")


def test_a_person_edits_the_task_while_a_winner_is_estimated(tmp_path: Path) -> None:
    folder = noisy(tmp_path / "lab", [turn(12), turn(0, tag=1)])
    works(airesearch(folder, "step"))
    while trailer(folder, "Action", "node/000001") != "judge":
        works(airesearch(folder, "step"))
    assert airesearch(folder, "best", "--json").json()["node"] == 0, "not promoted yet"
    task = yaml.safe_load((folder / "airesearch.yaml").read_text())
    task["promotion"]["min_effect"] = 0.5
    (folder / "airesearch.yaml").write_text(yaml.safe_dump(task, sort_keys=False))
    git(folder, "commit", "-qam", "Small gains do not count")
    old = story(folder, "node/000001")
    works(airesearch(folder, "run", "--trials", str(BASELINE + 1)))
    assert story(folder, "node/000001") == old
    assert story(folder, "node/000002")[:-1] == ["propose", *(f"2.{n}" for n in range(1, 7))]
    assert airesearch(folder, "best", "--json").json()["node"] == 2
    assert trailer(folder, "Parent-Node", commit_of(folder, 3, "propose")) == "2"
    complains(airesearch(folder, "replicate", "1"), "older commit of the trunk", "airesearch log")
    is_true(folder)


def test_a_clone_goes_on_where_the_lab_stood(tmp_path: Path) -> None:
    folder = noisy(tmp_path / "lab", [turn(12), turn(0, tag=1)])
    works(airesearch(folder, "run", "--trials", "4"))
    assert trailer(folder, "Action", "node/000001") == "measure"
    git(tmp_path, "clone", "-q", "lab", "copy")
    copy = tmp_path / "copy"
    for there in (folder, copy):
        said = airesearch(there, "run")
        assert said.code == 0, said.err
        is_true(there)
    found = [airesearch(there, "best", "--json").json()["metric"] for there in (folder, copy)]
    assert found[0] == found[1]
    assert found[0]["trials"] == 3


# Timing, and the holdout.


def test_timing_pairs_are_run_back_to_back(tmp_path: Path) -> None:
    objective = {"metric": "val_error", "goal": "minimize", "timing": True}
    folder = noisy(tmp_path / "lab", [turn(12), turn(-5)], objective=objective)
    said = works(airesearch(folder, "run", "--json"))
    ran = [json.loads(line)["trial"] for line in said.out.splitlines()]
    first = ran[: ran.index("1.1")]
    assert first[:8] == ["1.7", "0.7", "0.8", "1.8", "1.9", "0.9", "0.10", "1.10"]
    for one, other in zip(first[::2], first[1::2], strict=True):
        assert one.partition(".")[2] == other.partition(".")[2]
        assert {one[0], other[0]} == {"0", "1"}
    assert ran[len(first) : len(first) + 3] == ["1.1", "1.2", "1.3"]
    assert trailer(folder, "Evidence", commit_of(folder, 1, "judge")).startswith("n=2 paired")
    assert airesearch(folder, "best", "--json").json()["node"] == 1
    next_pair = ran[len(first) + 3 : len(first) + 5]
    assert sorted(trial[0] for trial in next_pair) == ["1", "2"]
    is_true(folder)


@pytest.fixture(scope="module")
def looked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lab with a holdout that may be looked at twice, and three promotions."""
    holdout = {"evaluate": "python holdout.py", "metric": "sealed", "looks": 2}
    turns = [turn(20), turn(40)]
    folder = noisy(tmp_path_factory.mktemp("looked") / "lab", turns, holdout=holdout)
    said = airesearch(folder, "run")
    assert said.code == 0, said.err
    assert "the holdout's 2 looks are used up" in said.err
    return folder


def test_the_holdout_is_recorded_on_promotions_as_often_as_allowed(looked: Path) -> None:
    form = "--format=%(trailers:key=Node,valueonly,separator=)|%(trailers:key=Holdout,valueonly)"
    lines = [line for line in git(looked, "log", "--merges", form, "main").splitlines() if line]
    assert [line.partition("|")[0] for line in lines] == ["2", "1", "0"]
    looks = [line.partition("|")[2] for line in lines]
    assert looks[0] == ""
    assert re.fullmatch(r"sealed=(79|80|81)\.4242", looks[1])
    assert re.fullmatch(r"sealed=(9\d|10\d)\.4242", looks[2])
    is_true(looked)


def test_nothing_but_promotions_holds_what_the_holdout_said(looked: Path) -> None:
    """Of every object of the repository: no tree, no blob, no commit on a node's branch."""
    promotions = set(git(looked, "rev-list", "--merges", "main").split())
    listed = git(looked, "cat-file", "--batch-all-objects", "--batch-check=%(objectname)").split()
    telling = {
        oid for oid in listed if re.search(r"\d\.4242|Holdout", git(looked, "cat-file", "-p", oid))
    }
    assert telling <= promotions
    assert len(telling) == 2
    branches = git(looked, "for-each-ref", "--format=%(refname)", "refs/heads/node").split()
    on_nodes = set(git(looked, "rev-list", *branches).split())
    assert not telling & on_nodes
    found = [path for path in (looked / ".git" / "airesearch").rglob("*") if path.is_file()]
    assert not [path for path in found if b".4242" in path.read_bytes()]


def test_a_holdout_that_fails_stops_no_promotion(tmp_path: Path) -> None:
    holdout = {"evaluate": "python gone.py", "metric": "sealed"}
    folder = noisy(tmp_path / "lab", [], holdout=holdout)
    assert airesearch(folder, "best", "--json").json()["node"] == 0
    assert trailer(folder, "Holdout", "main") == ""
    is_true(folder)


def test_a_person_s_commit_before_a_winner_is_promoted_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It comes while a fresh trial of the winner runs: that grew from the trunk before it."""
    folder = noisy(tmp_path / "lab", [turn(12)])
    campaign = Campaign(open_lab(folder), dict(os.environ))
    while step(campaign).node.verdict is not Verdict.KEEP:
        pass

    def measure_and_commit(*given: Any) -> Node:
        measured = measure(*given)
        (folder / "notes.md").write_text("a person's\n")
        git(folder, "add", "notes.md")
        git(folder, "commit", "-qm", "A note")
        return measured

    monkeypatch.setattr(loop, "measure", measure_and_commit)
    assert not step(campaign).promoted
    assert git(folder, "log", "-1", "--format=%s", "main") == "A note\n"
    assert "Verdict" not in git(folder, "log", "-1", "--format=%B", "node/000001")
