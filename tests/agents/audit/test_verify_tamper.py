"""Every claim that is forged is named by the commit that makes it."""

from collections.abc import Callable
from pathlib import Path

import pytest
from forgeries import (
    JUDGE,
    LEAF,
    MEASURE,
    PROPOSE,
    RESULT,
    agent_on_trunk,
    author,
    baseline_elsewhere,
    better_everywhere,
    changes,
    denied_was_ok,
    extra_parent,
    grafted,
    honest_about,
    impostor,
    invalid_was_ok,
    judged_unmeasured,
    missing_object,
    never_run,
    no_proposal,
    on_trunk,
    other_seed,
    plain_commit,
    program_of,
    promoted,
    promotion_of_a_measure,
    promotion_of_another_tree,
    record_on_trunk,
    result,
    run_twice,
    says,
    trunk_parents,
    twice_measured,
)
from forging import Forger, audited
from labs_to_verify import healthy
from toys import TRAIN, airesearch, code, lr, toy


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """See `labs_to_verify`."""
    return healthy(tmp_path_factory.mktemp("tamper") / "lab")


FORGERIES: dict[str, tuple[Callable[[Forger], str], str]] = {
    "files in Diff": (says(LEAF, PROPOSE, "Diff: 1 file,", "Diff: 2 files,"), "files differ"),
    "lines in Diff": (says(LEAF, PROPOSE, ", +1 -1", ", +2 -1"), "do not lead"),
    "more lines than there are": (says(LEAF, PROPOSE, ", +1 -1", ", +99 -99"), "in files of"),
    "fewer lines than differ": (says(LEAF, PROPOSE, ", +1 -1", ", +0 -0"), "lines are gone"),
    "Diff-Path": (says(LEAF, PROPOSE, "Diff-Path: train.py", "Diff-Path: x.py"), "Diff-Path"),
    "Candidate": (says(LEAF, PROPOSE, "Candidate: ", "Candidate: 0"), "Candidate"),
    "Protocol": (says(LEAF, PROPOSE, "Protocol: ", "Protocol: 0"), "Protocol"),
    "Operator": (says(LEAF, PROPOSE, "Operator: improve", "Operator: imagine"), "not a record"),
    "Node": (says(LEAF, PROPOSE, f"Node: {LEAF}\n", "Node: 99\n"), "of node 99"),
    "Parent-Node": (says(LEAF, PROPOSE, "Parent-Node: 9", "Parent-Node: 3"), "not on the branch"),
    "Parent-Node of the future": (says(LEAF, PROPOSE, "Parent-Node: 9", "Parent-Node: 11"),
                                  "not older"),
    "a subject by another": (says(LEAF, MEASURE, "runner: ", "ronner: "), "not a record"),
    "text after the record": (says(LEAF, MEASURE, "Action: ", "X: y\nAction: "), "not a record"),
    "author's name": (author("joe", "runner@airesearch"), "its author is"),
    "author's mail": (author("runner", "runner@example.org"), "its author is"),
    "an agent that is not on the team": (impostor(LEAF, PROPOSE, "scripted", "mallory"), "team"),
    "a proposer that measures": (impostor(LEAF, MEASURE, "runner", "scripted"), "not who acts"),
    "a runner that judges": (impostor(LEAF, JUDGE, "judge", "runner"), "not who acts"),
    "another parent": (grafted, "is not on the branch"),
    "a baseline from a promotion": (baseline_elsewhere, "no commit of people"),
    "judged without a trial": (judged_unmeasured, "its actions come as"),
    "the same trial twice": (twice_measured, "replicate 1 is not the next one"),
    "a commit that records nothing": (plain_commit, "records nothing"),
    "a branch without a proposal": (no_proposal, "no proposal"),
    "a merge on a branch": (extra_parent, "has 2 parents"),
    "a protected file": (honest_about("evaluate.py"), "is protected"),
    "a file nobody may edit": (honest_about("other.txt"), "not among"),
    "git's own file": (honest_about(".gitattributes"), "configure git"),
    "an undeclared file": (changes(LEAF, PROPOSE, "lib/x.py"), "files differ"),
    "a baseline that changes": (changes(11, PROPOSE, "train.py"), "a baseline changes"),
    "the runner edits code": (changes(LEAF, MEASURE, "train.py"), "runner may not change"),
    "the judge edits code": (changes(LEAF, JUDGE, "train.py"), "judge may change nothing"),
    "the judge edits a result": (changes(LEAF, JUDGE, RESULT), "judge may change nothing"),
    "a refusal that changes code": (changes(4, PROPOSE, "train.py"), "train.py differs"),
    "a refusal with a Diff": (says(4, PROPOSE, "0 files, +0 -0", "1 file, +1 -0"), "Diff is"),
    "Metric in the trailers": (says(LEAF, MEASURE, "=0.1", "=0.0"),
                               "another metrics"),
    "Metric in the file": (lambda f: f.forge(LEAF, {MEASURE: lambda raw: raw},
                                             result(f, LEAF, metrics={"val_error": 0.0})),
                           "another metrics"),
    "no result file": (lambda f: f.forge(LEAF, {MEASURE: lambda raw: raw}, {RESULT: None}),
                       "missing or no JSON"),
    "Metric everywhere": (better_everywhere, "the trials give keep"),
    "the subject's number": (says(LEAF, MEASURE, "runner: val_error 0.1", "runner: val_error 0"),
                             "its result is"),
    "Seed": (other_seed, "its Seed is 7"),
    "Trial": (says(LEAF, MEASURE, f"Trial: {LEAF}.1", f"Trial: {LEAF}.2"),
              "replicate 2 is not the next one"),
    "Trial of another node": (says(LEAF, MEASURE, f"Trial: {LEAF}.1", "Trial: 9.1"),
                              "it says it is trial"),
    "Candidate of the trial": (says(LEAF, MEASURE, "Candidate: ", "Candidate: 0"),
                               "not what was proposed"),
    "Environment": (says(LEAF, MEASURE, "Environment: ", "Environment: 0"), "Environment"),
    "Duration": (says(LEAF, MEASURE, "Duration: ", "Duration: 1"), "another seconds"),
    "Peak-Memory": (says(LEAF, MEASURE, "Peak-Memory: ", "Peak-Memory: 1"), "another peak_memory"),
    "Output-Bytes": (says(LEAF, MEASURE, "Output-Bytes: ", "Output-Bytes: 1"), "another output"),
    "Evaluator": (says(LEAF, MEASURE, "Evaluator: pinned", "Evaluator: self-reported"),
                  "the task's is pinned"),
    "Executor": (says(LEAF, MEASURE, "Executor: local", "Executor: moon"), "no trial of this task"),
    "a denied trial that was ok": (denied_was_ok, "its Status is ok"),
    "an invalid trial that was ok": (invalid_was_ok, "did not report"),
    "a duplicate of another": (says(7, MEASURE, "as node 3,", "as node 2,"), "duplicate of no"),
    "the same run twice": (run_twice, "had answered the same"),
    "Verdict": (says(LEAF, JUDGE, "Verdict: discard", "Verdict: keep"), "give discard"),
    "Delta": (says(LEAF, JUDGE, "Delta: +", "Delta: -"), "its Delta is"),
    "Evidence": (says(LEAF, JUDGE, "Evidence: n=1", "Evidence: n=9"), "its Evidence is"),
    "Reason": (says(LEAF, JUDGE, "worse than", "better than"), "its Reason is"),
    "Metric of the verdict": (says(LEAF, JUDGE, "Metric: val_error=0.1", "Metric: val_error=0.0"),
                              "not those that were measured"),
    "an incumbent long replaced": (says(LEAF, JUDGE, "Incumbent: 9", "Incumbent: 1"),
                                   "had been replaced"),
    "no incumbent": (says(LEAF, JUDGE, "Incumbent: 9\n", ""), "names no Incumbent"),
    "an incumbent never promoted": (says(LEAF, JUDGE, "Incumbent: 9", "Incumbent: 2"),
                                    "never promoted"),
    "an incumbent of another base": (says(13, JUDGE, "Incumbent: 12", "Incumbent: 9"),
                                     "never promoted from the same base"),
    "a promotion's tree": (promotion_of_another_tree, "is not the winner's"),
    "a promotion with one parent": (trunk_parents(0), "has two parents"),
    "a promotion with parents swapped": (trunk_parents(1, 0), "two parents|trunk holds|not on"),
    "a promotion of a measure commit": (promotion_of_a_measure, "not judged keep"),
    "a promotion of a discarded node": (promoted(13), "not judged keep"),
    "a promotion a second time": (promoted(12), "promoted before"),
    "a promotion across bases": (promoted(9), "another base"),
    "Metric of a promotion": (on_trunk("Metric: val_error=", "Metric: val_error=-"),
                              "not those that were measured"),
    "Baseline": (on_trunk("Baseline: val_error=0.5", "Baseline: val_error=5.0"), "Baseline"),
    "Improvement": (on_trunk("Improvement: -", "Improvement: -1"), "Improvement"),
    "Parent-Node of a promotion": (on_trunk("Parent-Node: 12", "Parent-Node: 9"), "Parent-Node"),
    "a trial on trunk": (record_on_trunk, "trunk holds a measure"),
    "an agent's plain commit on trunk": (agent_on_trunk, "an agent's name"),
    "an object that is gone": (missing_object, "is missing"),
}  # fmt: skip


SAME = "same program as node {} (formatting and comments aside), which was {}, val_error=0.4"
TWINS: dict[str, tuple[Callable[[Forger], str], str]] = {
    "the Program of another node": (program_of(2, 0), "and its files give another"),
    "the Program of a later node": (program_of(0, 2), "and its files give another"),
    "a Program of its own": (says(3, PROPOSE, "Program: ", "Program: 0"), "its files give another"),
    "a Program of its own, first": (program_of(2, 0), "its Program is"),
    "a duplicate of another program": (never_run(2, SAME.format(0, "ok")),
                                       "no duplicate of node 0: train.py differs by more"),
    "a duplicate of another candidate": (
        says(1, MEASURE, "Reason: same program", "Reason: same candidate"), "a duplicate of no"
    ),
    "a duplicate of another end": (says(1, MEASURE, "which was ok", "which was crash"),
                                   "a duplicate of no"),
    "a duplicate of itself": (says(1, MEASURE, "as node 0", "as node 1"), "a duplicate of no"),
    "a duplicate of a later node": (says(1, MEASURE, "as node 0", "as node 2"), "duplicate of no"),
    "a duplicate of a duplicate": (never_run(2, SAME.format(1, "duplicate")), "duplicate of no"),
    "a duplicate of no node": (
        says(1, MEASURE, "Reason: same program as node 0", "Reason: same program as node 7"),
        "a duplicate of no",
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def twins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Node 1 is node 0 with a comment, node 3 is node 2."""
    turns = [code(TRAIN + "# the same\n"), lr(0.3), lr(0.3)]
    folder = toy(tmp_path_factory.mktemp("tamper") / "lab", turns)
    assert airesearch(folder, "run").code == 0
    return folder


@pytest.mark.parametrize("name", TWINS)
def test_a_false_twin_is_named_by_its_commit(name: str, twins: Path, tmp_path: Path) -> None:
    forger = Forger(twins, tmp_path / "lab")
    make, said = TWINS[name]
    commit = make(forger)
    found = audited(forger.folder).falsehoods
    assert any(said in one.what for one in found if one.commit == commit), (commit, found)


def test_a_duplicate_by_program_is_false_where_lines_are_counted(tmp_path: Path) -> None:
    gate = [{"metric": "code_lines", "max": 50}]
    folder = toy(tmp_path / "lab", [code(TRAIN + "# a line\n")], constraints=gate)
    assert airesearch(folder, "run").code == 0
    forger = Forger(folder, tmp_path / "forged")
    commit = never_run(1, SAME.format(0, "ok"))(forger)
    found = [one.what for one in audited(forger.folder).falsehoods if one.commit == commit]
    assert any("the task counts lines" in what for what in found), found


def test_the_twins_forged_from_are_true(twins: Path, tmp_path: Path) -> None:
    assert audited(Forger(twins, tmp_path / "lab").folder).falsehoods == []


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forgery_is_named_by_its_commit(name: str, lab: Path, tmp_path: Path) -> None:
    forger = Forger(lab, tmp_path / "lab")
    make, said = FORGERIES[name]
    commit = make(forger)
    found = audited(forger.folder).falsehoods
    named = [one.what for one in found if one.commit == commit]
    assert any(word in what for what in named for word in said.split("|")), (commit, found)


def test_the_lab_forged_from_is_true(lab: Path, tmp_path: Path) -> None:
    assert audited(Forger(lab, tmp_path / "lab").folder).falsehoods == []
