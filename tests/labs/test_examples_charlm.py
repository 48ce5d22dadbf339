"""The evaluator of charlm: it runs the model itself, and refuses one that does not fit."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from airesearch.examples import folder


def even_model() -> dict[str, Any]:
    """A network of context 2 that gives every symbol the same score."""
    return {
        "embedding": np.zeros((30, 4)),
        "weight_0": np.zeros((8, 5)),
        "bias_0": np.zeros(5),
        "weight_1": np.zeros((5, 30)),
        "bias_1": np.zeros(30),
    }


def evaluated(at: Path, model: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    """The evaluator run by hand in `at`, on a sealed text of 100 characters: abab..."""
    shutil.copy(folder("charlm") / "evaluate.py", at)
    (at / "private").mkdir()
    (at / "private" / "val.txt").write_text("ab" * 50)
    np.savez_compressed(at / "model.npz", **model)
    env = {"PATH": os.defpath, "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "evaluate.py"]
    return subprocess.run(
        command, cwd=at, env=env, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize("everywhere", [0.0, 1000.0, -1000.0])
def test_the_evaluator_normalises(tmp_path: Path, everywhere: float) -> None:
    ran = evaluated(tmp_path, {**even_model(), "bias_1": np.full(30, everywhere)})
    assert json.loads(ran.stdout) == pytest.approx({"val_bpb": np.log2(30)})


def test_the_context_ends_with_the_nearest_character(tmp_path: Path) -> None:
    a, b = 4, 5
    weight = np.zeros((60, 30))
    weight[30 + a, b] = weight[30 + b, a] = 30.0  # whatever stands before those
    ran = evaluated(tmp_path, {"embedding": np.eye(30), "weight_0": weight, "bias_0": np.zeros(30)})
    # Only the first character, after line ends, is a guess among thirty.
    assert json.loads(ran.stdout) == pytest.approx({"val_bpb": np.log2(30) / 100}, abs=1e-6)


BAD_MODELS: dict[str, dict[str, Any]] = {
    "not a number": {"bias_0": np.full(5, np.nan)},
    "infinite scores": {"weight_0": np.ones((8, 5)), "embedding": np.full((30, 4), 3e38)},
    "a layer too wide": {"weight_0": np.zeros((8, 6))},
    "half a context": {"weight_0": np.zeros((7, 5))},
    "too much context": {"weight_0": np.zeros((4 * 65, 5))},
    "a symbol missing": {"weight_1": np.zeros((5, 29)), "bias_1": np.zeros(29)},
    "no embedding": {"embedding": np.zeros((30, 0))},
    "an array too many": {"temperature": np.ones(1)},
    "a bias too many": {"bias_2": np.ones(30)},
    "too many weights": {"weight_0": np.zeros((8, 60_000)), "bias_0": np.zeros(60_000)},
    "too many bytes": {"weight_0": np.zeros((8, 200_000))},
    "objects": {"bias_0": np.array([None] * 5, dtype=object)},
    "text": {"bias_0": np.array(["a"] * 5)},
}


@pytest.mark.parametrize("bad", BAD_MODELS)
def test_bad_models_are_refused_in_one_line(tmp_path: Path, bad: str) -> None:
    ran = evaluated(tmp_path, {**even_model(), **BAD_MODELS[bad]})
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr.startswith("model.npz")
    assert len(ran.stderr.splitlines()) == 1
