"""Refs move by compare-and-swap, commits pass a check, a user's checkout is left in peace."""

import multiprocessing
import subprocess
import threading
from contextlib import suppress
from pathlib import Path

import pytest
from airesearch.agents.trunk.tree import load_tree
from airesearch.gitlab.errors import AiresearchError, Denied, RefMoved
from airesearch.gitlab.lab.lab import Lab, open_lab
from airesearch.gitlab.record.facts import Diff, Operator
from airesearch.gitlab.record.records import Propose
from airesearch.gitlab.store.change import Change, Decision
from airesearch.gitlab.store.trees import edit
from hypothesis import given, settings
from hypothesis import strategies as st
from toys import airesearch, git, lr, repository, toy


def allow(_: Change) -> Decision:
    return Decision()


def proposal(node: int, agent: str = "tuner") -> Propose:
    return Propose(
        agent=agent,
        subject="try",
        node=node,
        operator=Operator.DRAFT,
        diff=Diff(0, 0, 0),
        candidate="a" * 40,
        protocol="b" * 40,
    )


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return open_lab(repository(tmp_path / "lab", {"airesearch.yaml": "x", "a.py": "1\n"}))


def grow(lab: Lab, node: int, worker: str) -> bool:
    """Whether this worker won the node."""
    tip = lab.trunk_tip
    record = proposal(node, worker)
    try:
        lab.commit(f"node/{node:06d}", record, lab.tree_of(tip), [tip], check=allow, new=True)
    except RefMoved:
        return False
    return True


def race(folder: Path, worker: str, start: object, wins: object) -> None:
    lab = open_lab(folder)
    start.wait()  # type: ignore[attr-defined]
    wins.put([(node, worker) for node in range(60) if grow(lab, node, worker)])  # type: ignore[attr-defined]


def test_two_workers_never_both_win_a_node(lab: Lab) -> None:
    context = multiprocessing.get_context("fork")
    start, wins = context.Barrier(4), context.Queue()
    folder = Path(lab.repo.workdir)
    workers = [context.Process(target=race, args=(folder, f"w{n}", start, wins)) for n in range(4)]
    for worker in workers:
        worker.start()
    won = sorted(win for _ in workers for win in wins.get(timeout=60))
    for worker in workers:
        worker.join()
    assert [node for node, _ in won] == list(range(60))
    for node, name in won:
        assert git(folder, "log", "-1", "--format=%an", f"node/{node:06d}").strip() == name


def test_a_moved_branch_is_not_moved_again(lab: Lab) -> None:
    tip = lab.trunk_tip
    assert grow(lab, 1, "first")
    with pytest.raises(RefMoved):
        lab.commit("node/000001", proposal(1), lab.tree_of(tip), [tip], check=allow)
    assert (
        git(Path(lab.repo.workdir), "log", "-1", "--format=%an", "node/000001").strip() == "first"
    )


def test_what_the_check_refuses_moves_nothing(lab: Lab) -> None:
    tip = lab.trunk_tip
    seen = []

    def refuse(change: Change) -> Decision:
        seen.extend(path.path for path in change.paths)
        return Decision(("a first reason", "and a second"))

    tree = edit(lab.repo, lab.tree_of(tip), {"a.py": b"2\n", "new/b.py": b"3\n"})
    with pytest.raises(Denied) as denied:
        lab.commit("node/000001", proposal(1), tree, [tip], check=refuse, new=True)
    assert denied.value.reasons == ("a first reason", "and a second")
    assert seen == ["a.py", "new/b.py"]
    assert lab.tip("node/000001") is None


def test_a_clean_checkout_follows_a_promotion(tmp_path: Path) -> None:
    folder = toy(tmp_path / "lab", [lr(0.2)])
    (folder / "notes.txt").write_text("untracked, mine")
    assert airesearch(folder, "step").code == 0
    assert "LR = 0.2" in (folder / "train.py").read_text()
    assert git(folder, "status", "--porcelain") == "?? notes.txt\n"


def test_uncommitted_work_is_left_alone_and_said(tmp_path: Path) -> None:
    folder = toy(tmp_path / "lab", [lr(0.2)])
    (folder / "evaluate.py").write_text("# mine\n")
    said = airesearch(folder, "step")
    assert said.code == 0
    assert (folder / "evaluate.py").read_text() == "# mine\n"
    assert "LR = 0.5" in (folder / "train.py").read_text()
    assert "has uncommitted changes" in said.err
    mend = said.err[said.err.index("git read-tree") :].splitlines()[0]
    subprocess.run(mend, shell=True, cwd=folder, check=True)
    assert "LR = 0.2" in (folder / "train.py").read_text()
    assert (folder / "evaluate.py").read_text() == "# mine\n"
    assert git(folder, "status", "--porcelain") == " M evaluate.py\n"


def advance(folder: Path, name: str, times: int) -> None:
    """Commit on the trunk again and again, each time on what another worker has made of it."""
    lab, done = open_lab(folder), 0
    while done < times:
        before = lab.trunk_tip
        tree = edit(lab.repo, lab.tree_of(before), {f"{name}.txt": f"{done}\n".encode()})
        with suppress(RefMoved):
            lab.commit("main", proposal(done, name), tree, [before], check=allow)
            done += 1


def test_a_checkout_follows_workers_that_move_its_branch_at_once(tmp_path: Path) -> None:
    folder = repository(tmp_path / "lab", {"airesearch.yaml": "x"})
    (folder / ".git" / "airesearch").mkdir()
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=advance, args=(folder, name, 15)) for name in "abcdef"]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert {worker.exitcode for worker in workers} == {0}
    assert git(folder, "rev-list", "--count", "main").strip() == "91"
    assert git(folder, "status", "--porcelain") == ""
    assert (folder / "b.txt").read_text() == "14\n"


def test_a_checkout_follows_past_a_git_that_has_its_index(tmp_path: Path) -> None:
    folder = repository(tmp_path / "lab", {"airesearch.yaml": "x"})
    lock = folder / ".git" / "index.lock"
    lock.touch()
    timer = threading.Timer(0.2, lock.unlink)
    timer.start()
    advance(folder, "a", 1)
    timer.join()
    assert git(folder, "status", "--porcelain") == ""


def test_init_takes_only_its_own_files(tmp_path: Path) -> None:
    files = {"train.py": 'open("o", "w")\nprint("loss: 2.5")\n', "other.py": "1\n"}
    folder = repository(tmp_path / "lab", files)
    (folder / "other.py").write_text("staged\n")
    git(folder, "add", "other.py")
    (folder / "other.py").write_text("changed again\n")
    before = git(folder, "rev-parse", "HEAD").strip()
    words = ["--metric", "loss", "--candidate", "python train.py", "--editable", "train.py"]
    said = airesearch(folder, "init", *words, "--pattern", "loss: ([0-9.]+)")
    assert said.code == 0, said.err
    assert "1 file with uncommitted changes" in said.err
    started = git(folder, "rev-list", "--first-parent", "main").split()[1]
    assert git(folder, "rev-parse", f"{started}^").strip() == before
    own = ["airesearch.yaml", "team.yaml"]
    assert git(folder, "diff", "--name-only", before, started).split() == own
    assert git(folder, "show", ":other.py") == "staged\n"
    assert (folder / "other.py").read_text() == "changed again\n"
    assert airesearch(folder, "best", "--json").json()["metric"]["value"] == 2.5


@settings(max_examples=8, deadline=None)
@given(order=st.permutations(range(5)))
def test_the_tree_does_not_depend_on_the_order_of_refs(
    order: list[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    files = {"airesearch.yaml": "x", "a.py": "1\n"}
    lab = open_lab(repository(tmp_path_factory.mktemp("order") / "lab", files))
    for number in order:
        assert grow(lab, number, "w")
    found = load_tree(lab)
    assert list(found.nodes) == list(range(5))
    assert list(found.rooted) == list(range(5))
    assert found.next_id == 5


def test_what_a_lab_publishes_on_is_said_as_it_is_opened(lab: Lab, tmp_path: Path) -> None:
    folder = Path(lab.repo.workdir)
    assert lab.wire is None
    with pytest.raises(AiresearchError, match="no remote 'origin' to publish on"):
        open_lab(folder, publish=True)
    git(folder, "remote", "add", "origin", str(tmp_path / "shared.git"))
    wire = open_lab(folder, publish=True).wire
    assert wire is not None and wire.remote == "origin"


def test_a_notice_is_taken_once(lab: Lab) -> None:
    for sentence in ("one", "", "two"):
        lab.notices.add(sentence)
    assert lab.notices.take() == ("one", "two")
    assert lab.notices.take() == ()
