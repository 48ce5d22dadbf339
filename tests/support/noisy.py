"""Labs whose metric varies with the seed, and what their records say."""

from pathlib import Path
from typing import Any

import yaml
from toys import TASK, airesearch, git, repository

TRAIN = """\
import os, random
GAIN = 0.0
TAG = 0
NOISE = 1.0
# The same seed and code give the same score, as they should.
draw = random.Random(f"{os.environ['AIRESEARCH_SEED']}/{GAIN}/{TAG}").gauss(0, NOISE)
open("out.txt", "w").write(str(100 - GAIN + draw))
"""
EVALUATE = """\
import json, os
score = float(open("out.txt").read())
json.dump({"val_error": score}, open(os.environ["AIRESEARCH_METRICS"], "w"))
"""
HOLDOUT = """\
import json, os
score = float(open("out.txt").read())
json.dump({"sealed": round(score) + 4242 / 10000}, open(os.environ["AIRESEARCH_METRICS"], "w"))
"""
BASELINE = 6
"""Trials of a baseline: the noise floor."""


def turn(gain: float, tag: int = 0, noise: float = 1.0, code: str = "") -> dict[str, Any]:
    """A turn whose candidate truly gains so much; another `tag` draws other noise."""
    text = TRAIN.replace("GAIN = 0.0", f"GAIN = {gain}").replace("TAG = 0", f"TAG = {tag}")
    text = text.replace("NOISE = 1.0", f"NOISE = {noise}")
    return {"subject": f"gain {gain}, tag {tag}", "write": {"train.py": text + code}}


def noisy(folder: Path, turns: list[dict[str, Any]], **task: Any) -> Path:
    """A lab with a noise of 1 around 100, its baseline measured."""
    made = {**TASK, "promotion": {}, **task}
    files = {
        "train.py": TRAIN,
        "evaluate.py": EVALUATE,
        "holdout.py": HOLDOUT,
        "edits.yaml": yaml.safe_dump({"turns": turns}),
        "airesearch.yaml": yaml.safe_dump(made, sort_keys=False),
    }
    repository(folder, files)
    said = airesearch(folder, "init")
    assert said.code == 0, said.err
    return folder


def story(folder: Path, branch: str) -> list[str]:
    """What was done on a branch since its last proposal, oldest first; trials by their number."""
    form = "%(trailers:key=Action,valueonly,separator=)%(trailers:key=Trial,valueonly,separator=)"
    done: list[str] = []
    for line in git(folder, "log", "--first-parent", f"--format={form}", branch).splitlines():
        done.insert(0, line.removeprefix("measure"))
        if line == "propose":
            break
    return done


def trailer(folder: Path, key: str, commit: str) -> str:
    """The value of a trailer; empty without one."""
    form = f"--format=%(trailers:key={key},valueonly,separator=%x2C)"
    return git(folder, "log", "-1", form, commit).strip()


def metric(folder: Path, commit: str) -> float:
    """The objective that a commit records."""
    return float(trailer(folder, "Metric", commit).split(",")[0].partition("=")[2])


def commit_of(folder: Path, node: int, action: str) -> str:
    """The newest commit of a node that did this."""
    found = git(folder, "log", "--first-parent", f"--grep=^Action: {action}$", "-1",
                "--format=%H", f"node/{node:06d}")  # fmt: skip
    return found.strip()
