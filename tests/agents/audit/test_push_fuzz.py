"""Random objects and refs at both gates: no traceback, no hang, and never two opinions.

A bounded number runs with all other tests; many more are asked for by AIRESEARCH_FUZZ=full.
"""

import os

import pytest
from agreeing import compare
from airesearch.agents.audit.push.push import push_faults
from airesearch.agents.audit.push.rights import Rights
from airesearch.agents.trunk.tree import load_tree
from airesearch.gitlab.hooks.push_view import Update
from airesearch.gitlab.lab.lab import open_lab
from airesearch.gitlab.record.text import one_line
from forging import audited
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mutation_corpus import CORPUS
from mutations import STEPS, Mutation, Mutator
from toys import airesearch, git, lr, toy

NODE = "node/000002"
pytestmark = pytest.mark.timeout(7200)
EVERY = 20_000 if os.environ.get("AIRESEARCH_FUZZ") == "full" else 100


@pytest.fixture(scope="module")
def mutator(tmp_path_factory: pytest.TempPathFactory) -> Mutator:
    """A lab whose node 2 was promoted last."""
    lab = toy(tmp_path_factory.mktemp("fuzz") / "lab", [lr(0.3), lr(0.2)])
    assert airesearch(lab, "run", "--trials", "2").code == 0
    git(lab, "config", "core.logAllRefUpdates", "false")
    for log in (lab / ".git" / "logs").rglob("*"):
        if log.is_file():
            log.unlink()
    return Mutator(lab, NODE)


def judge(mutator: Mutator, mutation: Mutation) -> list[str]:
    """What the push says; it must be what `verify` says, and what passes must be readable."""
    node, trunk = mutator.write(mutation)
    mutator.point("refs/heads/main", mutator.before)
    (mutator.folder / ".git" / "refs" / "heads" / NODE).unlink(missing_ok=True)
    updates = (
        Update(None, node, f"refs/heads/{NODE}"),
        Update(mutator.before, trunk, "refs/heads/main"),
    )
    rights = Rights("", None, people=True)
    said = push_faults(open_lab(mutator.folder), updates, rights)
    refused = [why.partition(" ")[2] for why in said]
    mutator.point("refs/heads/main", trunk)
    mutator.point(f"refs/heads/{NODE}", node)
    (mutator.folder / ".git" / "airesearch" / "audited.json").unlink(missing_ok=True)
    named = [(one.commit, one.what) for one in audited(mutator.folder).violations]
    assert bool(named) <= bool(refused), named
    if not any("does not parse" in why or "is rewritten" in why for why in refused):
        compare(named, [one_line(why) for why in refused])
    if not refused:
        tree = load_tree(open_lab(mutator.folder))
        assert list(tree.nodes) == [0, 1, 2]
    return refused


def test_the_lab_itself_is_true_at_both(mutator: Mutator) -> None:
    assert judge(mutator, ("head", 0, 0, "split", b"")) == []


@pytest.mark.parametrize("name", CORPUS)
def test_what_was_kept(mutator: Mutator, name: str) -> None:
    judge(mutator, CORPUS[name])


@pytest.mark.parametrize("name", [name for name in CORPUS if "index" in name or "NUL" in name])
def test_no_command_trips_over_what_was_kept(mutator: Mutator, name: str) -> None:
    judge(mutator, CORPUS[name])
    for command in ("status", "log"):
        said = airesearch(mutator.folder, command)
        assert said.code in (0, 1), said.err


_LINES = st.sampled_from([
    b"foo\n", b" folded\n", b"encoding \n", b"encoding utf-7\n", b"gpgsig a\n b\n", b"HG:x y\n",
    b"author a <a> 1 +0000\n", b"parent %b\n" % (b"0" * 40), b"mergetag x\n", b"\n", b"\0",
    b"x" * 99,
]) | st.binary(max_size=40)  # fmt: skip
_MODES = st.sampled_from([
    b"120777", b"160001", b"140000", b"0100644", b"040000", b"100664", b"40755", b"100755", b"1",
]) | st.binary(max_size=7)  # fmt: skip
_NAMES = st.sampled_from([b".", b"..", b".git", b"a/b", b"", b"train.py", b"\xff"]) | st.binary(
    max_size=20
)
_PLACES = st.integers(0, 12)
_KEYS = ("Action", "Agent", "Node", "Parent-Node", "Operator", "Diff", "Candidate", "Protocol",
         "Trial", "Status", "Metric", "Seed", "Duration", "Verdict", "Incumbent", "Delta",
         "Evidence", "Noise", "Baseline", "Improvement", "Reason", "Transcript")  # fmt: skip
_VALUES = st.sampled_from(
    ["", "0", "-1", "9" * 30, "inf", "nan", "1e999", "x", "2", "keep"]
) | st.text(max_size=30)
_STEPS = st.integers(0, STEPS - 1)
MUTATIONS = st.one_of(
    st.tuples(st.just("head"), _STEPS, _PLACES,
              st.sampled_from(["insert", "drop", "twice", "last", "split"]), _LINES),
    st.tuples(st.just("tree"), _STEPS, _PLACES, st.just("mode"), _MODES),
    st.tuples(st.just("tree"), _STEPS, _PLACES, st.just("name"), _NAMES),
    st.tuples(st.just("tree"), _STEPS, _PLACES,
              st.sampled_from(["drop", "twice", "last", "split"]), st.binary(max_size=30)),
    st.tuples(st.just("say"), _STEPS, st.sampled_from(_KEYS), _VALUES),
)  # fmt: skip


@settings(
    max_examples=EVERY,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(mutation=MUTATIONS)
def test_random_objects(mutator: Mutator, mutation: Mutation) -> None:
    judge(mutator, mutation)


_FOLDERS = st.sampled_from(["node/", "Node/", "x/node/", "", "origin/", "lease/"])


@settings(max_examples=EVERY, deadline=None)
@given(
    name=st.text(max_size=60) | st.tuples(_FOLDERS, st.text("012٠²", max_size=25)).map("".join),
    kind=st.sampled_from(["refs/heads/", "refs/tags/", "refs/", "refs/airesearch/lease/", ""]),
    new=st.sampled_from(["commit", "tree", "blob", "nothing"]),
)  # fmt: skip
def test_random_refs(mutator: Mutator, name: str, kind: str, new: str) -> None:
    lab = open_lab(mutator.folder)
    commit = lab.repo[mutator.before]
    oids = {"commit": mutator.before, "tree": str(commit.tree_id), "nothing": None,
            "blob": str(lab.repo.create_blob(b""))}  # fmt: skip
    push_faults(lab, (Update(None, oids[new], kind + name),), Rights("", None, people=True))


def test_an_action_that_nobody_does(mutator: Mutator) -> None:
    said = judge(mutator, ("say", 3, "Action", "dance"))
    assert any("claims to be a record" in why for why in said)
