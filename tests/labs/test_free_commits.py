"""A person's commit costs what it changes: who works, and what is written beside, cost nothing."""

import re
import subprocess
import sys
import time
from pathlib import Path

import pygit2
import pytest
import yaml
from airesearch.agents.trunk.cost import cost, starts_base
from airesearch.gitlab.store.objects import LibgitObjects
from noisy import TRAIN as NOISY_TRAIN
from noisy import turn
from pushes import shared_lab
from split_labs import SCRIPT, TEAM, best, change, commit, edited, split, split_files, train, trials
from toys import EVALUATE, airesearch, git, lr, repository

OTHER_TEAM = yaml.safe_dump(
    {
        "team": {"another": {"backend": "scripted", "script": "prompts/others.yaml"}},
        "budget": {"trials": 500, "hours": 3},
        "search": {"policy": "greedy"},
    }
)
OTHERS = yaml.safe_dump({"turns": [lr(0.1995)]})
FREE: dict[str, dict[str, str | None]] = {
    "another agent": {"team.yaml": OTHER_TEAM, "prompts/others.yaml": OTHERS},
    "more budget": {"team.yaml": yaml.safe_dump({**TEAM, "budget": {"trials": 900}})},
    "a policy": {"policies/scripted.yaml": "read: ['*']\nwrite: [train.py]\n"},
    "a prompt": {"prompts/hints.txt": "look at the learning rate\n"},
    "the README": {"README.md": "a toy, and what it is for\n"},
    "a README less": {"README.md": None},
    "documents": {"docs/notes.txt": "notes\n", ".github/workflows/ci.yaml": "on: push\n"},
    "a comment at a knob": {"train.py": train("@", "  # fixed")},
    "formatting": {"train.py": train("@").replace("LR = ", "LR  =  ")},
    "the task's name": {"airesearch.yaml": ""},
}


def test_commits_that_cost_nothing(tmp_path: Path) -> None:
    """One after the other, with a trial after each: the search goes on, and they travel with it."""
    turns = [lr(0.2), *(lr(0.2 - n / 200) for n in range(1, len(FREE) + 1))]
    folder = split(tmp_path / "lab", turns)
    assert airesearch(folder, "step").code == 0
    for count, (what, files) in enumerate(FREE.items(), 1):
        value = (folder / "train.py").read_text().partition("LR = ")[2].partition("\n")[0]
        files = {path: text and text.replace("@", value) for path, text in files.items()}
        if "airesearch.yaml" in files:
            files = {"airesearch.yaml": edited(folder, name="b")}
        commit(folder, files)
        assert (best(folder), trials(folder)) == (count, count + 1), what
        assert airesearch(folder, "step").code == 0, what
        assert best(folder) == count + 1, "and the search went on from it"
        for path, text in files.items():
            there = folder / path
            assert path == "train.py" or (there.read_text() if there.exists() else None) == text
    nodes = airesearch(folder, "log", "--json").json()
    assert [node["parent"] for node in nodes].count(None) == 1, "no baseline anew"
    assert git(folder, "status", "--porcelain") == ""
    said = airesearch(folder, "verify")
    assert said.code == 0, said.out


def test_a_candidate_in_confirmation_goes_on(tmp_path: Path) -> None:
    files = split_files([turn(5, tag) for tag in range(3)], promotion={})
    repository(tmp_path / "lab", {**files, "train.py": NOISY_TRAIN})
    folder = tmp_path / "lab"
    assert airesearch(folder, "init").code == 0
    while "Plan: " not in git(folder, "log", "--branches"):
        assert airesearch(folder, "step").code == 0
    planned = git(folder, "log", "--branches", "-1", "--grep=^Plan: ", "--format=%(trailers)")
    node = re.search(r"^Node: (\d+)", planned, re.MULTILINE)
    assert node is not None
    before = airesearch(folder, "show", node[1], "--json").json()
    change(folder, README__md="more\n", team__yaml=yaml.safe_dump({**TEAM, "search": {}}))
    commit(folder, {"train.py": NOISY_TRAIN.replace("TAG = 0", "TAG = 0  # fixed")})
    spent = trials(folder)
    assert airesearch(folder, "run", "--trials", "12").code in (0, 3)
    after = airesearch(folder, "show", node[1], "--json").json()
    assert after["verdict"] == "keep"
    assert before["verdict"] != "keep"
    assert best(folder) == int(node[1])
    assert "GAIN = 5" in (folder / "train.py").read_text(), "another program, as the node has it"
    assert trials(folder) <= spent + 12
    assert airesearch(folder, "verify").out.endswith("everything is true\n")


COSTLY: dict[str, dict[str, str]] = {
    "a program": {"train.py": train(0.3)},
    "a comment that Cython reads": {"train.py": "# cython: boundscheck=False\n" + train(0.5)},
    "an encoding": {"train.py": "# -*- coding: latin-1 -*-\n" + train(0.5)},
    "an interpreter": {"train.py": "#!/usr/bin/python3\n" + train(0.5)},
    "a type": {"train.py": train(0.5, "  # type: float")},
    "what a script needs": {"train.py": "# /// script\n# ///\n" + train(0.5)},
    "git's attributes": {".gitattributes": "*.py text eol=crlf\n"},
    "the evaluator": {"evaluate.py": EVALUATE.replace("score =", "scored = score =")},
    "a comment in the evaluator": {"evaluate.py": EVALUATE + "# a comment\n"},
    "new data": {"data.txt": "1\n"},
    "a program moved to an inert path": {"docs/train.py": train(0.5)},
}


def test_commits_that_start_a_base(tmp_path: Path) -> None:
    folder = split(tmp_path / "lab", [lr(0.2)])
    limit = {"a limit": {"airesearch.yaml": edited(folder, budget={"trial_seconds": 21})}}
    for what, files in (COSTLY | limit).items():
        if "docs/train.py" in files:
            (folder / "train.py").unlink()
        commit(folder, dict(files))
        before, after = (git(folder, "rev-parse", f"{at}^{{tree}}").strip() for at in ["@~", "@"])
        objects = LibgitObjects(pygit2.Repository(folder))
        assert starts_base(objects, git(folder, "rev-parse", "@").strip()), what
        assert cost(objects, before, after)[1], what
        git(folder, "reset", "-q", "--hard", "@~")
    commit(folder, dict(COSTLY["new data"]))
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
    for key in ("team", "search", "budget"):
        del task[key]
    team = yaml.safe_dump({**TEAM, "budget": {"trials": 9}})
    # Trials have seen the README: to have it inert would be another program.
    bare = yaml.safe_dump({**task, "inert": []})
    commit(folder, {"airesearch.yaml": bare, "team.yaml": team})
    assert (best(folder), trials(folder)) == (1, 2)
    (folder / "README.md").write_text("and then\n")
    assert "README.md" in airesearch(folder, "status", "--json").json()["commit_costs"]
    git(folder, "checkout", "-q", "README.md")
    commit(folder, {"prompts/hints.txt": "look\n"})
    assert airesearch(folder, "step").code == 0
    assert best(folder) == 2
    assert airesearch(folder, "verify").code == 0


def test_a_key_of_the_team_in_the_task_says_where_it_stands(tmp_path: Path) -> None:
    files = split_files([lr(0.2)], search={"policy": "greedy"})
    said = airesearch(repository(tmp_path / "lab", files), "init")
    assert said.code == 1
    assert "search stands in team.yaml" in said.err
    assert SCRIPT in files


def shared(folder: Path) -> tuple[Path, Path]:
    """A guarded lab that `folder` works in, and another clone of it."""
    url = shared_lab(folder.parent / "shared.git").as_uri()
    git(folder, "remote", "add", "origin", url)
    git(folder, "push", "-q", "origin", "--all")
    git(folder, "fetch", "-q", "origin")
    git(folder.parent, "clone", "-q", url, "person")
    return folder, folder.parent / "person"


def test_from_another_clone_while_workers_run(tmp_path: Path) -> None:
    """A person pushes all day: no trial is lost or measured twice, and a guarded lab takes it."""
    slow = [lr(0.5 - n / 50) for n in range(1, 9)]
    worker, person = shared(split(tmp_path / "lab", slow))
    runs = [
        subprocess.Popen(
            [sys.executable, "-m", "airesearch", "run", "--publish"],
            cwd=worker,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for _ in range(2)
    ]
    for what in ("more budget", "a policy", "the README", "documents"):
        git(person, "pull", "-q", "--rebase")
        commit(person, FREE[what])
        while subprocess.run(["git", "-C", person, "push", "-q"], check=False).returncode:
            git(person, "pull", "-q", "--rebase")  # a promotion was first
    for run in runs:
        _, err = run.communicate(timeout=100)
        assert run.returncode in (0, 3), err.decode()
    nodes = airesearch(worker, "log", "--json").json()
    assert sorted(node["node"] for node in nodes) == list(range(9))
    assert [node["parent"] for node in nodes].count(None) == 1
    assert trials(worker) == 9
    git(person, "fetch", "-q", "origin", "+refs/heads/*:refs/remotes/origin/*")
    assert airesearch(person, "verify").code == 0


def test_who_comes_late_is_held_to_the_rules_in_force(tmp_path: Path) -> None:
    """Proposed before others forbade a folder, and pushed after: what both allow may come."""
    help_too = lr(0.2)
    help_too["write"]["lib/help.py"] = "HELP = 1\n"
    worker, person = shared(split(tmp_path / "lab", [lr(0.6), help_too]))
    assert airesearch(worker, "run").code == 0
    commit(person, {"policies/scripted.yaml": "read: ['*']\nwrite: [train.py]\n"})
    git(person, "push", "-q")
    git(worker, "push", "-q", "origin", "node/000001")
    done = subprocess.run(
        ["git", "-C", worker, "push", "origin", "node/000002"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode
    assert "scripted was not allowed this change: lib/help.py" in done.stderr


def test_a_worker_that_comes_late_proposes_again(tmp_path: Path) -> None:
    """The rules change while an agent works: its answer is held to those, not asked for again."""
    agent = "sleep 2; echo HELP = 1 > lib/help.py; echo asked >> {asked}"
    asked = tmp_path / "asked"
    team = f"team:\n  coder: {{backend: command, command: \"sh -c '{agent}'\"}}\n"
    folder = split(tmp_path / "lab", [], sandbox="none")
    commit(folder, {"team.yaml": team.replace("{asked}", str(asked)), "lib/help.py": "HELP = 0\n"})
    assert airesearch(folder, "step").code == 0
    step = subprocess.Popen([sys.executable, "-m", "airesearch", "step"], cwd=folder)
    time.sleep(1.5)
    commit(folder, {"policies/coder.yaml": "read: ['*']\nwrite: [train.py]\n"})
    assert step.wait(60) == 0
    last = airesearch(folder, "log", "--json").json()[0]
    assert last["status"] == "denied"
    assert asked.read_text() == "asked\n"
    assert airesearch(folder, "verify").code == 0


def test_a_worker_that_comes_late_keeps_its_id(tmp_path: Path) -> None:
    """Another was at a later id: a gap would be a falsehood, and the answer be paid for twice."""
    first, go_on = tmp_path / "first", tmp_path / "go-on"
    agent = tmp_path / "agent.sh"
    agent.write_text(
        f"echo asked >> {tmp_path}/asked; echo HELP = $RANDOM > lib/help.py\n"
        f"mkdir {first} 2>/dev/null && while [ ! -e {go_on} ]; do sleep 0.05; done; true\n"
    )
    folder = split(tmp_path / "lab", [], sandbox="none")
    team = f"team:\n  coder: {{backend: command, command: bash {agent}}}\n"
    commit(folder, {"team.yaml": team, "lib/help.py": "HELP = 0\n"})
    assert airesearch(folder, "step").code == 0
    late = subprocess.Popen([sys.executable, "-m", "airesearch", "step"], cwd=folder)
    while not first.exists():
        time.sleep(0.05)
    commit(folder, {"README.md": "another\n"})
    assert airesearch(folder, "step").code == 0
    assert airesearch(folder, "log", "--json").json()[0]["node"] == 3
    go_on.touch()
    assert late.wait(60) == 0
    assert sorted(n["node"] for n in airesearch(folder, "log", "--json").json()) == [0, 1, 2, 3]
    assert (tmp_path / "asked").read_text().count("asked") == 2
    assert airesearch(folder, "verify").code == 0


def knob_lab(folder: Path, knobs: str) -> Path:
    """A lab whose tuner has one knob, and what team.yaml says of it."""
    files = split_files([])
    files["team.yaml"] = f"team: {{tuner: {{backend: tuner}}}}\nknobs: {{{knobs}}}\n"
    files["train.py"] = "SIZE = 3\n" + files["train.py"]
    return repository(folder, files)


def test_knobs_stand_in_the_team_s_file(tmp_path: Path) -> None:
    """Where code is YAML or somebody else's there is no place for a comment."""
    rules = '"train.py:LR": "range: 0.2..0.3", "train.py:SIZE": fixed'
    folder = knob_lab(tmp_path / "lab", rules)
    assert airesearch(folder, "run", "--trials", "5").code == 0
    for node in range(1, 5):
        text = git(folder, "show", f"node/{node:06d}:train.py")
        assert text.startswith("SIZE = 3\n")
        assert 0.2 <= float(text.partition("LR = ")[2].partition("\n")[0]) <= 0.3


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ('"train.py:LRR": fixed', "no file that may be edited holds train.py:LRR"),
        ('"train.py:LR": "range: 3..1"', "train.py:LR: "),
        ('"train.py:LR": "between 1 and 2"', "says nothing of a knob"),
        ("LR: fixed", "names no file and literal"),
    ],
)
def test_a_knob_that_is_none(tmp_path: Path, rule: str, said: str) -> None:
    folder = knob_lab(tmp_path / "lab", rule)
    done = airesearch(folder, "init")
    done = done if done.code else airesearch(folder, "step")
    assert (done.code, said in done.err) == (1, True), done.err


def test_rules_that_cannot_be_read_cost_nothing_once_they_are_mended(tmp_path: Path) -> None:
    folder = split(tmp_path / "lab", [lr(0.2), lr(0.15)])
    assert airesearch(folder, "step").code == 0
    good = (folder / "team.yaml").read_text()
    (folder / "team.yaml").write_text("serach: {policy: tree}\n")
    git(folder, "commit", "-qam", "a slip", "--no-verify")
    said = airesearch(folder, "step")
    assert (said.code, "did you mean 'search'?" in said.err) == (1, True)
    # A guarded lab takes no such rules, and takes them once they are mended.
    shared = shared_lab(tmp_path / "shared.git").as_uri()
    git(folder, "push", "-q", shared, "main~:refs/heads/main", "node/000000", "node/000001")
    refused = subprocess.run(
        ["git", "-C", folder, "push", shared, "main"], capture_output=True, text=True, check=False
    )
    assert "unknown key 'serach'" in refused.stderr
    commit(folder, {"team.yaml": good})
    assert airesearch(folder, "step").code == 0
    assert (best(folder), trials(folder)) == (2, 3)
    git(folder, "push", "-q", shared, "--all")
    assert airesearch(folder, "verify").code == 0


NOBODY_WORKS_BY: dict[str, tuple[dict[str, str | None], str]] = {
    "a limit of less than nothing": ({"airesearch.yaml": ""}, "budget.trial_seconds is -5"),
    "no script of the team": ({SCRIPT: None}, f"there is no {SCRIPT} on the trunk"),
    "no task": ({"airesearch.yaml": None}, "airesearch.yaml"),
    "an agent's name": ({"team.yaml": "team: {No Name: {backend: tuner}}\n"}, "an agent's name"),
}


def test_rules_that_no_step_could_work_by(tmp_path: Path) -> None:
    """Neither the person's own hook takes them, nor a guarded lab."""
    folder = split(tmp_path / "lab", [lr(0.2)])
    shared = shared_lab(tmp_path / "shared.git").as_uri()
    git(folder, "push", "-q", shared, "--all")
    broken = edited(folder, budget={"trial_seconds": -5})
    for what, (files, why) in NOBODY_WORKS_BY.items():
        for name, text in files.items():
            if text is None:
                (folder / name).unlink()
            else:
                (folder / name).write_text(text or broken)
        git(folder, "add", "-A")
        for words in (["commit", "-qm", what], ["commit", "-qnm", what], ["push", shared, "main"]):
            said = subprocess.run(
                ["git", "-C", folder, *words], capture_output=True, text=True, check=False
            )
            assert bool(said.returncode) is ("-qnm" not in words), (what, words)
            assert "-qnm" in words or why in said.stderr, said.stderr
        assert airesearch(folder, "step").code == 1
        git(folder, "reset", "-q", "--hard", "HEAD~")
    assert airesearch(folder, "step").code == 0


def test_a_clone_tells_the_price_too_and_the_team_is_not_dropped(tmp_path: Path) -> None:
    _, person = shared(split(tmp_path / "lab", [lr(0.2)]))
    assert airesearch(person, "hook", "install").code == 0
    (person / "train.py").write_text(train(0.4))
    assert "a new base" in str(airesearch(person, "status", "--json").json()["commit_costs"])
    told = subprocess.run(
        ["git", "-C", person, "commit", "-qam", "x"], capture_output=True, text=True, check=True
    )
    assert "a new base" in told.stderr
    git(person, "rm", "-q", "team.yaml")
    told = subprocess.run(
        ["git", "-C", person, "commit", "-qm", "x"], capture_output=True, text=True, check=False
    )
    assert "and with it the team and the budget" in told.stderr
    assert told.returncode


def test_the_task_is_not_dropped(tmp_path: Path) -> None:
    """Without it there is no lab: no command works, and no clone knows which is the trunk."""
    lab, person = shared(split(tmp_path / "lab", [lr(0.2)]))
    assert airesearch(person, "hook", "install").code == 0
    git(person, "rm", "-q", "airesearch.yaml")
    words = ["git", "-C", person, "commit", "-qm", "x"]
    told = subprocess.run(words, capture_output=True, text=True, check=False)
    assert told.returncode
    assert "airesearch.yaml" in told.stderr
    git(person, "commit", "-qm", "x", "--no-verify")
    words = ["git", "-C", person, "push", "-q", "origin", "HEAD"]
    refused = subprocess.run(words, capture_output=True, text=True, check=False)
    assert "it holds no airesearch.yaml" in refused.stderr
    # A branch of one's own may have anything.
    git(person, "switch", "-qc", "pages")
    git(person, "push", "-q", "origin", "pages")
    (person / "index.html").write_text("pages\n")
    git(person, "add", "index.html")
    git(person, "commit", "-qm", "Pages")
    assert airesearch(lab, "step").code == 0


def test_a_file_where_people_make_a_folder(tmp_path: Path) -> None:
    """What travels never takes a file of the program's own away."""
    docs = lr(0.2)
    docs["write"]["docs"] = "read by the program\n"
    files = split_files([docs, lr(0.15)], editable=["*", "!docs/"])
    folder = repository(tmp_path / "lab", {**files, "team.yaml": files["team.yaml"]})
    assert airesearch(folder, "init").code == 0
    (folder / "docs").mkdir()
    (folder / "docs" / "index.md").write_text("x\n")
    step = subprocess.Popen([sys.executable, "-m", "airesearch", "step"], cwd=folder)
    assert step.wait(60) == 0
    assert best(folder) == 1
    assert git(folder, "show", "main:docs") == "read by the program\n"
    assert airesearch(folder, "step").code == 0
    assert git(folder, "show", "node/000002:docs") == "read by the program\n"
    assert airesearch(folder, "verify").code == 0


def test_a_team_that_is_a_link_for_a_while(tmp_path: Path) -> None:
    folder = split(tmp_path / "lab", [lr(0.2), lr(0.15)])
    assert airesearch(folder, "step").code == 0
    text = (folder / "team.yaml").read_text()
    (folder / "team.yaml").unlink()
    (folder / "team.yaml").symlink_to("README.md")
    git(folder, "commit", "-qam", "a link", "--no-verify")
    assert "team.yaml is no regular file" in airesearch(folder, "step").err
    (folder / "team.yaml").unlink()
    commit(folder, {"team.yaml": text})
    assert airesearch(folder, "step").code == 0
    assert (best(folder), trials(folder)) == (2, 3)


def test_a_person_s_words_that_look_like_a_record(tmp_path: Path) -> None:
    folder = split(tmp_path / "lab", [lr(0.2), lr(0.15)])
    words = "judge: keep\n\nAction: judge\nAgent: judge\nNode: 0\n"
    git(folder, "commit", "-q", "--allow-empty", "-m", words)
    assert airesearch(folder, "step").code == 0
    assert "falsehood" in airesearch(folder, "verify").err
