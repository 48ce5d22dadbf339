"""A lab gets two files: by `init`, and by `doctor --fix` where it began with one."""

from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from bad_labs import complains, seen
from pushes import shared_lab
from split_labs import TEAM, best, commit, edited, split, split_files, trials
from toys import TASK, airesearch, git, lr, repository, toy_files

FLAGS = [
    *("--metric", "val_error", "--candidate", "python train.py"),
    *("--evaluate", "python evaluate.py", "--output", "out.txt", "--editable", "train.py"),
]
SETTINGS = ["airesearch.yaml", "team.yaml"]
COMMENTED = """\
# Ours.

name: toy
objective: {metric: val_error, goal: minimize}
candidate: python train.py
evaluate: python evaluate.py
outputs: [out.txt]
editable: [train.py, lib/]
promotion: {replicates: 1}

# Who proposes: from a script.
team:
  scripted: {backend: scripted, script: edits.yaml}  # replayed
# What it may use.
budget:
  trials: 9  # in all
  # one trial's seconds
  trial_seconds: 20
  trial_memory_mb: 300
search: {policy: greedy}
"""
FLOW = yaml.safe_dump({**TASK, "budget": {"trials": 9}}, default_flow_style=True)
OLD = {"comment-rich": COMMENTED, "flow": FLOW}


def with_text(text: str) -> dict[str, str]:
    return {**toy_files([lr(0.2), lr(0.3), lr(0.15)]), "airesearch.yaml": text}


def old(folder: Path, text: str = COMMENTED) -> Path:
    """A lab with one file, its baseline measured."""
    repository(folder, with_text(text))
    said = airesearch(folder, "init")
    assert said.code == 0, said.err
    return folder


def bare_project(folder: Path) -> Path:
    files = toy_files([])
    return repository(folder, {name: files[name] for name in ("train.py", "evaluate.py")})


@pytest.mark.parametrize("form", OLD)
def test_the_split_of_a_lab_with_nodes_starts_no_base(tmp_path: Path, form: str) -> None:
    folder = old(tmp_path / "lab", OLD[form])
    assert airesearch(folder, "run", "--trials", "2").code == 0
    shared = shared_lab(tmp_path / "shared.git").as_uri()
    git(folder, "push", "-q", shared, "--all")
    before, head = (best(folder), trials(folder)), git(folder, "rev-parse", "HEAD").strip()
    said = airesearch(folder, "doctor", "--fix")
    assert (said.code, said.err) == (0, "")
    assert "airesearch.yaml is split, in commit" in said.out
    assert ("without comments" in said.out) == (form == "flow")
    assert git(folder, "rev-parse", "HEAD^").strip() == head
    assert git(folder, "diff", "--name-only", "HEAD^", "HEAD").split() == SETTINGS
    me = git(folder, "config", "user.name").strip()
    assert git(folder, "log", "-1", "--format=%an").strip() == me
    assert git(folder, "status", "--porcelain") == ""
    assert (best(folder), trials(folder)) == before == (1, 3)
    commit(folder, {"README.md": "and then\n", "team.yaml": (folder / "team.yaml").read_text()})
    assert airesearch(folder, "step").code == 0
    nodes = airesearch(folder, "log", "--json").json()
    assert [node["parent"] for node in nodes].count(None) == 1, "no baseline anew"
    assert best(folder) == 3
    assert airesearch(folder, "verify").code == 0
    git(folder, "push", "-q", shared, "--all")
    assert "nothing to split" in airesearch(folder, "doctor", "--fix").out


def test_json_says_the_same(tmp_path: Path) -> None:
    folder = old(tmp_path / "lab")
    for words in ("is split", "nothing to split"):
        (found,) = airesearch(folder, "doctor", "--fix", "--json").json()
        assert (found["subject"], found["state"], found["mend"]) == ("team", "ok", "")
        assert words in found["says"]


def test_what_is_not_committed_is_not_written_over(tmp_path: Path) -> None:
    folder = old(tmp_path / "lab")
    for file in SETTINGS:
        with (folder / file).open("a") as text:
            text.write("# mine\n")
        before = seen(folder)
        complains(airesearch(folder, "doctor", "--fix"), file, "git stash -u", "doctor --fix")
        assert seen(folder) == before
        git(folder, "stash", "-qu", "--", file)
    (folder / "train.py").write_text("# mine\n" + (folder / "train.py").read_text())
    assert airesearch(folder, "doctor", "--fix").code == 0
    assert git(folder, "status", "--porcelain").split() == ["M", "train.py"]


def test_another_branch_is_not_the_trunk(tmp_path: Path) -> None:
    folder = old(tmp_path / "lab")
    for words in (["switch", "-qc", "side"], ["switch", "-q", "--detach", "main"]):
        git(folder, *words)
        before = seen(folder)
        complains(airesearch(folder, "doctor", "--fix"), "'main'", "git switch main")
        assert seen(folder) == before
    git(tmp_path, "clone", "-q", "--bare", str(folder), "bare.git")
    complains(airesearch(tmp_path / "bare.git", "doctor", "--fix"), "bare", "in a clone")
    complains(airesearch(tmp_path, "doctor", "--fix"), "not in a git repository")


def test_init_writes_a_pair_that_says_what_changes_cost(tmp_path: Path) -> None:
    folder = bare_project(tmp_path / "lab")
    head = git(folder, "rev-parse", "HEAD").strip()
    said = airesearch(folder, "init", *FLAGS)
    assert (said.code, said.err) == (0, "")
    started = git(folder, "rev-list", "--first-parent", "--reverse", f"{head}..main").split()[0]
    assert git(folder, "diff", "--name-only", head, started).split() == SETTINGS
    for file in SETTINGS:
        lines = [line for line in (folder / file).read_text().splitlines() if line]
        above = [line for line, key in pairwise(lines) if key[0] != "#"]
        assert above
        assert all(line.startswith("# ") for line in above), "each key says what it is"
        assert "costs" in "".join(lines)
    assert airesearch(folder, "status", "--json").json()["trials"]["budget"] == 200


@pytest.mark.parametrize("is_committed", [True, False])
def test_init_with_the_same_flags_goes_on(tmp_path: Path, is_committed: bool) -> None:
    whole = bare_project(tmp_path / "whole")
    assert airesearch(whole, "init", *FLAGS).code == 0
    folder = bare_project(tmp_path / "cut")
    for file in SETTINGS[: 2 if is_committed else 1]:
        (folder / file).write_bytes((whole / file).read_bytes())
    if is_committed:
        git(folder, "add", *SETTINGS)
        git(folder, "commit", "-qm", "Start the lab")
    complains(airesearch(folder, "init", *FLAGS, "--output", "more.txt"), "the flags are another")
    assert airesearch(folder, "init", *FLAGS).code == 0
    for file in SETTINGS:
        assert git(folder, "show", f"main:{file}") == (whole / file).read_text()


def test_init_takes_a_pair_and_leaves_one_old_file(tmp_path: Path) -> None:
    files = split_files([lr(0.2)])
    texts = {file: files.pop(file) for file in SETTINGS}
    folder = repository(tmp_path / "pair", files)
    for file, text in texts.items():
        (folder / file).write_text(text)
    said = airesearch(folder, "init")
    assert (said.code, said.err) == (0, "")
    assert git(folder, "status", "--porcelain") == ""
    assert git(folder, "show", "main:team.yaml") == texts["team.yaml"]
    alone = repository(tmp_path / "alone", with_text(COMMENTED))
    said = airesearch(alone, "init")
    assert said.code == 0
    assert said.err.count("airesearch doctor --fix") == 1
    assert (alone / "airesearch.yaml").read_text() == COMMENTED
    assert not (alone / "team.yaml").exists()


def test_errors_name_the_file_that_a_key_stands_in(tmp_path: Path) -> None:
    folder = split(tmp_path / "lab", [lr(0.2)])
    wrong = {
        "team": {"team": {"a": {"backend": "scriptd"}}},
        "team.a": {"team": {"a": {"backend": "scripted", "script": "prompts/no.yaml"}}},
        "search.policy": {**TEAM, "search": {"policy": "gredy"}},
        "budget.trials": {**TEAM, "budget": {"trials": -1}},
    }
    (folder / ".git" / "hooks" / "pre-commit").unlink()  # it lets no such commit be made
    for key, team in wrong.items():
        commit(folder, {"team.yaml": yaml.safe_dump(team)})
        complains(airesearch(folder, "step"), "team.yaml", key)
    commit(folder, {"team.yaml": yaml.safe_dump(TEAM), "airesearch.yaml": edited(folder)})
    (folder / "team.yaml").write_text("# mine\n")
    assert "team.yaml has changes that do not count" in airesearch(folder, "step").err
