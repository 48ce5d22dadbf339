"""An audit of evidence under noise, whatever the numbers are."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from forging import Forger, audited
from noise_forgeries import WINNER, contested


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return contested(tmp_path_factory.mktemp("forged") / "lab")


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
        assert audited(forger.folder).violations
