"""A lab that an older release made: it reads as it did then, and goes on as it would have then.

`old_lab.bundle` is such a lab, with promotions, failures of most kinds and a node that waits for
its second trial; `old_lab.json` is what that release said of it, and of where it came to in the
end.
"""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from toys import airesearch

HERE = Path(__file__).parent
THEN: dict[str, Any] = json.loads((HERE / "old_lab.json").read_text())


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("old") / "lab"
    bundle = HERE / "old_lab.bundle"
    subprocess.run(["git", "clone", "-q", bundle, folder], check=True)
    return folder


@pytest.mark.parametrize("words", ["log", "best", "lineage 2", "verify"])
def test_it_reads_as_then(lab: Path, words: str) -> None:
    said = airesearch(lab, *words.split(), "--json").json()
    if words == "best":
        assert said.pop("contender") is None, "which is new"
    assert said == THEN[words]


def test_its_tree_is_drawn_as_then(lab: Path) -> None:
    assert airesearch(lab, "tree").out.splitlines() == THEN["tree"]


def test_it_goes_on_as_it_would_have_then(lab: Path) -> None:
    """The last test of this file: it moves the lab."""
    said = airesearch(lab, "run")
    assert said.code == 0, said.err
    now = airesearch(lab, "log", "--json").json()
    assert [{k: v for k, v in node.items() if k != "commit"} for node in now] == THEN[
        "log at the end"
    ]
    assert airesearch(lab, "verify").code == 0
