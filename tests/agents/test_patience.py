"""A proposer that cannot work: nothing is recorded, a person is told, and it is asked again."""

import os
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from airesearch.agents import patience
from airesearch.agents.campaign import Campaign
from airesearch.agents.loop import run
from airesearch.agents.proposers.base import ProposerUnavailable
from airesearch.gitlab.lab.lab import open_lab
from toys import airesearch, git, toy

AGENT = """\
import pathlib, sys
asked = pathlib.Path("{asked}")
asked.write_text(asked.read_text() + "x" if asked.exists() else "x")
if len(asked.read_text()) < {works}:
    print("usage limit reached")
    sys.exit({code})
train = pathlib.Path("train.py")
train.write_text(train.read_text().replace("LR = 0.5", "LR = 0.2"))
"""


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "_FIRST_PAUSE", 0.01)


def lab(root: Path, code: int, works: int) -> Path:
    """A lab whose agent can work only from the so-many-th time on that it is asked."""
    agent = root.with_suffix(".py")
    agent.write_text(AGENT.format(asked=root.with_suffix(".asked"), code=code, works=works))
    team: dict[str, Any] = {"coder": {"backend": "command", "command": f"{sys.executable} {agent}"}}
    return toy(root, [], team=team, sandbox="none")


def nodes(root: Path) -> list[str]:
    return git(root, "branch", "--list", "node/*", "--format=%(refname:short)").split()


def test_one_that_may_work_later_is_asked_again(tmp_path: Path) -> None:
    root = lab(tmp_path / "lab", 75, 3)
    told: list[str] = []
    found = list(run(Campaign(open_lab(root), dict(os.environ)), 1, None, told.append))
    assert [step.node.id for step in found] == [1]
    assert nodes(root) == ["node/000000", "node/000001"]
    assert len(told) == 2
    assert "usage limit reached" in told[0] and "no trial was spent" in told[0]
    assert airesearch(root, "verify").code == 0


def test_one_that_cannot_ends_the_run_without_a_node(tmp_path: Path) -> None:
    root = lab(tmp_path / "lab", 77, 3)
    said = airesearch(root, "run", "--trials", "1")
    assert (said.code, nodes(root)) == (1, ["node/000000"])
    assert "usage limit reached" in said.err
    assert airesearch(root, "status", "--json").json()["trials"]["spent"] == 1


def test_a_step_does_not_wait(tmp_path: Path) -> None:
    root = lab(tmp_path / "lab", 75, 2)
    said = airesearch(root, "step")
    assert (said.code, nodes(root)) == (1, ["node/000000"])
    assert airesearch(root, "step", "--json").json()["node"] == 1


def test_patience_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "_FIRST_PAUSE", 1e-9)
    told: list[str] = []
    waiting, away = patience.Patience(told.append), ProposerUnavailable("no network", may_wait=True)
    for _ in range(29):
        waiting.wait(away, None)
    with pytest.raises(ProposerUnavailable):
        waiting.wait(away, None)
    assert len(told) == 29


def test_nobody_waits_beyond_the_run_s_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "_FIRST_PAUSE", 3600.0)
    away = ProposerUnavailable("no network", may_wait=True)
    start = time.monotonic()
    patience.Patience(str).wait(away, start + 0.01)
    assert time.monotonic() - start < 60
