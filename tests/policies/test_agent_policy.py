"""The policy of an agent: a file of the lab, read from the trunk, that holds at desk and commit."""

import re
from pathlib import Path

import pygit2
import pytest
import yaml
from airesearch.agents.setup.team_policies import shipped_policy
from airesearch.gitlab.desk.desk import Desk
from airesearch.gitlab.errors import Denied
from airesearch.gitlab.lab.lab import open_lab
from airesearch.gitlab.store import trees
from airesearch.gitlab.store.change import compare
from airesearch.policies.access.agent_policy import AgentPolicy, parse_policy
from airesearch.policies.access.guard import ProposerPolicy
from airesearch.policies.task.schema import SchemaError
from toys import TRAIN, airesearch, git, lr, repository, toy, toy_files


def test_the_desk_shows_what_may_be_read(tmp_path: Path) -> None:
    files = {"airesearch.yaml": "x", "a.py": "a", "secret/key": "k", "private/y": "y"}
    lab = open_lab(repository(tmp_path / "lab", files))
    own = AgentPolicy(read=("*", "!secret/"), write=("*",))
    rules = ProposerPolicy("ada", rules=own, editable=("*",), protected=())
    desk = Desk(lab, lab.tree_of(lab.trunk_tip), rules.may_read, rules.may_write)
    desk.write("secret/new", b"n")
    desk.write("b.py", b"b")
    assert desk.list() == ("a.py", "airesearch.yaml", "b.py")
    assert desk.read("a.py") == b"a"
    for path, reason in {
        "secret/key": "secret/key is not among what ada may read",
        "secret/new": "secret/new is not among what ada may read",
        "secret/none": "secret/none is not among what ada may read",
        "private/y": "private/y is private: ada may not read it",
        "../x": "../x is not a path inside the lab",
    }.items():
        with pytest.raises(Denied) as denied:
            desk.read(path)
        assert reason in denied.value.reasons
    with pytest.raises(Denied, match="not a path inside the lab"):
        desk.write("half\ud800", b"")


BAD = {
    "wirte: [a]\n": "p.yaml, line 1: unknown key 'wirte'",
    "read: ['*']\nwrite: [a, 'b**']\n": "p.yaml, line 2: write[1]: 'b**': git reads ** beside",
    "append: ['#x']\n": "p.yaml, line 1: append[0]: '#x': it is a comment",
    "most_files: 0\n": "p.yaml, line 1: most_files is 0",
    "binary: maybe\n": "p.yaml, line 1: binary must be true or false, not 'maybe'",
    "read: everything\n": "p.yaml, line 1: read must be a list",
}


@pytest.mark.parametrize("text", BAD)
def test_a_bad_policy_names_file_and_line(text: str) -> None:
    with pytest.raises(SchemaError) as error:
        parse_policy(text, "p.yaml", "ada")
    assert error.value.what.startswith(BAD[text])


def test_the_worked_example_of_the_page(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "policy.md").read_text()
    text = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)[0]
    said = re.findall(r"^    (.+)$", page.partition("three reasons:")[2], re.MULTILINE)[:3]
    rules = ProposerPolicy(
        "ada",
        rules=parse_policy(text, "ada.yaml", "ada"),
        editable=("src/", "CHANGES.md"),
        protected=(),
    )
    repo = pygit2.init_repository(str(tmp_path))
    log = b"v1: works\n" * 12
    old = {"src/frozen/loss.py": b"1\n", "src/net.py": b"x\n" * 250, "CHANGES.md": log}
    before = trees.edit(repo, trees.EMPTY, old)
    good = {"src/net.py": b"y\n" * 50, "CHANGES.md": log + b"more\n", "research/notes/ada.md": b"!"}
    assert rules.check(compare(repo, before, trees.edit(repo, before, good))).allowed
    bad = {"src/frozen/loss.py": b"1\n2\n", "src/net.py": b"y\n" * 250}
    bad["CHANGES.md"] = log.replace(b"works", b"works as it must", 1)
    after = trees.edit(repo, before, bad)
    assert rules.check(compare(repo, before, after)).reasons == tuple(said)


def test_what_a_shipped_policy_says_is_what_the_type_defaults_to() -> None:
    shipped = shipped_policy("tuner", "ada")
    assert shipped == AgentPolicy(("*",), ("*",), ("/research/notes/ada.md",))
    assert shipped == shipped_policy("command", "ada") == shipped_policy("scripted", "ada")


def test_the_policy_of_the_lab_holds(tmp_path: Path) -> None:
    rules = {"read": ["*", "!lib/hidden.py"], "write": ["/train.py"], "append": ["lib/log"]}
    widen = {"policies/scripted.yaml": "write: ['*']\n", "lib/x.py": "x = 1\n"}
    turns = [
        {"subject": "too far", "write": {"lib/x.py": "x = 1\n"}},
        {"subject": "wider", "write": widen},
        {"subject": "peek", "swap": [{"path": "lib/hidden.py", "old": "a", "new": "b"}]},
        {"subject": "rewrite", "write": {"lib/log": "two\n"}},
        lr(0.2, subject="both"),
    ]
    turns[-1]["write"] |= {"lib/log": "one\ntwo\n", "research/notes/scripted.md": "no\n"}
    (tmp_path / "lab").mkdir()
    (tmp_path / "lab" / "lib").mkdir()
    (tmp_path / "lab" / "lib" / "log").write_text("one\n")
    (tmp_path / "lab" / "policies").mkdir()
    (tmp_path / "lab" / "policies" / "scripted.yaml").write_text(yaml.safe_dump(rules))
    folder = toy(tmp_path / "lab", turns)
    reasons = [airesearch(folder, "step", "--json").json()["reason"] for _ in turns]
    assert "lib/x.py is not among what scripted may write" in reasons[0]
    assert "policies/scripted.yaml is protected" in reasons[1]
    assert "lib/x.py is not among what scripted may write" in reasons[1]
    assert "lib/hidden.py is not among what scripted may read" in reasons[2]
    assert "lib/log may only grow at its end, and its 4 bytes do not begin" in reasons[3]
    assert "research/notes/scripted.md is on the bus" in reasons[4]


def test_a_policy_counts_from_its_commit_on_the_trunk_on(tmp_path: Path) -> None:
    notes = {"research/notes/scripted.md": "0.2 is better\n"}
    both = lr(0.2)
    both["write"] |= notes
    folder = toy(tmp_path / "lab", [both])
    assert airesearch(folder, "step", "--json").json()["promoted"]
    assert git(folder, "show", "main:research/notes/scripted.md") == "0.2 is better\n"
    (folder / "policies").mkdir()
    (folder / "policies" / "scripted.yaml").write_text("read: ['*']\n")
    (folder / "train.py").write_text(TRAIN)
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "Nothing more for it")
    assert airesearch(folder, "step", "--json").json()["operator"] == "draft"
    denied = airesearch(folder, "step", "--json").json()
    assert "train.py is not among what scripted may write" in denied["reason"]


def test_a_policy_of_nobody_is_an_error(tmp_path: Path) -> None:
    folder = repository(
        tmp_path / "lab", {**toy_files([lr(0.2)]), "policies/scriptde.yaml": "read: ['*']\n"}
    )
    said = airesearch(folder, "init")
    assert said.code == 1
    assert "policies/scriptde.yaml is the policy of no agent of the team" in said.err
    assert "did you mean policies/scripted.yaml?" in said.err


def test_a_policy_that_is_a_link_is_an_error(tmp_path: Path) -> None:
    folder = tmp_path / "lab"
    (folder / "policies").mkdir(parents=True)
    (folder / "policies" / "scripted.yaml").symlink_to("../open.txt")
    repository(folder, {**toy_files([lr(0.2)]), "open.txt": "write: ['*']\n"})
    said = airesearch(folder, "init")
    assert (said.code, "policies/scripted.yaml is no regular file" in said.err) == (1, True)
