"""The shipped examples, run as a lab runs them: candidate and evaluator in folders of their own."""

import json
import os
import pickle
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from airesearch.agents.proposers.tuner.knobs import find
from airesearch.examples import folder, names
from airesearch.policies.task.task import Task, parse_task

SETTINGS = ("airesearch.yaml", "team.yaml")
FILES = {*SETTINGS, "train.py", "evaluate.py", "make_data.py", "README.md"}
CLASSIFIERS = ("digits", "speedrun")
KNOBS = {
    "digits": "LEARNING_RATE EPOCHS BATCH_SIZE MOMENTUM WEIGHT_DECAY HIDDEN MAX_SHIFT STANDARDIZE "
    "ACTIVATION SCHEDULE",
    "charlm": "LEARNING_RATE BATCH_SIZE MOMENTUM CONTEXT EMBED HIDDEN LAYERS ANNEAL",
    "speedrun": "EPOCHS BATCH_SIZE LEARNING_RATE MOMENTUM HIDDEN CHECK_EVERY KEEP_BEST",
}
BETTER_DIGITS = "LEARNING_RATE=0.05 MOMENTUM=0.9 EPOCHS=30 HIDDEN=96 MAX_SHIFT=1 STANDARDIZE=True"
Labs = dict[str, Path]


@dataclass(frozen=True)
class Score:
    """What the evaluator left: its exit code, what it said on stderr, the metrics it wrote."""

    code: int
    said: str
    metrics: dict[str, float]


def python(script: str, at: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    env = {"PATH": os.defpath, "PYTHONDONTWRITEBYTECODE": "1", **variables}
    command = [sys.executable, script]
    return subprocess.run(
        command, cwd=at, env=env, capture_output=True, text=True, timeout=60, check=False
    )


def new_lab(name: str, path: Path, data_seed: int) -> Path:
    path.mkdir()
    for file in FILES:
        shutil.copy(folder(name) / file, path)
    made = python("make_data.py", path, AIRESEARCH_DATA_SEED=str(data_seed))
    assert made.returncode == 0, made.stderr
    return path


@pytest.fixture(scope="module")
def labs(tmp_path_factory: pytest.TempPathFactory) -> Labs:
    """One lab of each example; tests read them and write elsewhere."""
    root = tmp_path_factory.mktemp("labs")
    return {name: new_lab(name, root / name, 7) for name in names()}


def task_of(lab: Path) -> Task:
    return parse_task(*((lab / file).read_text() for file in SETTINGS))


def copied(lab: Path, to: Path, wanted: Callable[[str], bool]) -> Path:
    to.mkdir()
    for entry in filter(lambda one: wanted(one.name), lab.iterdir()):
        (shutil.copytree if entry.is_dir() else shutil.copy)(entry, to / entry.name)
    return to


def trained(lab: Path, at: Path, edits: str, seed: int = 1) -> Path:
    """The candidate's folder after training with these constants in train.py."""
    copied(lab, at, lambda name: name != "private")
    source = (at / "train.py").read_text()
    for name, _, value in (edit.partition("=") for edit in edits.split()):
        source, count = re.subn(rf"(?m)^{name} = \S+", f"{name} = {value}", source)
        assert count == 1
    (at / "train.py").write_text(source)
    ran = python("train.py", at, AIRESEARCH_SEED=str(seed))
    assert ran.returncode == 0, ran.stderr
    return at


def evaluated(lab: Path, produced: Path, at: Path) -> Score:
    """The evaluator's word on the outputs in `produced`; its folder holds nothing else of it."""
    task = task_of(lab)
    copied(lab, at, lambda name: name in task.protected_paths)
    for output in filter(lambda path: (produced / path).exists(), task.outputs):
        shutil.copy(produced / output, at / output)
    file = at.with_suffix(".json")
    ran = python("evaluate.py", at, AIRESEARCH_METRICS=str(file))
    return Score(ran.returncode, ran.stderr, json.loads(file.read_text()) if file.exists() else {})


def assert_refused(score: Score) -> None:
    assert (score.code, score.metrics) == (1, {})
    assert re.fullmatch(r"(predictions\.npy|model\.npz)\W.*\n", score.said), score.said


@pytest.mark.parametrize("name", names())
def test_an_example_ships_six_files_that_say_what_they_are(name: str) -> None:
    assert {path.name for path in folder(name).iterdir()} - {"__pycache__"} == FILES
    for file in SETTINGS:
        lines = [line for line in (folder(name) / file).read_text().splitlines() if line]
        comments = [line.strip().startswith("#") for line in lines]
        unexplained = [
            line for i, line in enumerate(lines) if not any(comments[max(i - 1, 0) : i + 1])
        ]
        assert unexplained == []
    assert task_of(folder(name)).is_split
    knobs = find((folder(name) / "train.py").read_text())
    assert " ".join(knob.name for knob in knobs) == KNOBS[name]


def test_an_unknown_example_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"'mnist'.*digits, charlm, speedrun"):
        folder("mnist")


@pytest.mark.parametrize(
    ("name", "edits", "low", "high"),
    [
        ("digits", "", 0.12, 0.4),  # chance is 0.9
        ("digits", BETTER_DIGITS, 0.01, 0.09),
        ("charlm", "TRAIN_SECONDS=1", 1.5, 4.0),  # letter frequencies alone give 4.19
        ("speedrun", "EPOCHS=20", 0.97, 1.0),  # chance is 0.33, the gate 0.95
    ],
)
def test_a_trial_scores_in_its_range(
    labs: Labs, tmp_path: Path, name: str, edits: str, low: float, high: float
) -> None:
    lab, produced = labs[name], trained(labs[name], tmp_path / "candidate", edits)
    score = evaluated(lab, produced, tmp_path / "evaluator")
    assert score.code == 0, score.said
    (value,) = score.metrics.values()
    assert low <= value <= high


def test_digits_depends_on_the_seed_and_on_nothing_else(labs: Labs, tmp_path: Path) -> None:
    runs = [
        trained(labs["digits"], tmp_path / str(i), "", seed) for i, seed in enumerate((0, 0, 1))
    ]
    assert python("train.py", runs[1]).returncode == 0  # by hand, seed 0
    first, by_hand, other = [(run / "predictions.npy").read_bytes() for run in runs]
    assert first == by_hand != other


def test_evaluating_by_hand_prints_the_metrics(labs: Labs, tmp_path: Path) -> None:
    at = copied(labs["digits"], tmp_path / "lab", lambda name: name != "data")
    labels = np.load(at / "private" / "val_labels.npy")
    np.save(at / "predictions.npy", np.zeros_like(labels))
    assert json.loads(python("evaluate.py", at).stdout) == {"val_error": np.mean(labels != 0)}


@pytest.mark.parametrize("name", names())
def test_data_follows_from_its_seed(labs: Labs, tmp_path: Path, name: str) -> None:
    def contents(lab: Path) -> dict[str, bytes]:
        made = [*(lab / "data").iterdir(), *(lab / "private").iterdir()]
        return {str(file.relative_to(lab)): file.read_bytes() for file in made}

    first = contents(labs[name])
    assert contents(new_lab(name, tmp_path / "same", 7)) == first
    other = contents(new_lab(name, tmp_path / "other", 8))
    assert {path for path in first if first[path] != other[path]} == other.keys()
    assert max(map(len, first.values())) < 1_000_000


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_no_data_and_no_order_tells_the_sealed_labels(labs: Labs, name: str) -> None:
    labels = np.load(labs[name] / "private" / "val_labels.npy")
    arrays = [np.load(file).ravel().astype(np.int64) for file in (labs[name] / "data").iterdir()]
    windows = [np.lib.stride_tricks.sliding_window_view(array, 30) for array in arrays]
    assert not any((window == labels[:30]).all(axis=1).any() for window in windows)
    assert abs(np.mean(labels[1:] == labels[:-1]) - 1 / len(set(labels))) < 0.06


def test_the_sealed_text_is_not_in_the_training_text(labs: Labs) -> None:
    sealed = (labs["charlm"] / "private" / "val.txt").read_text()
    seen = (labs["charlm"] / "data" / "train.txt").read_text()
    pieces = [sealed[at : at + 200] for at in range(0, len(sealed) - 200, 50)]
    assert [piece for piece in pieces if piece in seen] == []


BAD_PREDICTIONS: dict[str, Callable[[Any], Any]] = {
    "too few": lambda labels: labels[:-1],
    "scores": lambda labels: np.zeros((len(labels), 3), np.int64),
    "not a number": lambda labels: np.full(len(labels), np.nan),
    "too large": lambda labels: labels + 10,
    "negative": lambda labels: labels - 10,
    "objects": lambda labels: np.array([*labels], dtype=object),
}


@pytest.mark.parametrize("bad", BAD_PREDICTIONS)
@pytest.mark.parametrize("name", CLASSIFIERS)
def test_bad_predictions_are_refused(labs: Labs, tmp_path: Path, name: str, bad: str) -> None:
    labels = np.load(labs[name] / "private" / "val_labels.npy")
    np.save(tmp_path / "predictions.npy", BAD_PREDICTIONS[bad](labels))
    assert_refused(evaluated(labs[name], tmp_path, tmp_path / "evaluator"))


@pytest.mark.parametrize("name", names())
def test_a_pickle_is_not_run(labs: Labs, tmp_path: Path, name: str) -> None:
    # The program of a pickle that calls os.mkdir when it is read.
    program = f"cos\nmkdir\n(V{tmp_path / 'ran'}\ntR.".encode()
    pickle.loads(program.replace(b"ran", b"proof"))
    assert (tmp_path / "proof").exists()
    assert_refused(evaluated(labs[name], tmp_path, tmp_path / "without output"))
    for output in task_of(labs[name]).outputs:
        (tmp_path / output).write_bytes(program)
    assert_refused(evaluated(labs[name], tmp_path, tmp_path / "pickled"))
    assert not (tmp_path / "ran").exists()
