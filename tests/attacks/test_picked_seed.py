"""A candidate that stays with one lucky draw, whatever seed it is given."""

from pathlib import Path

import pytest
from forging import audited
from noisy import noisy, trailer, turn
from toys import airesearch

LUCKY = "open('out.txt', 'w').write('97.8')\n"
JITTER = (
    "import os\nnumber = int(os.environ['AIRESEARCH_SEED'])\n"
    "open('out.txt', 'w').write(str(97.8 + number % 7 / 1e4))\n"
)


@pytest.mark.parametrize("code", [LUCKY, JITTER], ids=["one draw", "one draw with a jitter"])
def test_a_lucky_draw_is_not_promoted_however_often_it_is_shown(tmp_path: Path, code: str) -> None:
    lab = noisy(tmp_path / "lab", [turn(0, code=code)])
    said = airesearch(lab, "run")
    assert said.code in (0, 3), said.err
    assert trailer(lab, "Verdict", "node/000001") == "discard"
    assert "do not vary with the seed" in trailer(lab, "Reason", "node/000001")
    assert audited(lab).violations == []
