"""A person's commit costs what it changes: who works, and what is written beside, cost nothing."""

from pathlib import Path

import pytest
import yaml
from noisy import TRAIN as NOISY_TRAIN
from noisy import turn
from split_labs import SCRIPT, TEAM, best, change, commit, edited, split, split_files, train, trials
from toys import airesearch, git, lr, repository

OTHER_TEAM = yaml.safe_dump(
    {
        "team": {"another": {"backend": "scripted", "script": "prompts/others.yaml"}},
        "budget": {"trials": 500, "hours": 3},
        "search": {"policy": "greedy"},
    }
)
OTHERS = yaml.safe_dump({"turns": [lr(0.12)]})
FREE: dict[str, dict[str, str | None]] = {
    "another agent": {"team.yaml": OTHER_TEAM, "prompts/others.yaml": OTHERS},
    "more budget": {"team.yaml": yaml.safe_dump({**TEAM, "budget": {"trials": 900}})},
    "a policy": {"policies/scripted.yaml": "read: ['*']\nwrite: [train.py]\n"},
    "a prompt": {"prompts/hints.txt": "look at the learning rate\n"},
    "the README": {"README.md": "a toy, and what it is for\n"},
    "a README less": {"README.md": None},
    "documents": {"docs/notes.txt": "notes\n", ".github/workflows/ci.yaml": "on: push\n"},
    "a comment at a knob": {"train.py": train(0.2, "  # fixed")},
    "formatting": {"train.py": train(0.2).replace("LR = ", "LR  =  ")},
    "the task's name": {"airesearch.yaml": ""},
}


@pytest.mark.parametrize("what", FREE)
def test_a_free_commit(tmp_path: Path, what: str) -> None:
    folder = split(tmp_path / "lab", [lr(0.2), lr(0.3), lr(0.15)])
    assert airesearch(folder, "run", "--trials", "2").code == 0
    assert (best(folder), trials(folder)) == (1, 3)
    files = FREE[what]
    commit(folder, {"airesearch.yaml": edited(folder, name="b")} if "" in files.values() else files)
    assert (best(folder), trials(folder)) == (1, 3)
    assert airesearch(folder, "step").code == 0
    nodes = airesearch(folder, "log", "--json").json()
    assert [node["parent"] for node in nodes].count(None) == 1, "no baseline anew"
    assert best(folder) == 3, "and the search went on from it"
    assert airesearch(folder, "verify").code == 0
    assert git(folder, "status", "--porcelain") == ""
    for path, text in files.items():
        if text:
            assert (folder / path).read_text() == text or path == "train.py", "it travelled"


def test_a_candidate_in_confirmation_goes_on(tmp_path: Path) -> None:
    files = split_files([turn(5, tag) for tag in range(3)], promotion={})
    repository(tmp_path / "lab", {**files, "train.py": NOISY_TRAIN})
    folder = tmp_path / "lab"
    assert airesearch(folder, "init").code == 0
    assert airesearch(folder, "run", "--trials", "7").code == 0
    before = airesearch(folder, "show", "1", "--json").json()
    change(folder, README__md="more\n", team__yaml=yaml.safe_dump({**TEAM, "search": {}}))
    commit(folder, {"train.py": NOISY_TRAIN.replace("TAG = 0", "TAG = 0  # fixed")})
    spent = trials(folder)
    assert airesearch(folder, "run", "--trials", "12").code in (0, 3)
    after = airesearch(folder, "show", "1", "--json").json()
    assert after["verdict"] == "keep"
    assert before["verdict"] != "keep"
    assert best(folder) == 1
    assert "GAIN = 5" in (folder / "train.py").read_text(), "another program, as the node has it"
    assert trials(folder) <= spent + 12
    assert airesearch(folder, "verify").out.endswith("everything is true\n")


COSTLY: dict[str, dict[str, str | None]] = {
    "a program": {"train.py": train(0.3)},
    "a comment that Cython reads": {"train.py": "# cython: boundscheck=False\n" + train(0.2)},
    "an encoding": {"train.py": "# -*- coding: latin-1 -*-\n" + train(0.2)},
    "an interpreter": {"train.py": "#!/usr/bin/python3\n" + train(0.2)},
    "a type": {"train.py": train(0.2, "  # type: float")},
    "what a script needs": {"train.py": "# /// script\n# ///\n" + train(0.2)},
    "git's attributes": {".gitattributes": "*.py text eol=crlf\n"},
    "the evaluator": {"evaluate.py": None},
    "a comment in the evaluator": {"evaluate.py": None},
    "new data": {"data.txt": "1\n"},
    "a limit": {"airesearch.yaml": ""},
}


@pytest.mark.parametrize("what", COSTLY)
def test_a_commit_that_starts_a_base(tmp_path: Path, what: str) -> None:
    folder = split(tmp_path / "lab", [lr(0.2), lr(0.3), lr(0.15)])
    assert airesearch(folder, "run", "--trials", "2").code == 0
    files = dict(COSTLY[what])
    if "evaluate.py" in files:
        files = {"evaluate.py": (folder / "evaluate.py").read_text() + "\n# a comment\n"}
    if "airesearch.yaml" in files:
        files = {"airesearch.yaml": edited(folder, budget={"trial_seconds": 21})}
    commit(folder, files)
    assert airesearch(folder, "step").code == 0
    last = airesearch(folder, "log", "--json").json()[0]
    assert (last["operator"], last["parent"]) == ("draft", None)
    assert airesearch(folder, "verify").code == 0


def test_the_split_of_an_old_lab_starts_no_base(tmp_path: Path) -> None:
    files = split_files([lr(0.2), lr(0.15)])
    task = yaml.safe_load(files["airesearch.yaml"]) | {**TEAM, "budget": {"trials": 9}}
    old = {**files, "airesearch.yaml": yaml.safe_dump(task)}
    del old["team.yaml"]
    folder = repository(tmp_path / "lab", old)
    assert airesearch(folder, "init").code == 0
    assert airesearch(folder, "step").code == 0
    del task["team"], task["budget"]
    team = yaml.safe_dump({**TEAM, "budget": {"trials": 9}})
    commit(folder, {"airesearch.yaml": yaml.safe_dump(task), "team.yaml": team})
    assert (best(folder), trials(folder)) == (1, 2)
    change(folder, README__md="and then\n")
    assert airesearch(folder, "step").code == 0
    assert best(folder) == 2
    assert airesearch(folder, "verify").code == 0


def test_a_key_of_the_team_in_the_task_says_where_it_stands(tmp_path: Path) -> None:
    files = split_files([lr(0.2)], search={"policy": "greedy"})
    said = airesearch(repository(tmp_path / "lab", files), "init")
    assert said.code == 1
    assert "search stands in team.yaml" in said.err
    assert SCRIPT in files
