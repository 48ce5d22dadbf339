"""Labs from a few literals, and the commands that drive them."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import warm
import yaml

TRAIN = """\
import os
LR = 0.5
open("out.txt", "w").write(str(abs(LR - 0.1)))
print("trained with seed", os.environ["AIRESEARCH_SEED"])
"""
EVALUATE = """\
import json, os
score = float(open("out.txt").read())
json.dump({"val_error": score}, open(os.environ["AIRESEARCH_METRICS"], "w"))
"""
TASK: dict[str, Any] = {
    "name": "toy",
    "objective": {"metric": "val_error", "goal": "minimize"},
    "candidate": "python train.py",
    "evaluate": "python evaluate.py",
    "outputs": ["out.txt"],
    "editable": ["train.py", "lib/"],
    "promotion": {"replicates": 1},
    "budget": {"trial_seconds": 20, "trial_memory_mb": 300, "output_mb": 2},
    "team": {"scripted": {"backend": "scripted", "script": "edits.yaml"}},
}


def git(folder: Path, *words: str) -> str:
    """What git prints; fails the test where git fails."""
    done = subprocess.run(["git", "-C", folder, *words], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode("utf-8", "surrogateescape")


@dataclass(frozen=True)
class Said:
    """What a command answered."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        """What it printed, read as JSON; fails the test where the command failed."""
        assert self.code == 0, self.err
        return json.loads(self.out)


def airesearch(folder: Path, *words: str, env: Mapping[str, str] | None = None) -> Said:
    """Run the command line in a process of its own."""
    told = dict(env or {})
    encoding = told.pop("PYTHONIOENCODING", "")
    quick = None if told else warm.run(folder, words, encoding)
    if quick is not None:
        code, out, err = quick
        return Said(code, out.decode(), err.decode())
    done = subprocess.run(
        [sys.executable, "-m", "airesearch", *words],
        cwd=folder,
        capture_output=True,
        env={**os.environ, **(env or {})},
        check=False,
    )
    return Said(done.returncode, done.stdout.decode(), done.stderr.decode())


def repository(folder: Path, files: Mapping[str, str | bytes]) -> Path:
    """A git repository in `folder` with `files` committed."""
    folder.mkdir(parents=True, exist_ok=True)
    git(folder, "init", "-q", "-b", "main")
    for path, content in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content.encode() if isinstance(content, str) else content)
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "Start")
    return folder


def toy_files(turns: list[dict[str, Any]], **task: Any) -> dict[str, str]:
    """The files of a toy lab whose scripted agent plays `turns`."""
    return {
        "train.py": TRAIN,
        "evaluate.py": EVALUATE,
        "edits.yaml": yaml.safe_dump({"turns": turns}),
        "airesearch.yaml": yaml.safe_dump({**TASK, **task}, sort_keys=False),
    }


def toy(folder: Path, turns: list[dict[str, Any]], **task: Any) -> Path:
    """A toy lab with its baseline measured (val_error 0.4)."""
    repository(folder, toy_files(turns, **task))
    said = airesearch(folder, "init")
    assert said.code == 0, said.err
    return folder


def lr(value: float, **turn: Any) -> dict[str, Any]:
    """A turn that sets the toy's LR; its error is then |LR - 0.1|."""
    text = TRAIN.replace("LR = 0.5", f"LR = {value}")
    return {"subject": f"LR {value}", "write": {"train.py": text}, **turn}


def code(text: str, subject: str = "new code") -> dict[str, Any]:
    """A turn that replaces train.py."""
    return {"subject": subject, "write": {"train.py": text}}
