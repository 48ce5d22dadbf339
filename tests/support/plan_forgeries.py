"""Ways to lie about plans and what trials were for; each gives the commit that lies."""

import re
from dataclasses import replace
from pathlib import Path

import yaml
from forgeries import Forgery
from forging import Forger, Lie, Raw
from noise_forgeries import spoken, step
from noisy import EVALUATE, TRAIN, turn
from split_labs import SCRIPT, TEAM
from toys import TASK, airesearch, repository

WINNER = 2
"""It was confirmed and promoted; node 1 only contended."""


def planned_files(turns: list[dict[str, object]]) -> dict[str, str]:
    """A noisy lab with a `team.yaml`."""
    task = {key: value for key, value in TASK.items() if key != "team"} | {"promotion": {}}
    return {
        "train.py": TRAIN,
        "evaluate.py": EVALUATE,
        SCRIPT: yaml.safe_dump({"turns": turns}),
        "airesearch.yaml": yaml.safe_dump(task, sort_keys=False),
        "team.yaml": yaml.safe_dump(TEAM, sort_keys=False),
    }


def planned(folder: Path) -> Path:
    """A baseline, and two candidates that are far better."""
    repository(folder, planned_files([turn(12), turn(12.4, tag=5)]))
    assert airesearch(folder, "init").code == 0
    assert airesearch(folder, "run").code == 0
    return folder


def plan(node: int, says: str) -> Forgery:
    """Another plan wherever the node's verdicts name one."""

    def make(forger: Forger) -> str:
        places = [
            place
            for place, commit in enumerate(forger.steps(node))
            if "Plan: " in forger.raw(commit).message
        ]
        lies: dict[int, Lie] = {place: lambda raw: spoken(raw, "Plan", says) for place in places}
        forger.forge(node, lies)
        return forger.steps(node)[places[0]]

    return make


def later(node: int, says: str) -> Forgery:
    """Another plan in its last verdict alone."""
    return lambda f: f.forge(node, {step(f, node, "judge"): lambda raw: spoken(raw, "Plan", says)})


def verdict(node: int, key: str, says: str) -> Forgery:
    """Another value in its last verdict."""
    return lambda f: f.forge(node, {step(f, node, "judge"): lambda raw: spoken(raw, key, says)})


def purpose(node: int, place: int, says: str) -> Forgery:
    """Another purpose of one of its trials."""
    return lambda f: f.forge(node, {place: lambda raw: spoken(raw, "Purpose", says)})


def unplanned(forger: Forger) -> str:
    """Kept by trials that no plan announced."""
    begins = next(
        place
        for place, commit in enumerate(forger.steps(WINNER))
        if "Plan: " in forger.raw(commit).message
    )

    def silent(raw: Raw) -> Raw:
        message = re.sub(r"^(Plan|Error-Spent): .*\n", "", raw.message, flags=re.MULTILINE)
        return replace(raw, message=message)

    return forger.forge(WINNER, {begins: silent})


FORGERIES: dict[str, tuple[Forgery, str]] = {
    "a plan of other trials": (plan(WINNER, "place 1, after 9, up to 2"), "its Plan is"),
    "a plan made longer": (later(WINNER, "place 1, after 3, up to 24"), "its Plan is"),
    "a plan with looks of its own": (plan(WINNER, "place 1, after 3, up to 4"), "the judge looks"),
    "another's place": (verdict(WINNER, "Error-Spent", "0.05"), "its place gives"),
    "no plan before the trials": (unplanned, "its Plan was on no record|contends anew|Purpose"),
    "a trial for another purpose": (purpose(WINNER, 1, "estimate"), "its Purpose is estimate"),
    "a trial without a purpose": (purpose(WINNER, 1, ""), "its Purpose is None"),
    "a larger gain": (verdict(WINNER, "Delta", "-40.0"), "its Delta is"),
    "an interval that is narrower": (
        verdict(WINNER, "Evidence", "n=2 fresh, 95% CI [-12.1, -12]"), "its Evidence is"),
    "a baseline's trial that explores": (purpose(0, 1, "explore"), "its Purpose is explore"),
}  # fmt: skip
