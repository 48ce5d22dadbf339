"""`airesearch knobs`, and labs that have none, or none that count."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from airesearch.agents.proposers.tuner.knobs import read
from layouts import DATACLASS, OVERRIDDEN
from toys import Said, airesearch, git, repository

DEAD = {"train.py": 'SCALE = 0.3\nWIDTH = 3\nprint("loss", 0.25)\n'}
NONE = {"train.py": 'print("loss", 0.25)\n'}


def init(folder: Path, files: Mapping[str, str], *editable: str) -> Said:
    """Make a lab whose candidate prints its loss."""
    repository(folder, files)
    words = ["--metric", "loss", "--candidate", "python train.py", "--pattern", "loss ([-.e0-9]+)"]
    names = [word for path in editable or files for word in ("--editable", path)]
    return airesearch(folder, "init", *words, *names)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """After twenty trials of a dataclass and the YAML file that overrides it."""
    folder = tmp_path_factory.mktemp("knobs") / "lab"
    assert init(folder, DATACLASS).code == 0
    assert airesearch(folder, "run", "--trials", "20").code == 0
    return folder


def test_it_lists_what_is_turned_and_what_it_is_worth(lab: Path) -> None:
    facts = airesearch(lab, "knobs", "--json").json()
    knobs = {one["name"]: one for one in facts["knobs"]}
    assert list(knobs) == [f"conf/base.yaml:{name}" for name in ("lr", "depth", "dropout")]
    rate = knobs["conf/base.yaml:lr"]
    assert (rate["file"], rate["line"]) == ("conf/base.yaml", 2)
    assert (rate["range"]["low"], rate["range"]["high"]) == (1e-3, 10)
    assert sum(one["importance"] for one in facts["knobs"]) == pytest.approx(1)
    assert rate["importance"] > 0.4
    reasons = {one["name"]: one["reason"] for one in facts["left_alone"]}
    assert reasons["train.py:Config.lr"] == "conf/base.yaml sets it"


def test_people_read_the_same(lab: Path) -> None:
    said = airesearch(lab, "knobs").out
    first = next(line for line in said.splitlines() if line.startswith("conf/base.yaml:2 "))
    assert first.split()[1] == "lr" and "0.001 to 10, log" in first and "%" in first
    assert "conf/base.yaml sets it" in said and '"FILE:NAME": fixed' in said


def test_only_the_literals_of_the_file_of_settings_change(lab: Path) -> None:
    """Its comments stay, and the code is as it was."""
    branches = git(lab, "for-each-ref", "--format=%(refname:short)", "refs/heads/node").split()
    for branch in branches[1:]:
        text = git(lab, "show", f"{branch}:conf/base.yaml")
        assert text.startswith("# what is trained\nlr: ")
        assert "  # how far a step goes\ndepth: " in text
        assert git(lab, "diff", branches[0], branch, "--", "train.py", "settings.py") == ""


def test_a_winner_moves_no_range_and_the_record_verifies(lab: Path) -> None:
    text = (lab / "conf" / "base.yaml").read_text()
    assert text != DATACLASS["conf/base.yaml"], "something was promoted in twenty trials"
    (lab / "train.py").write_text(DATACLASS["train.py"] + "print(end='')\n")
    git(lab, "commit", "-qam", "A new base", "--no-verify")
    assert airesearch(lab, "step").code == 0
    knobs = airesearch(lab, "knobs", "--json").json()["knobs"]
    assert (knobs[0]["range"]["low"], knobs[0]["range"]["high"]) == (1e-3, 10)
    assert airesearch(lab, "verify").code == 0


def test_knobs_that_change_nothing_end_the_run_and_are_said(tmp_path: Path) -> None:
    assert init(tmp_path / "lab", DEAD).code == 0
    said = airesearch(tmp_path / "lab", "run", "--trials", "30")
    assert said.code == 1
    assert (
        "trials changed these 2 knobs, train.py:SCALE, train.py:WIDTH, and never loss" in said.err
    )
    assert len(said.out.splitlines()) < 15
    listed = airesearch(tmp_path / "lab", "knobs").out
    assert "no knob was found" in listed and "in nothing the metric can see" in listed


def test_a_repository_without_a_knob_is_told_so_before_a_trial(tmp_path: Path) -> None:
    said = init(tmp_path / "lab", NONE)
    assert said.code == 0 and "the tuner found no knob in the files it may edit" in said.err
    done = airesearch(tmp_path / "lab", "run", "--trials", "3")
    assert (done.code, "the tuner found no knob" in done.err) == (1, True)
    looked = {
        one["subject"]: one for one in airesearch(tmp_path / "lab", "doctor", "--json").json()
    }
    assert looked["knobs"]["state"] == "warn" and "airesearch knobs" in looked["knobs"]["mend"]


def test_a_team_of_others_needs_no_knob(tmp_path: Path) -> None:
    files = {**NONE, "team.yaml": "team: {a: {backend: command, command: 'true {brief}'}}\n"}
    assert "no knob" not in init(tmp_path / "lab", files, "train.py").err


def test_a_json_file_that_overrides_is_what_is_turned(tmp_path: Path) -> None:
    folder = tmp_path / "lab"
    assert init(folder, OVERRIDDEN).code == 0
    assert airesearch(folder, "run", "--trials", "6").code == 0
    texts = [git(folder, "show", f"node/{node:06d}:train.py") for node in (1, 2)]
    values = [read(text) for text in texts]
    assert {value["Config.learning_rate"] for value in values} == {0.1}
    assert {value["Config.steps"] for value in values} == {100}
