"""Labs with a `team.yaml`: what is measured in one file, who works in the other."""

from pathlib import Path
from typing import Any

import yaml
from toys import TASK, TRAIN, airesearch, git, repository, toy_files

SCRIPT = "prompts/edits.yaml"
TEAM: dict[str, Any] = {
    "team": {"scripted": {"backend": "scripted", "script": SCRIPT}},
    "search": {"policy": "greedy"},  # each node grows from the best
}


def split_files(turns: list[dict[str, Any]], **task: Any) -> dict[str, str]:
    """The files of a toy lab with a team of its own."""
    measured = {key: value for key, value in TASK.items() if key != "team"} | task
    files = toy_files(turns)
    return {
        "train.py": files["train.py"],
        "evaluate.py": files["evaluate.py"],
        "README.md": "a toy\n",
        SCRIPT: files["edits.yaml"],
        "airesearch.yaml": yaml.safe_dump(measured, sort_keys=False),
        "team.yaml": yaml.safe_dump(TEAM, sort_keys=False),
    }


def team_files(turns: list[dict[str, Any]], **team: Any) -> dict[str, str]:
    """The same with other keys in `team.yaml`."""
    return {**split_files(turns), "team.yaml": yaml.safe_dump({**TEAM, **team})}


def split(folder: Path, turns: list[dict[str, Any]], **task: Any) -> Path:
    """Such a lab with its baseline measured (val_error 0.4)."""
    repository(folder, split_files(turns, **task))
    said = airesearch(folder, "init")
    assert said.code == 0, said.err
    return folder


def change(folder: Path, **files: str | None) -> str:
    """A person's commit that writes files (`team__yaml` for team.yaml), or removes them."""
    return commit(folder, {name.replace("__", "."): text for name, text in files.items()})


def commit(folder: Path, files: dict[str, str | None]) -> str:
    """A person's commit that writes files, or removes them; its id."""
    for name, text in files.items():
        file = folder / name
        if text is None:
            file.unlink()
        else:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", f"change {', '.join(files)}")
    return git(folder, "rev-parse", "HEAD").strip()


def edited(folder: Path, **keys: Any) -> str:
    """airesearch.yaml with other keys."""
    return yaml.safe_dump(yaml.safe_load((folder / "airesearch.yaml").read_text()) | keys)


def trials(folder: Path) -> int:
    """How many trials are on record."""
    return int(airesearch(folder, "status", "--json").json()["trials"]["spent"])


def best(folder: Path) -> int:
    """The incumbent."""
    return int(airesearch(folder, "best", "--json").json()["node"])


def train(lr: float | str, comment: str = "") -> str:
    """The candidate, with a comment at its knob."""
    return TRAIN.replace("LR = 0.5", f"LR = {lr}{comment}")
