"""The cache of nodes: never needed, never believed over git; and refs, of which none is missed."""

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pygit2
import pytest
from airesearch.gitlab.lab.lab import Lab, open_lab
from airesearch.gitlab.record.facts import (
    Diff,
    Metric,
    Noise,
    Operator,
    Signed,
    Status,
    Trial,
    Verdict,
)
from airesearch.gitlab.record.records import Judge, Measure, Propose, Record
from airesearch.gitlab.store.refs import node_branch, node_tips
from airesearch.gitlab.tree.node import Node
from airesearch.gitlab.tree.node_refs import NodeRefs
from airesearch.gitlab.tree.node_text import decode, decode_stub, encode, stub_of
from airesearch.gitlab.tree.search_tree import load_tree
from airesearch.gitlab.tree.tree_cache import TreeCache
from hypothesis import given
from hypothesis import strategies as st
from toys import airesearch, git, repository, toy_files

MANY = 250
"""More nodes than are read from git before the cache is."""


def propose(node: int, parent: int | None, **facts: object) -> Propose:
    found: dict[str, object] = {
        "agent": "tuner",
        "subject": f"try {node}",
        "operator": Operator.IMPROVE,
        "diff": Diff(1, 2, 3),
        "candidate": f"{node:040x}",
        "protocol": "c" * 40,
        "parent_node": () if parent is None else (parent,),
    }
    return Propose(node=node, **{**found, **facts})  # type: ignore[arg-type]


def measured(node: int, replicate: int = 1, value: float = 0.5, **facts: object) -> Measure:
    found: dict[str, object] = {
        "agent": "runner",
        "subject": "ran",
        "trial": Trial(node, replicate),
        "candidate": f"{node:040x}",
        "protocol": "c" * 40,
        "status": Status.OK,
        "metric": (Metric("loss", value), Metric("train_seconds", 1.0)),
        "seed": replicate,
        "duration": 1.5,
        "peak_memory": 1,
        "output_bytes": 1,
        "executor": "local",
        "sandbox": "none",
        "evaluator": "pinned",
        "environment": "e" * 40,
    }
    return Measure(node=node, **{**found, **facts})  # type: ignore[arg-type]


def judged(node: int, verdict: Verdict = Verdict.DISCARD, **facts: object) -> Judge:
    found: dict[str, object] = {"agent": "judge", "subject": "so", "evidence": "n=1"}
    return Judge(node=node, verdict=verdict, reason="so", **{**found, **facts})  # type: ignore[arg-type]


class Writer:
    """Writes nodes below the real writer, which is slower than a test of many can bear."""

    def __init__(self, lab: Lab) -> None:
        self.repo = lab.repo
        self.base = lab.trunk_tip
        self.tree = lab.tree_of(self.base)
        self.tips: dict[int, pygit2.Oid] = {}

    def commit(self, record: Record, onto: pygit2.Oid) -> pygit2.Oid:
        who = pygit2.Signature(record.agent, f"{record.agent}@airesearch", 1_700_000_000)
        return self.repo.create_commit(None, who, who, str(record), self.tree, [onto])

    def node(self, number: int, parent: int | None) -> pygit2.Oid:
        """A measured and judged node; its branch is written by `pack`."""
        tip = self.base if parent is None else self.tips[parent]
        for record in (propose(number, parent), measured(number), judged(number)):
            tip = self.commit(record, tip)
        self.tips[number] = tip
        return tip

    def pack(self) -> None:
        """Give every node its branch."""
        lines = [f"{tip} refs/heads/{node_branch(node)}\n" for node, tip in self.tips.items()]
        path = Path(self.repo.path) / "packed-refs"
        path.write_text("# pack-refs with: peeled fully-peeled sorted \n" + "".join(sorted(
            lines, key=lambda line: line[41:])))  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return repository(tmp_path / "lab", toy_files([]))


@pytest.fixture
def grown(folder: Path) -> Path:
    """A lab of MANY nodes in a line."""
    writer = Writer(open_lab(folder))
    for number in range(MANY):
        writer.node(number, number - 1 if number else None)
    writer.pack()
    return folder


def nodes_of(folder: Path) -> list[Node]:
    """The nodes as a new process sees them, which leaves a cache behind."""
    tree = load_tree(open_lab(folder))
    found = list(tree.nodes.stream())
    tree.nodes.save()
    return found


def cache_of(folder: Path) -> Path:
    return folder / ".git" / "airesearch" / "nodes"


finite = st.floats(allow_nan=False, allow_infinity=False)
text = st.text(max_size=20)
metrics = st.lists(st.builds(Metric, st.sampled_from(["a", "b/c", "loss"]), finite)).map(tuple)


@given(
    propose=st.builds(
        propose,
        st.integers(0, 10**9),
        st.none() | st.integers(0, 10**9),
        subject=text,
        body=text,
        program=st.none() | text,
        diff_path=st.lists(text).map(tuple),
    ),
    trials=st.lists(
        st.builds(
            measured,
            st.integers(0, 9),
            st.integers(1, 9),
            status=st.sampled_from(Status),
            metric=metrics,
            reason=st.none() | text,
            duration=st.floats(),
        ),
        max_size=3,
    ),
    judge=st.none()
    | st.builds(
        judged,
        st.integers(0, 9),
        st.sampled_from(Verdict),
        delta=st.none() | st.builds(Signed, finite),
        noise=st.none() | st.builds(Noise, finite, st.integers(0, 9)),
        error_spent=st.none() | finite,
        incumbent=st.none() | st.integers(0, 9),
        metric=metrics,
    ),
    weighed=st.integers(0, 3),
)
def test_a_node_comes_back_from_its_line(
    propose: Propose, trials: list[Measure], judge: Judge | None, weighed: int
) -> None:
    tip, onto = (pygit2.Oid(hex=letter * 40) for letter in "ab")
    node = Node(tip, onto, tip, propose, tuple(trials), judge, weighed)
    line = encode(node)
    assert b"\n" not in line
    back = decode(str(tip), line)
    assert repr(back) == repr(node)  # NaN is not equal to itself
    assert [str(t) for t in back.trials] == [str(t) for t in trials]
    assert type(back.propose.operator) is Operator
    assert decode_stub(line) == stub_of(node)


def test_the_cache_answers_as_git_does(grown: Path) -> None:
    first = nodes_of(grown)
    assert cache_of(grown).exists()
    assert nodes_of(grown) == first
    assert [node.id for node in first] == list(range(MANY))


def test_what_is_cached_is_not_parsed_again(grown: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = nodes_of(grown)
    parsed: list[str] = []
    lab = open_lab(grown)
    whole = lab.first_parents
    monkeypatch.setattr(lab, "first_parents", lambda tip: parsed.append(str(tip)) or whole(tip))
    assert list(load_tree(lab).nodes.stream()) == first
    # The trunk, and the few that are sooner read from git than the file is.
    assert len(parsed) == 1 + 100


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1000])


def _flip(path: Path) -> None:
    """A bit of each line, here or there."""
    lines = path.read_bytes().split(b"\n")
    rng = Random(3)
    for number, line in enumerate(lines):
        if line:
            changed = bytearray(line)
            changed[rng.randrange(len(line))] ^= 1
            lines[number] = bytes(changed)
    path.write_bytes(b"\n".join(lines))


def _exchange(path: Path) -> None:
    """Each tip with the text of the next."""
    header, *lines = path.read_bytes().split(b"\n")
    texts = [line[40:] for line in lines]
    mixed = [line[:40] + text for line, text in zip(lines, texts[1:] + texts[:1], strict=True)]
    path.write_bytes(b"\n".join([header, *mixed]))


def _other_version(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b" nodes 1 ", b" nodes 0 ", 1))


def _pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _link(path: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


DAMAGE: dict[str, Callable[[Path], object]] = {
    "gone": Path.unlink,
    "empty": lambda path: path.write_bytes(b""),
    "cut": _cut,
    "flipped bits": _flip,
    "exchanged": _exchange,
    "another version": _other_version,
    "somebody's": lambda path: path.write_bytes(b"\x00\xff\n" * 5000),
    "one long line": lambda path: path.write_bytes(b"x" * 1_000_000),
    "a pipe": _pipe,
    "a device": _link,
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_cache_is_ignored_and_mended(grown: Path, damage: str) -> None:
    first = nodes_of(grown)
    size = cache_of(grown).stat().st_size
    DAMAGE[damage](cache_of(grown))
    assert nodes_of(grown) == first
    assert nodes_of(grown) == first
    if damage not in ("cut", "flipped bits", "exchanged"):
        assert cache_of(grown).stat().st_size <= size
    again = TreeCache(cache_of(grown).parent)
    assert sum(again.get(str(node.tip)) is not None for node in first) == MANY - 100


def test_a_folder_where_the_cache_belongs(grown: Path) -> None:
    first = nodes_of(grown)
    cache_of(grown).unlink()
    cache_of(grown).mkdir()
    assert nodes_of(grown) == first


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_lab_that_cannot_be_written_to(grown: Path) -> None:
    (grown / ".git" / "airesearch").mkdir(exist_ok=True)
    (grown / ".git" / "airesearch").chmod(0o555)
    assert len(nodes_of(grown)) == MANY


def test_a_full_disk_leaves_it_out(grown: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (grown / ".git" / "airesearch").write_text("in the way")
    assert len(nodes_of(grown)) == MANY
    assert (grown / ".git" / "airesearch").read_text() == "in the way"


def test_the_cache_is_no_record(grown: Path) -> None:
    """A node whose commits are lost is not shown from it."""
    nodes_of(grown)
    (tip,) = {git(grown, "rev-parse", "node/000120").strip()}
    (grown / ".git" / "objects" / tip[:2] / tip[2:]).unlink()
    tree = load_tree(open_lab(grown))
    assert [node.id for node in tree.nodes.stream()] == [n for n in range(MANY) if n != 120]
    assert set(tree.broken) == {120}


def test_it_does_not_grow_for_ever(folder: Path) -> None:
    cache = TreeCache(folder / "cache")
    tips = [f"{number:040x}" for number in range(3000)]
    for start in range(0, 3000, 100):
        for tip in tips[start : start + 100]:
            cache.put(tip, b"x" * 100)
        cache.get(tips[0])
        cache.save(frozenset(tips[start : start + 100]))
    lines = (folder / "cache" / "nodes").read_bytes().split(b"\n")
    assert len(lines) < 800
    assert TreeCache(folder / "cache").get(tips[-1]) == b"x" * 100


def test_two_that_write_at_once(folder: Path) -> None:
    writers = [TreeCache(folder / "cache") for _ in range(2)]
    for number in range(200):
        for which, cache in enumerate(writers):
            cache.put(f"{which}{number:039x}", b"%d" % number)
            cache.save(frozenset([f"{w}{n:039x}" for w in range(2) for n in range(number + 1)]))
    found = TreeCache(folder / "cache")
    for which in range(2):
        for number in range(200):
            assert found.get(f"{which}{number:039x}") in (b"%d" % number, None)
    assert sum(found.get(f"{w}{n:039x}") is not None for w in range(2) for n in range(200)) > 300


def test_a_line_that_was_never_ended_costs_itself_only(folder: Path) -> None:
    cache = TreeCache(folder / "cache")
    cache.put("a" * 40, b"one")
    cache.save(frozenset(["a" * 40]))
    path = folder / "cache" / "nodes"
    path.write_bytes(path.read_bytes() + b"b" * 40 + b" 0123")
    cache.put("c" * 40, b"three")
    cache.save(frozenset(["a" * 40, "c" * 40]))
    found = TreeCache(folder / "cache")
    assert [found.get(letter * 40) for letter in "abc"] == [b"one", None, b"three"]


def git_says_corrupt(repo: pygit2.Repository, ref: str) -> bool:
    try:
        repo.references.get(ref)
    except pygit2.GitError:
        return True
    return False


def _moves(repo: pygit2.Repository, rng: Random, commits: list[pygit2.Oid]) -> Iterator[str]:
    """Moves of refs as git and libgit2 make them, for ever."""
    folder = Path(repo.path)
    places = ("refs/heads/", "refs/remotes/origin/", "refs/remotes/a/b/")
    while True:
        ref = rng.choice(places) + f"node/{rng.choice([1, 2, 3, 999_999, 1_000_000]):06d}"
        kind = rng.random()
        if git_says_corrupt(repo, ref):
            (folder / ref).unlink()
            kind = 1.0
        if kind < 0.7:
            repo.references.create(ref, rng.choice(commits), force=True)
        elif kind < 0.85 and ref in repo.references:
            repo.references.delete(ref)
        elif kind < 0.9:
            subprocess.run(["git", "--git-dir", folder, "pack-refs", "--all"], check=True)
        elif kind < 0.93 and ref in repo.references:
            repo.references.delete(ref)
            repo.references.create(ref, "refs/heads/main", force=True)
        elif kind < 0.96:
            (folder / ref).parent.mkdir(parents=True, exist_ok=True)
            aside = folder / f"{ref}.lock"
            aside.write_text("")
            aside.replace(folder / ref)
        yield ref


@pytest.mark.parametrize("seed", range(4))
def test_no_moved_ref_is_missed(folder: Path, seed: int) -> None:
    """However fast they move: many within one tick of the file system's clock."""
    lab, rng = open_lab(folder), Random(seed)
    writer = Writer(lab)
    commits = [writer.commit(propose(n, None), writer.base) for n in range(5)]
    refs = NodeRefs(lab.repo)
    moves = _moves(lab.repo, rng, commits)
    known: dict[int, str] = {}
    for _ in range(150):
        for _ in range(rng.choice([0, 1, 1, 2, 5])):
            next(moves)
        changed = refs.look()
        now = {node: str(tip) for node, tip in node_tips(lab.repo).items()}
        assert refs.tips == now
        assert changed >= {node for node, _ in now.items() ^ known.items()}
        known = now


def test_ids_above_a_million_keep_their_order(folder: Path) -> None:
    writer = Writer(open_lab(folder))
    for number, parent in (
        (0, None),
        (999_998, 0),
        (999_999, 0),
        (1_000_000, 0),
        (10_000_000, 1_000_000),
    ):
        writer.node(number, parent)  # fmt: skip
    writer.pack()
    tree = load_tree(open_lab(folder))
    assert list(tree.nodes) == [0, 999_998, 999_999, 1_000_000, 10_000_000]
    assert list(tree.rooted) == list(tree.nodes)
    assert tree.next_id == 10_000_001
    shown = airesearch(folder, "log", "-n", "2", "--json").json()
    assert [row["node"] for row in shown] == [10_000_000, 1_000_000]


@pytest.mark.parametrize("other", ["000003x", "00001²", "12345", "1_0000", "1000000", "0000017"])
def test_packed_refs_are_told_apart_whatever_is_among_them(folder: Path, other: str) -> None:
    lab = open_lab(folder)
    nodes = [f"heads/node/{name}" for name in ("000001", "000002", "000004", other)]
    for name in (*nodes, "heads/noden", "remotes/up/node/000009"):
        git(folder, "update-ref", f"refs/{name}", "main")
    git(folder, "tag", "-a", "-m", "x", "node/000005", "main")
    git(folder, "pack-refs", "--all")
    refs = NodeRefs(lab.repo)
    refs.look()
    assert refs.tips == {node: str(tip) for node, tip in node_tips(lab.repo).items()}
