"""Every false claim about evidence under noise is named by its commit."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from forging import Forger, audited
from noise_forgeries import (
    LOSER,
    WINNER,
    Forgery,
    contested,
    picked,
    promoted_at_once,
    promoted_too_soon,
    promotion,
    scaled,
    selecting_metric,
    step,
    unlucky_left_out,
    verdict,
)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return contested(tmp_path_factory.mktemp("forged") / "lab")


FORGERIES: dict[str, tuple[Forgery, str]] = {
    "less noise": (scaled("Noise", 0.2), "its Noise is"),
    "more noise": (scaled("Noise", 5.0), "its Noise is"),
    "noise from more trials": (verdict(WINNER, "Noise", "0.9, 500 degrees of freedom"),
                               "500 degrees of freedom"),
    "noise from fewer trials": (verdict(WINNER, "Noise", "0.9, 2 degrees of freedom"),
                                "2 degrees of freedom"),
    "no noise": (verdict(WINNER, "Noise", "0.0, 5 degrees of freedom"), "Noise is 0.0"),
    "noise that is no number": (verdict(WINNER, "Noise", "nan, 5 degrees of freedom"),
                                "its Noise is nan"),
    "noise without a trailer": (verdict(WINNER, "Noise", ""), "and the trials give n=1"),
    "noise without end": (verdict(WINNER, "Noise", "inf, 5 degrees of freedom"),
                          "its Noise is inf"),
    "a larger share of the error": (scaled("Error-Spent", 2.0), "its Error-Spent is 0.05"),
    "all of the error": (verdict(WINNER, "Error-Spent", "1.0"), "its Error-Spent is 1.0"),
    "a share below nothing": (verdict(WINNER, "Error-Spent", "-0.01"), "its Error-Spent is -0.01"),
    "a share that is no number": (verdict(WINNER, "Error-Spent", "nan"), "its Error-Spent is nan"),
    "a claim that cost nothing": (verdict(WINNER, "Error-Spent", ""), "its Error-Spent is None"),
    "more pairs": (verdict(WINNER, "Evidence", "n=9 paired, 95% CI [-14, -10]"), "its Evidence"),
    "an interval that is narrower": (
        lambda f: f.forge(WINNER, {step(f, WINNER, "judge"): lambda raw: replace(
            raw, message=re.sub(r"(Evidence: n=\d+ paired, 95% CI) .*", r"\1 [-12.1, -12]",
                                raw.message))}),
        "its Evidence",
    ),
    "a larger gain": (scaled("Delta", 2.0), "its Delta is"),
    "a loser that is kept": (verdict(LOSER, "Verdict", "keep"), "and the trials give discard"),
    "the baseline's evidence": (verdict(0, "Evidence", "n=60, 95% CI [99, 100]"), "its Evidence"),
    "an estimate's evidence": (promotion("Evidence", "n=30, 95% CI [87, 88]"), "its Evidence"),
    "an estimate without evidence": (promotion("Evidence", ""), "its Evidence is None"),
    "a holdout that the task has not": (
        lambda f: f.forge_trunk(
            lambda raw: replace(raw, message=re.sub("(Baseline: )", r"Holdout: sealed=0.1\n\1",
                                                    raw.message))),
        "it has a Holdout, and the task has none",
    ),
    "promoted before the fresh trials": (promoted_at_once, "rests on 0 trials after the verdict"),
    "promoted after two of three": (promoted_too_soon, "rests on 2 trials after the verdict"),
    "the metric of the trials that selected it": (selecting_metric,
                                                  "not those that were measured after the verdict"),
    "a seed of one's choice": (picked(40), "replicate 40 is not the next one"),
    "a seed once more": (picked(1), "replicate 1 is not the next one"),
    "a seed of the pairs": (picked(12), "replicate 12 is not the next one"),
    "an unlucky trial left out": (unlucky_left_out, "replicate 3 is not the next one"),
}  # fmt: skip


@pytest.mark.parametrize("name", FORGERIES)
def test_a_false_claim_is_named_by_its_commit(name: str, lab: Path, tmp_path: Path) -> None:
    forger = Forger(lab, tmp_path / "lab")
    make, said = FORGERIES[name]
    commit = make(forger)
    found = audited(forger.folder).falsehoods
    assert any(said in one.what for one in found if one.commit == commit), (commit, found)


def test_the_lab_forged_from_is_true(lab: Path, tmp_path: Path) -> None:
    assert audited(Forger(lab, tmp_path / "lab").folder).falsehoods == []


def test_hostile_numbers_do_not_end_the_audit(lab: Path, tmp_path: Path) -> None:
    """Values at the end of what floats hold, in every trial of the winner."""
    forger = Forger(lab, tmp_path / "lab")
    count = len(forger.steps(WINNER))
    for sign in ("", "-"):
        lies = {
            place: lambda raw, sign=sign: replace(
                raw,
                message=re.sub("(Metric: val_error)=.*", rf"\1={sign}1.7e+308", raw.message),
            )
            for place in range(1, count, 2 if sign else 1)
        }
        forger.forge(WINNER, lies)
        assert audited(forger.folder).falsehoods
