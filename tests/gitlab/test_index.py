"""The index of nodes: never needed, never believed over git; and refs, of which none is missed."""

import gc
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing, suppress
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from random import Random

import pygit2
import pytest
from airesearch.agents.trunk.tree import load_tree
from airesearch.gitlab.lab.lab import open_lab
from airesearch.gitlab.names import node_branch
from airesearch.gitlab.record.facts import (
    Metric,
    Noise,
    Operator,
    Signed,
    Status,
    Verdict,
)
from airesearch.gitlab.record.records import Judge, Measure, Propose, parse
from airesearch.gitlab.store.refs import node_tips
from airesearch.gitlab.tree.database import Database
from airesearch.gitlab.tree.index import SCHEMA, Index
from airesearch.gitlab.tree.lab_tree import LabTree
from airesearch.gitlab.tree.node import Node
from airesearch.gitlab.tree.node_refs import NodeRefs
from airesearch.gitlab.tree.search_tree import SearchTree
from hypothesis import given
from hypothesis import strategies as st
from literal_nodes import Writer, judged, measured, propose
from toys import airesearch, git, repository, toy_files

MANY = 250


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


def nodes_of(folder: Path, notices: list[str] | None = None) -> list[Node]:
    """The nodes as a new process sees them, which leaves an index behind."""
    lab = open_lab(folder)
    tree = load_tree(lab)
    tree.spent()
    found = list(tree.nodes.stream())
    if notices is not None:
        notices += lab.notices.take()
    del tree
    gc.collect()  # its connection too: what is done to the file next finds nobody at it
    return found


def answers_of(folder: Path) -> list[object]:
    tree = load_tree(open_lab(folder))
    found = [
        tree.spent(),
        list(tree.rooted),
        tree.best("loss", "minimize", 5),
        tree.extremes("loss", 3, [tree.base]),
        tree.alike(tree.nodes[MANY - 1]),
        tree.proposed_by("tuner", MANY - 7),
        {node: tree.children(node) for node in tree.nodes},
    ]
    del tree
    gc.collect()
    return found


def index_of(folder: Path) -> Path:
    (found,) = (folder / ".git" / "airesearch").glob("index-*.sqlite")
    return found


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
def test_a_node_comes_back_from_the_index(
    propose: Propose, trials: list[Measure], judge: Judge | None, weighed: int
) -> None:
    tip, onto = (letter * 40 for letter in "ab")
    # As they are in git: a line of text without any says nothing.
    said, *ran = (parse(str(record)) for record in (propose, *trials))
    ruled = None if judge is None else parse(str(judge))
    node = Node(tip, onto, tip, said, tuple(ran), ruled, weighed)  # type: ignore[arg-type]
    back = SearchTree([node], onto, onto).nodes[node.id]
    assert repr(back) == repr(node)  # NaN is not equal to itself
    assert type(back.propose.operator) is Operator


def read_from_git(tree: LabTree, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The commits that were looked at from now on, to find a node or the trunk."""
    lab, found = tree._lab, list[str]()
    whole = lab.commit_of
    monkeypatch.setattr(lab, "commit_of", lambda oid: found.append(str(oid)) or whole(oid))
    return found


def test_the_index_answers_as_git_does(grown: Path) -> None:
    first, answers = nodes_of(grown), answers_of(grown)
    assert index_of(grown).exists()
    assert nodes_of(grown) == first
    assert [node.id for node in first] == list(range(MANY))
    shutil.rmtree(grown / ".git" / "airesearch")
    assert answers_of(grown) == answers
    assert nodes_of(grown) == first


def test_what_was_read_once_is_not_read_again(grown: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = nodes_of(grown)
    tree = load_tree(open_lab(grown))
    parsed = read_from_git(tree, monkeypatch)
    assert list(tree.nodes.stream()) == first
    assert tree.spent()[0] == MANY
    tree.refresh()
    assert parsed == []


def test_a_node_that_goes_on_is_read_on_from_where_it_stood(
    grown: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nodes_of(grown)
    lab = open_lab(grown)
    tree, writer = load_tree(lab), Writer(lab)
    tip = writer.commit(measured(7, 2), pygit2.Oid(hex=tree.nodes[7].tip))
    lab.repo.references.create("refs/heads/node/000007", tip, force=True)
    parsed = read_from_git(tree, monkeypatch)
    before = tree.nodes[7]
    tree.refresh()
    assert len(tree.nodes[7].trials) == len(before.trials) + 1
    assert tree.spent()[0] == MANY + 1
    assert [oid for oid in parsed if oid != tree.trunk] == [str(tip), before.tip]


def test_only_the_nodes_that_are_shown_are_read(
    grown: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = load_tree(open_lab(grown))
    parsed = read_from_git(tree, monkeypatch)
    assert [n.id for n in islice(tree.nodes.stream(newest_first=True), 3)] == [249, 248, 247]
    assert tree.get(100).id == 100
    assert len(parsed) < 3 * 30


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20_000])


def _cut_odd(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20_123])


def _flip(path: Path) -> None:
    """A bit here and there in the text of each node."""
    data, rng = bytearray(path.read_bytes()), Random(3)
    for found in re.finditer(rb"Metric: loss=0.(5)", bytes(data)):
        data[found.start(1)] ^= 1 << rng.randrange(3)
    path.write_bytes(data)


def _exchange(path: Path) -> None:
    """Each node with the text of the next."""
    with closing(sqlite3.connect(path)) as database, database:
        rows = database.execute("SELECT id, checksum, text FROM record").fetchall()
        mixed = zip(rows, rows[1:] + rows[:1], strict=True)
        database.executemany(
            "UPDATE record SET checksum = ?, text = ? WHERE id = ?",
            [(checksum, text, node) for (node, _, _), (_, checksum, text) in mixed],
        )


def _other_version(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("PRAGMA user_version = 7")


def _other_tables(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("DROP TABLE record")


def _pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _link(path: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


DAMAGE: dict[str, Callable[[Path], object]] = {
    "cut": _cut,
    "cut in a page": _cut_odd,
    "flipped bits": _flip,
    "exchanged": _exchange,
    "another version": _other_version,
    "other tables": _other_tables,
    "somebody's": lambda path: path.write_bytes(b"\x00\xff\n" * 5000),
    "one long line": lambda path: path.write_bytes(b"x" * 1_000_000),
    "a pipe": _pipe,
    "a device": _link,
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_index_is_made_anew_and_said(grown: Path, damage: str) -> None:
    first, answers = nodes_of(grown), answers_of(grown)
    DAMAGE[damage](index_of(grown))
    notices: list[str] = []
    assert nodes_of(grown, notices) == first
    (said,) = notices
    assert "made anew" in said
    notices.clear()
    assert answers_of(grown) == answers
    assert nodes_of(grown, notices) == first
    assert notices == []


@pytest.mark.parametrize("loss", ["gone", "empty"])
def test_an_index_that_is_lost_is_no_loss(grown: Path, loss: str) -> None:
    first, answers = nodes_of(grown), answers_of(grown)
    index_of(grown).unlink() if loss == "gone" else index_of(grown).write_bytes(b"")
    notices: list[str] = []
    assert nodes_of(grown, notices) == first
    assert answers_of(grown) == answers
    assert notices == []


def test_commands_say_that_the_index_was_damaged(grown: Path) -> None:
    nodes_of(grown)
    index_of(grown).write_bytes(b"x" * 10_000)
    said = airesearch(grown, "log", "-n", "2")
    assert said.code == 0
    assert "made anew" in said.err


def test_a_folder_where_the_index_belongs(grown: Path) -> None:
    first = nodes_of(grown)
    place = index_of(grown)
    place.unlink()
    place.mkdir()
    assert nodes_of(grown) == first


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_lab_that_cannot_be_written_to(grown: Path) -> None:
    (grown / ".git" / "airesearch").mkdir(exist_ok=True)
    (grown / ".git" / "airesearch").chmod(0o555)
    assert len(nodes_of(grown)) == MANY


def test_no_place_for_the_index(grown: Path) -> None:
    (grown / ".git" / "airesearch").write_text("in the way")
    notices: list[str] = []
    assert len(nodes_of(grown, notices)) == MANY
    assert "in memory" in notices[0]
    assert (grown / ".git" / "airesearch").read_text() == "in the way"


def test_a_full_disk(grown: Path) -> None:
    """The index does not fit: it goes on in memory, and whoever is next, with room, writes it."""
    first = nodes_of(grown)
    index_of(grown).unlink()
    program = """
import resource, signal, sys
from pathlib import Path
from airesearch.gitlab.lab.lab import open_lab
from airesearch.agents.trunk.tree import load_tree
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
lab = open_lab(Path(sys.argv[1]))
tree = load_tree(lab)
print(tree.spent()[0], len(list(tree.nodes.stream())), "in memory" in lab.notices.take()[-1])
"""
    words = [sys.executable, "-c", program, str(grown)]
    said = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    assert said.split() == [str(MANY), str(MANY), "True"]
    assert nodes_of(grown) == first


def test_the_index_is_no_record(grown: Path) -> None:
    """A node whose commits are lost is not shown from it, and is there again when they are."""
    nodes_of(grown)
    (tip,) = {git(grown, "rev-parse", "node/000120").strip()}
    lost = grown / ".git" / "objects" / tip[:2] / tip[2:]
    lost.rename(grown / "kept")
    tree = load_tree(open_lab(grown))
    assert [node.id for node in tree.nodes.stream()] == [n for n in range(MANY) if n != 120]
    assert set(tree.broken) == {120}
    assert list(tree.rooted) == list(range(120))  # its children grew from nothing now
    assert tree.spent()[0] == MANY - 1
    (grown / "kept").rename(lost)
    tree = load_tree(open_lab(grown))
    assert list(tree.rooted) == list(range(MANY))
    assert tree.broken == {}


def test_a_file_that_is_deleted_while_it_is_open(grown: Path) -> None:
    answers = answers_of(grown)
    trees = [load_tree(open_lab(grown)) for _ in range(2)]
    shutil.rmtree(grown / ".git" / "airesearch")
    for tree in trees:
        assert tree.spent()[0] == MANY
        tree.refresh()
        assert list(tree.rooted) == list(range(MANY))
    assert answers_of(grown) == answers
    assert index_of(grown).stat().st_ino == trees[0].index.database._inode


def test_forks_open_it_themselves(grown: Path) -> None:
    tree = load_tree(open_lab(grown))
    children = []
    for _ in range(4):
        child = os.fork()
        if child == 0:
            with suppress(BaseException):
                tree.refresh()
                right = tree.spent()[0] == MANY and len(tree.rooted) == MANY
                os._exit(0 if right else 1)
            os._exit(2)
        children.append(child)
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0] * 4
    assert tree.spent()[0] == MANY


def _move_and_look(folder: Path, first: int) -> None:
    """Add nodes one by one, and look at the tree after each."""
    lab = open_lab(folder)
    tree, writer = load_tree(lab), Writer(lab)
    writer.tips[0] = pygit2.Oid(hex=tree.nodes[0].tip)
    for number in range(first, first + 40, 4):
        lab.repo.references.create(f"refs/heads/{node_branch(number)}", writer.node(number, 0))
        tree.refresh()
        assert tree.nodes[number].id == number
        assert number in tree.rooted


def test_many_that_write_at_once(grown: Path) -> None:
    with ProcessPoolExecutor(4, get_context("fork")) as pool:
        for done in [pool.submit(_move_and_look, grown, MANY + n) for n in range(4)]:
            done.result()
    tree = load_tree(open_lab(grown))
    assert list(tree.rooted) == list(range(MANY + 40))
    assert tree.spent()[0] == MANY + 40
    answers = answers_of(grown)
    shutil.rmtree(grown / ".git" / "airesearch")
    assert answers_of(grown) == answers


def test_a_killed_writer_is_not_waited_for_and_leaves_nothing_half(grown: Path) -> None:
    answers = answers_of(grown)
    child = os.fork()
    if child == 0:
        index = Index(Database(index_of(grown), SCHEMA))
        with suppress(BaseException), index.database.writing():
            for number in range(100):
                index.remove(number)
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    assert answers_of(grown) == answers


def test_a_branch_that_went_while_nobody_looked(grown: Path) -> None:
    lab = open_lab(grown)
    writer = Writer(lab)
    tree = load_tree(lab)
    writer.tips[0] = pygit2.Oid(hex=tree.nodes[0].tip)
    lab.repo.references.create("refs/heads/node/000300", writer.node(300, 0))
    tree.refresh()
    assert list(tree.rooted)[-1] == 300
    lab.repo.references.delete("refs/heads/node/000300")
    assert list(load_tree(lab).nodes) == list(range(MANY))
    git(grown, "branch", "-q", "-D", "node/000005")  # a packed one
    assert 5 not in load_tree(lab).nodes
    assert load_tree(lab).next_id == MANY


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
    refs, tree = NodeRefs(lab.repo), load_tree(lab)
    for remote in ("origin", "a/b"):
        lab.repo.remotes.create(remote, "/nowhere")
    moves = _moves(lab.repo, rng, commits)
    known: dict[int, str] = {}
    for _ in range(150):
        for _ in range(rng.choice([0, 1, 1, 2, 5])):
            next(moves)
        digest = refs.digest
        moved = refs.look()
        now = {node: str(tip) for node, tip in node_tips(lab.repo).items()}
        assert refs.tips() == now
        assert all(refs.tip(node) == now.get(node) for node in (1, 2, 3, 999_999, 1_000_000))
        if refs.digest == digest:
            assert moved >= {node for node, _ in now.items() ^ known.items()}
        tree.refresh()
        assert {node: tip for node, (tip, _) in tree.index.branches().items()} == now
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
    assert refs.tips() == {node: str(tip) for node, tip in node_tips(lab.repo).items()}
