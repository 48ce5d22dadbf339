"""A shared lab takes honest evidence under noise, and refuses what is forged of it."""

from pathlib import Path

import pytest
from forging import Forger
from noise_forgeries import (
    LOSER,
    WINNER,
    Forgery,
    contested,
    picked,
    promoted_at_once,
    promoted_too_soon,
    selecting_metric,
    unlucky_left_out,
    verdict,
)
from pushes import World, shared_lab

FORGERIES: dict[str, tuple[Forgery, str]] = {
    "promoted before the fresh trials": (promoted_at_once, "rests on 0 trials after the verdict"),
    "promoted after two of three": (promoted_too_soon, "rests on 2 trials after the verdict"),
    "the metric of the trials that selected it": (selecting_metric,
                                                  "not those of the trials after the verdict"),
    "a seed of one's choice": (picked(40), f"its Trial is {WINNER}.40, which cannot follow"),
    "a seed once more": (picked(1), f"its Trial is {WINNER}.1, which cannot follow"),
    "an unlucky trial left out": (unlucky_left_out, "which cannot follow replicates [1]"),
    "a verdict's better metric": (verdict(LOSER, "Metric", "val_error=1.0"),
                                  "its Metric says ['val_error=1.0']"),
}  # fmt: skip


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return contested(tmp_path_factory.mktemp("pushed") / "lab")


def test_an_honest_campaign_passes(lab: Path, tmp_path: Path) -> None:
    done = World(lab, shared_lab(tmp_path / "shared.git")).push("--all")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", FORGERIES)
def test_forged_evidence_is_refused_with_its_reason(name: str, lab: Path, tmp_path: Path) -> None:
    forger = Forger(lab, tmp_path / "lab")
    make, reason = FORGERIES[name]
    make(forger)
    world = World(forger.folder, shared_lab(tmp_path / "shared.git"))
    done = world.push("--all")
    assert reason in done.stderr, done.stderr
    assert "Traceback" not in done.stderr
    assert world.shared_refs() == ""
