"""The guard names every reason with its figures, and a deny never allows."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pygit2
import pytest
from airesearch.agents.setup.team_policies import shipped_policy
from airesearch.gitlab.record.facts import Diff
from airesearch.gitlab.store import trees
from airesearch.gitlab.store.change import Change, PathChange, compare
from airesearch.policies.access.agent_policy import AgentPolicy
from airesearch.policies.access.guard import ProposerPolicy
from hypothesis import given, settings
from hypothesis import strategies as st

FILE, EXECUTABLE, LINK, MODULE = 0o100644, 0o100755, 0o120000, 0o160000
OPEN = AgentPolicy(read=("*",), write=("*",), append=("log/", "/research/notes/ada.md"))


def policy(
    rules: AgentPolicy = OPEN, *editable: str, protected: tuple[str, ...] = ()
) -> ProposerPolicy:
    """The policy of the agent `ada`."""
    return ProposerPolicy("ada", rules=rules, editable=editable or ("*",), protected=protected)


def changed(path: str, **facts: Any) -> PathChange:
    """A text file of ten bytes with one line more, unless `facts` say otherwise."""
    usual = {"old_mode": FILE, "new_mode": FILE, "size": 10, "old_size": 8, "added": 1}
    return PathChange(path, **{**usual, **facts})


def change(*paths: PathChange) -> Change:
    return Change(paths, Diff(len(paths), 0, 0))


REASONS = {
    "x.py is not among what the task lets agents change": (policy(OPEN, "lib/"), changed("x.py")),
    "x.py is not among what ada may write": (policy(AgentPolicy()), changed("x.py")),
    "eval/a.py is protected": (policy(protected=("eval",)), changed("eval/a.py")),
    "Eval/a.py is protected": (policy(protected=("eval",)), changed("Eval/a.py")),
    "a/.gitattributes could configure git or its hooks": (policy(), changed("a/.gitattributes")),
    "a/../b is not a path inside the lab": (policy(), changed("a/../b")),
    "research/result.json is on the bus, which grows only by appending": (
        policy(),
        changed("research/result.json"),
    ),
    "x is a symlink, and ada may not touch one": (policy(), changed("x", new_mode=LINK)),
    "y is a symlink, and ada may not touch one": (policy(), changed("y", old_mode=LINK)),
    "x is a submodule, and ada may not touch one": (policy(), changed("x", new_mode=MODULE)),
    "x would become executable": (policy(), changed("x", new_mode=EXECUTABLE)),
    "x is binary, and ada writes text only": (policy(), changed("x", is_binary=True)),
    "x has 1,048,577 bytes, over the 1,024 KiB that a file may have": (
        policy(),
        changed("x", size=(1 << 20) + 1),
    ),
    "it changes 1 file, over the 0 allowed": (policy(replace(OPEN, most_files=0)), changed("x")),
    "it changes 12,000 lines, over the 10,000 allowed": (
        policy(),
        changed("x", added=7000, removed=5000),
    ),
}  # fmt: skip


@pytest.mark.parametrize("reason", REASONS)
def test_each_ground_is_a_sentence_with_its_figures(reason: str) -> None:
    rules, path = REASONS[reason]
    assert rules.check(change(path)).reasons == (reason,)


def test_the_limits_themselves_are_allowed() -> None:
    fits = changed("x", size=1 << 20, added=5000, removed=5000)
    assert policy(replace(OPEN, most_files=1)).check(change(fits)).allowed
    assert policy().check(change(changed("x", old_mode=EXECUTABLE, new_mode=EXECUTABLE))).allowed
    free = replace(OPEN, binary=True, symlinks=True, submodules=True, executable=True)
    odd = changed("x", is_binary=True, new_mode=LINK, old_mode=MODULE)
    assert policy(free).check(change(odd, changed("y", new_mode=EXECUTABLE))).allowed


def test_every_reason_is_given() -> None:
    rules = policy(replace(OPEN, write=("lib/",), most_files=1), "lib/", protected=("evaluate.py",))
    bad = changed("evaluate.py", new_mode=EXECUTABLE, is_binary=True)
    said = rules.check(change(bad, changed("lib/a.py"), changed("research/run.log"))).reasons
    assert said == (
        "evaluate.py is protected",
        "evaluate.py is not among what the task lets agents change",
        "evaluate.py is not among what ada may write",
        "evaluate.py would become executable",
        "evaluate.py is binary, and ada writes text only",
        "research/run.log is on the bus, which grows only by appending",
        "research/run.log is not among what ada may write",
        "it changes 3 files, over the 1 allowed",
    )


GROWTH = {
    "grown": (b"one\n", b"one\ntwo\n", True),
    "unchanged but for its mode": (b"one\n", b"one\n", True),
    "new": (None, b"one\n", True),
    "cut": (b"one\ntwo\n", b"one\n", False),
    "changed in the middle": (b"one\ntwo\n", b"one\nTWO\nthree\n", False),
    "removed": (b"one\n", None, False),
    "a last line without an end": (b"one", b"one more\n", True),
    "not text": (b"\0\1", b"\0\1\2", True),
}


@pytest.mark.parametrize("case", GROWTH)
def test_append_only_grows(tmp_path: Path, case: str) -> None:
    old, new, grows = GROWTH[case]
    repo = pygit2.init_repository(str(tmp_path))
    before = trees.edit(repo, trees.EMPTY, {"log/a": old, "other": b"x"})
    after = trees.edit(repo, before, {"log/a": new})
    if old == new:
        entry = trees.find(repo, before, "log/a")
        assert entry is not None
        after = trees.edit(repo, before, {"log/a": replace(entry, mode=EXECUTABLE)})
    rules = policy(replace(OPEN, write=(), binary=True, executable=True))
    said = rules.check(compare(repo, before, after))
    assert said.allowed is grows
    if not grows:
        size = len(new or b"")
        want = f"its {len(old or b'')} bytes do not begin the {size} new ones"
        assert said.reasons == (f"log/a may only grow at its end, and {want}",)


def test_what_may_be_written_may_be_rewritten_though_it_is_listed_to_append() -> None:
    assert policy().check(change(changed("log/a"))).allowed


BUS = {
    ("research/notes/ada.md", True): "",
    ("research/notes/ada.md", False): "may only grow at its end",
    ("research/notes/bob.md", True): "which grows only by appending",
    ("research/result.json", True): "which grows only by appending",
    ("Research/notes/ada.md", True): "which grows only by appending",
}


@pytest.mark.parametrize(("path", "appends"), BUS)
def test_of_the_bus_only_the_own_notes_grow(path: str, appends: bool) -> None:
    for backend in ("tuner", "command", "scripted"):
        rules = policy(shipped_policy(backend, "ada"), "*.py")
        reasons = rules.check(change(changed(path, appends=appends))).reasons
        assert bool(reasons) is bool(BUS[path, appends])
        assert not reasons or BUS[path, appends] in reasons[0]


def test_no_pattern_reaches_the_rest_of_the_bus() -> None:
    rules = policy(AgentPolicy(read=("*",), write=("*",), append=("*",)))
    said = rules.check(change(changed("research/result.json", appends=True)))
    assert said.reasons == (
        "research/result.json is on the bus, where agents append to research/notes/ only",
    )


names = st.sampled_from(("a", "b", "lib", "x.py", ".env", "private", "research", "notes", "A"))
paths = st.lists(names, min_size=1, max_size=3).map("/".join)
patterns = st.builds(
    "{}{}{}".format,
    st.sampled_from(("", "!", "/", "!/")),
    st.lists(st.sampled_from(("a", "b", "*", "**", "lib", "*.py", "notes", "research")), min_size=1,
             max_size=2).map("/".join),
    st.sampled_from(("", "/*")),
)  # fmt: skip
lists = st.lists(patterns, max_size=4).map(tuple)
modes = st.sampled_from((0, FILE, FILE, FILE, EXECUTABLE, LINK, MODULE))
small = st.integers(0, 4)
rules = st.builds(
    AgentPolicy, lists, lists, lists, small, small, small, *[st.booleans()] * 4
)  # fmt: skip
policies = st.builds(
    ProposerPolicy,
    st.just("ada"),
    rules=rules,
    editable=lists.map(lambda some: ("*", *some)),
    protected=st.lists(paths, max_size=1).map(tuple),
)
path_changes = st.builds(
    PathChange, paths, modes, modes, st.sampled_from((0, 900, 2000, 5000)), small, small, small,
    st.booleans(), st.booleans(),
)  # fmt: skip
changes = st.lists(path_changes, max_size=4, unique_by=lambda one: one.path).map(
    lambda some: change(*some)
)


@st.composite
def stricter(draw: st.DrawFn, old: ProposerPolicy) -> ProposerPolicy:
    """The same policy with one thing more forbidden."""
    kind = draw(st.sampled_from(("protected", "negation", "removal", "limit", "flag", "editable")))
    key = draw(st.sampled_from(("read", "write", "append")))
    given_lines: tuple[str, ...] = getattr(old.rules, key)
    at = draw(st.integers(0, len(given_lines)))
    if kind == "protected":
        return replace(old, protected=(*old.protected, draw(paths)))
    if kind == "editable":
        return replace(old, editable=(*old.editable, "!" + draw(patterns).lstrip("!")))
    if kind == "negation":
        line = "!" + draw(patterns).lstrip("!")
        lines = (*given_lines[:at], line, *given_lines[at:])
    elif kind == "removal":
        lines = tuple(x for i, x in enumerate(given_lines) if i != at or x.startswith("!"))
    elif kind == "limit":
        limit = draw(st.sampled_from(("largest_file_kb", "most_files", "most_lines")))
        return replace(old, rules=replace(old.rules, **{limit: getattr(old.rules, limit) - 1}))
    else:
        flag = draw(st.sampled_from(("binary", "symlinks", "submodules", "executable")))
        return replace(old, rules=replace(old.rules, **{flag: False}))
    return replace(old, rules=replace(old.rules, **{key: lines}))


@settings(max_examples=400, deadline=None)
@given(st.data(), policies, changes)
def test_a_deny_never_allows(data: st.DataObject, loose: ProposerPolicy, proposed: Change) -> None:
    tight = data.draw(stricter(loose))
    assert loose.check(proposed).allowed or not tight.check(proposed).allowed
    for one in proposed.paths:
        assert loose.may_write(one.path).allowed or not tight.may_write(one.path).allowed
        assert loose.may_read(one.path).allowed or not tight.may_read(one.path).allowed


@settings(max_examples=200, deadline=None)
@given(st.data(), policies, changes.filter(lambda one: bool(one.paths)))
def test_less_of_what_is_allowed_is_allowed(
    data: st.DataObject, some: ProposerPolicy, proposed: Change
) -> None:
    left = data.draw(st.sampled_from(proposed.paths))
    less = change(*(one for one in proposed.paths if one is not left))
    assert some.check(less).allowed or not some.check(proposed).allowed
