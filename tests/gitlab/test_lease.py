"""At most one worker at a node, whatever is killed or halted; a dead one leaves it free."""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pygit2
import pytest
from airesearch.gitlab.errors import AiresearchError, RefMoved
from airesearch.gitlab.leases import holder, lease
from airesearch.gitlab.leases.lease import LEASE, Lease, claim, held, live, release, renew
from airesearch.gitlab.store import refs
from airesearch.gitlab.store.refs import node_tips, remove_ref, swap_ref, target
from toys import airesearch, git, repository, toy

NODE = 5
REF = "refs/airesearch/lease/000005"
NOW = time.time()
# Claims a node, then does and answers what it is told, a word a line.
WORKER = """
import sys, pygit2
from airesearch.gitlab.leases.lease import claim, clock, release, renew
repo = pygit2.Repository(sys.argv[1])
mine = claim(repo, 5, sys.argv[2], clock(repo))
print(mine is not None, flush=True)
for word in sys.stdin:
    if word == "renew\\n":
        mine = renew(repo, mine, clock(repo))
        print(mine is not None, flush=True)
    else:
        release(repo, mine)
        print("released", flush=True)
"""


@pytest.fixture
def repo(tmp_path: Path) -> pygit2.Repository:
    return pygit2.Repository(repository(tmp_path / "lab", {"a": "1"}))


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    holder.this_machine.cache_clear()
    yield
    holder.this_machine.cache_clear()


class Worker:
    """A process that holds node 5."""

    def __init__(self, repo: pygit2.Repository, name: str = "theirs") -> None:
        argv = [sys.executable, "-c", WORKER, repo.path, name]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(argv, stdin=pipe, stdout=pipe, text=True)
        self.holds = self._answer() == "True"

    def _answer(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def tell(self, word: str) -> str:
        assert self.process.stdin is not None
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()
        return self._answer()

    def kill(self) -> None:
        """Kill it, and leave a zombie."""
        self.process.kill()
        os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOWAIT)

    def halt(self) -> None:
        self.process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self.process.pid, os.WSTOPPED)


@pytest.fixture
def worker(repo: pygit2.Repository) -> Iterator[Worker]:
    found = Worker(repo)
    assert found.holds
    yield found
    with found.process:
        found.process.kill()


def said(repo: pygit2.Repository) -> dict[str, Any]:
    """The facts of node 5's lease."""
    blob = target(repo, REF)
    assert blob is not None
    found = json.loads(repo.odb.read(blob)[1])
    assert isinstance(found, dict)
    return found


def forge(repo: pygit2.Repository, node: int = NODE, **facts: Any) -> pygit2.Oid:
    """The lease of a holder like this process, but for `facts`."""
    ref = f"refs/airesearch/lease/{node:06d}"
    mine = claim(repo, node, "forged", NOW)
    assert mine is not None
    blob = repo.create_blob(json.dumps({**json.loads(repo.odb.read(mine.blob)[1]), **facts}))
    swap_ref(repo, ref, mine.blob, blob)
    return blob


def test_a_lease_is_claimed_renewed_and_released(repo: pygit2.Repository) -> None:
    mine = claim(repo, NODE, "a", NOW)
    assert mine is not None and mine == Lease(NODE, "a", mine.blob)
    assert git(Path(repo.workdir), "cat-file", "-t", REF).strip() == "blob"
    facts = said(repo)
    assert (facts["worker"], facts["pid"]) == ("a", os.getpid())
    assert NOW + LEASE < facts["deadline"] <= NOW + LEASE + 10
    later = renew(repo, mine, NOW + 40)
    assert later is not None and said(repo)["deadline"] >= facts["deadline"] + 30
    release(repo, later)
    assert target(repo, REF) is None
    release(repo, later)


def test_who_works_is_left_alone(repo: pygit2.Repository, worker: Worker) -> None:
    for now in (NOW, NOW + 10 * LEASE, NOW - 3600, 0.0):
        assert claim(repo, NODE, "me", now) is None
        assert live(repo, now) == {NODE}
    assert worker.tell("renew") == "True"
    assert worker.tell("release") == "released"
    assert claim(repo, NODE, "me", NOW) is not None


@pytest.mark.parametrize("now", [NOW, NOW - 3600, NOW + 3600], ids=["now", "before", "after"])
def test_a_killed_worker_s_node_is_free_at_once(
    repo: pygit2.Repository, worker: Worker, now: float
) -> None:
    worker.kill()  # a zombie
    assert live(repo, now) == frozenset()
    first = claim(repo, NODE, "me", now)
    assert first is not None and said(repo)["worker"] == "me"
    release(repo, first)
    forge(repo, pid=worker.process.pid, started=1)
    worker.process.wait()  # and gone
    assert claim(repo, NODE, "me", now) is not None


# Its main thread ends alone and shows as a zombie; a killed process looks so while its threads end.
HEADLESS = """
import ctypes, sys, threading, time, pygit2
from airesearch.gitlab.leases.lease import claim, clock
repo = pygit2.Repository(sys.argv[1])
print(claim(repo, 5, "headless", clock(repo)) is not None, flush=True)
threading.Thread(target=time.sleep, args=(60,)).start()
ctypes.CDLL(None).pthread_exit(None)
"""


def test_a_process_is_dead_with_its_last_thread(repo: pygit2.Repository) -> None:
    argv = [sys.executable, "-c", HEADLESS, repo.path]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "True\n"
        while ") Z " not in Path(f"/proc/{process.pid}/stat").read_text():
            time.sleep(0.01)
        assert claim(repo, NODE, "me", NOW) is None
        process.kill()
    assert claim(repo, NODE, "me", NOW) is not None


def test_a_halted_worker_keeps_its_lease_to_the_deadline_and_is_told_afterwards(
    repo: pygit2.Repository, worker: Worker
) -> None:
    worker.halt()
    assert claim(repo, NODE, "me", time.time()) is None
    mine = claim(repo, NODE, "me", time.time() + LEASE + 60)
    assert mine is not None
    worker.process.send_signal(signal.SIGCONT)
    assert worker.tell("renew") == "False"
    assert target(repo, REF) == mine.blob


def test_a_halted_worker_that_nobody_replaced_goes_on(
    repo: pygit2.Repository, worker: Worker
) -> None:
    worker.halt()
    worker.process.send_signal(signal.SIGCONT)
    assert worker.tell("renew") == "True"
    assert claim(repo, NODE, "me", NOW + LEASE + 60) is None


def test_what_a_lost_lease_s_worker_releases_is_not_the_other_s(repo: pygit2.Repository) -> None:
    mine = claim(repo, NODE, "a", NOW)
    assert mine is not None
    other = repo.create_blob(b"another worker's")
    swap_ref(repo, REF, mine.blob, other)
    release(repo, mine)
    assert target(repo, REF) == other
    assert renew(repo, mine, NOW) is None
    remove_ref(repo, REF, other)
    assert renew(repo, mine, NOW) is None
    assert target(repo, REF) is None


@pytest.mark.parametrize(
    ("facts", "lives"),
    [
        ({"host": "far away", "deadline": int(NOW) + 60}, True),
        ({"host": "far away", "deadline": int(NOW) + LEASE + 10}, True),
        ({"host": "far away", "deadline": int(NOW) - 1}, False),
        ({"host": "far away", "deadline": int(NOW) + 3600}, False),  # the clock was set back
        ({"host": "far away", "deadline": 10**400}, False),
        ({"host": "far away", "deadline": -1}, False),
        ({"boot": "an earlier one"}, False),
        ({"started": 1}, False),  # the pid is another process's by now
        ({"pid": 2**22 + 1}, False),
        ({"pid": 0}, False),
        ({"pid": -1}, False),
        ({"pid": 2**70}, False),
        ({"deadline": 0}, True),
        ({"worker": "a\nb\udcff\0"}, True),
        ({"more": "facts of a later version"}, True),
    ],
)
def test_whether_a_holder_lives(
    repo: pygit2.Repository, facts: dict[str, Any], lives: bool
) -> None:
    forge(repo, **facts)
    assert (NODE in live(repo, NOW)) is lives
    assert (claim(repo, NODE, "me", NOW) is None) is lives


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0\xff" * 9,
        b"[]",
        b"3",
        b"null",
        b"{}",
        b"[" * 100_000,
        b'{"worker": 1, "host": 2, "boot": 3, "pid": 4, "started": 5, "deadline": 6}',
        b'{"worker": "a", "host": "b", "boot": "c", "pid": 4, "started": 5, "deadline": Infinity}',
        b'{"worker": "a", "host": "b", "boot": "c", "pid": true, "started": 5, "deadline": 6}',
        b'{"worker": "a", "host": "b", "boot": "c", "pid": ' + b"9" * 5000 + b"}",
    ],
)
def test_a_lease_that_says_nothing_is_nobody_s(repo: pygit2.Repository, content: bytes) -> None:
    swap_ref(repo, REF, None, repo.create_blob(content))
    assert live(repo, NOW) == frozenset()
    assert claim(repo, NODE, "me", NOW) is not None
    assert said(repo)["worker"] == "me"


@pytest.mark.parametrize(
    "content",
    [
        "",  # what a power cut leaves
        "\0" * 41,
        "garbage\n",
        "0" * 40 + "\n",
        "1" * 40 + "\n",
        "ref: refs/heads/main\n",
        "ref: refs/heads/nowhere\n",
        f"ref: {REF}\n",
        "main's tip",
    ],
)
def test_a_ref_that_is_no_lease_is_nobody_s(repo: pygit2.Repository, content: str) -> None:
    tip = str(repo.references["refs/heads/main"].target)
    path = Path(repo.path) / REF
    path.parent.mkdir(parents=True)
    path.write_text(f"{tip}\n" if content == "main's tip" else content)
    assert live(repo, NOW) == frozenset()
    mine = claim(repo, NODE, "me", NOW)
    assert mine is not None and target(repo, REF) == mine.blob
    release(repo, mine)
    assert git(Path(repo.workdir), "for-each-ref", "refs/airesearch") == ""
    assert str(repo.references["refs/heads/main"].target) == tip


def test_a_lease_whose_blob_was_pruned_is_told_so(repo: pygit2.Repository) -> None:
    mine = claim(repo, NODE, "a", NOW)
    assert mine is not None
    (Path(repo.path) / "objects" / str(mine.blob)[:2] / str(mine.blob)[2:]).unlink()
    fresh = pygit2.Repository(repo.path)
    assert live(fresh, NOW) == frozenset()
    assert claim(fresh, NODE, "b", NOW) is not None
    assert renew(repo, mine, NOW) is None


def test_a_worker_s_own_leftover_is_its_own_again_but_not_its_fork_s(
    repo: pygit2.Repository,
) -> None:
    assert claim(repo, NODE, "a", NOW) is not None
    assert claim(repo, NODE, "b", NOW) is None
    assert claim(repo, NODE, "a", NOW + 20) is not None
    if (child := os.fork()) == 0:
        os._exit(claim(pygit2.Repository(repo.path), NODE, "a", NOW) is not None)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_all_live_leases_are_listed_packed_or_not(repo: pygit2.Repository) -> None:
    lab = Path(repo.workdir)
    assert live(repo, NOW) == frozenset()
    packed = [claim(repo, node, "a", NOW) for node in (1, 1234567)]
    forge(repo, node=2, boot="an earlier one")
    blob = forge(repo, node=3)
    for name in ("x", "12345", "0000003", "000003x", "9" * 18, "9" * 99, "000009/deep"):
        git(lab, "update-ref", f"refs/airesearch/lease/{name}", str(blob))
    git(lab, "update-ref", "refs/airesearch/other/000004", str(blob))
    git(lab, "pack-refs", "--all")
    assert claim(repo, 6, "a", NOW) is not None
    (Path(repo.path) / "refs/airesearch/lease/000008.lock").touch()
    assert live(repo, NOW) == {1, 3, 6, 1234567, int("9" * 18)}
    for one in packed:
        assert one is not None
        later = renew(repo, one, NOW + 40)
        assert later is not None
        release(repo, later)
    assert live(repo, NOW) == {3, 6, int("9" * 18)}


@pytest.mark.parametrize("name", ["two\nlines", "latin \udce9", "", 'quo"ted', "x" * 300])
def test_any_host_name(repo: pygit2.Repository, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: name)
    assert claim(repo, NODE, "a", NOW) is not None
    assert said(repo)["host"].startswith(name + " ")
    assert live(repo, NOW + 10 * LEASE) == {NODE}
    monkeypatch.setattr(socket, "gethostname", lambda: "another")
    holder.this_machine.cache_clear()
    assert claim(repo, NODE, "b", NOW) is None
    assert claim(repo, NODE, "b", NOW + 10 * LEASE) is not None


def test_a_container_s_pids_say_nothing_outside(repo: pygit2.Repository) -> None:
    inside = ["unshare", "-rpf", "--mount-proc"]
    if subprocess.run([*inside, "true"], capture_output=True, check=False).returncode:
        pytest.skip("no namespaces here")
    argv = [*inside, sys.executable, "-c", WORKER, repo.path, "inside"]
    subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, check=True)
    assert said(repo)["worker"] == "inside"
    assert said(repo)["pid"] < 10
    assert claim(repo, NODE, "me", time.time()) is None
    assert claim(repo, NODE, "me", time.time() + 10 * LEASE) is not None


def test_worktrees_share_leases(repo: pygit2.Repository, tmp_path: Path) -> None:
    git(Path(repo.workdir), "worktree", "add", "-q", str(tmp_path / "tree"))
    tree = pygit2.Repository(tmp_path / "tree")
    assert claim(tree, NODE, "a", NOW) is not None
    assert claim(repo, NODE, "b", NOW) is None
    assert live(tree, NOW) == live(repo, NOW) == {NODE}


def test_a_place_that_cannot_be_written(repo: pygit2.Repository) -> None:
    (Path(repo.path) / "refs" / "airesearch").write_text("in the way")
    assert live(repo, NOW) == frozenset()
    with pytest.raises(AiresearchError, match="cannot be moved"):
        claim(repo, NODE, "a", NOW)


def test_the_clock_is_the_file_system_s(repo: pygit2.Repository) -> None:
    hand = Path(repo.path) / "airesearch" / "clock"
    before = time.time()
    for _ in range(2):
        now = lease.clock(repo)
        assert before - 1 < now < time.time() + 1
        assert now == hand.stat().st_mtime
    os.utime(hand, (0, 0))
    assert lease.clock(repo) > before - 1
    hand.unlink()
    hand.parent.rmdir()
    hand.parent.write_text("in the way")
    assert lease.clock(repo) > before - 1


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leases that are renewed ten times a second, with deadlines to the second."""
    monkeypatch.setattr(lease, "LEASE", 0.3)
    monkeypatch.setattr(lease, "_GRAIN", 1)
    monkeypatch.setattr(lease, "_HEART", lease._Heart())


def wait_until_it_is_not(repo: pygit2.Repository, blob: pygit2.Oid) -> None:
    until = time.monotonic() + 20
    while target(repo, REF) == blob:
        assert time.monotonic() < until
        time.sleep(0.02)


# Claims, makes a node branch, releases; says how often it was at a node whose lease was gone.
BUSY = """
import sys, time, pygit2
from airesearch.gitlab.leases.lease import claim, clock, release
from airesearch.gitlab.store.refs import swap, target
repo, node = pygit2.Repository(sys.argv[1]), int(sys.argv[2])
ME = pygit2.Signature("a", "a@example.org")
until, lost, made = time.monotonic() + 4, 0, 0
while time.monotonic() < until:
    mine = claim(repo, node, sys.argv[2], clock(repo))
    if mine is None: continue
    swap(repo, f"node/{node}{made:06d}", None, repo.head.target, ME, "x")
    made += 1
    lost += target(repo, f"refs/airesearch/lease/{node:06d}") != mine.blob
    release(repo, mine)
print(made, lost)
"""


def test_git_packs_refs_meanwhile_and_nothing_is_lost(repo: pygit2.Repository) -> None:
    argv = [sys.executable, "-c", BUSY, repo.path]
    workers = [
        subprocess.Popen([*argv, str(node)], stdout=subprocess.PIPE, text=True) for node in (1, 2)
    ]
    while any(one.poll() is None for one in workers):
        subprocess.run(
            ["git", "-C", repo.workdir, "pack-refs", "--all"], capture_output=True, check=False
        )
    answers = [one.communicate()[0].split() for one in workers]
    assert [lost for _, lost in answers] == ["0", "0"]
    made = git(Path(repo.workdir), "for-each-ref", "refs/heads/node").count("\n")
    assert made == sum(int(count) for count, _ in answers) > 20


def test_a_lease_that_git_put_back_is_let_go_of_again(repo: pygit2.Repository) -> None:
    """A user's `git gc` had read it, and wrote it down when it was gone."""
    mine = claim(repo, NODE, "a", lease.clock(repo))
    assert mine is not None
    git(Path(repo.workdir), "pack-refs", "--all")
    packed = Path(repo.path) / "packed-refs"
    before = packed.read_bytes()
    release(repo, mine)
    packed.write_bytes(before)
    assert target(repo, REF) == mine.blob
    assert live(repo, lease.clock(repo)) == frozenset()
    packed.write_bytes(before)
    assert claim(repo, 6, "a", lease.clock(repo)) is not None
    assert target(repo, REF) is None


@pytest.mark.usefixtures("quick")
def test_a_held_lease_is_renewed_and_released(repo: pygit2.Repository) -> None:
    mine = claim(repo, NODE, "a", lease.clock(repo))
    assert mine is not None
    with held(repo, mine):
        wait_until_it_is_not(repo, mine.blob)
        assert said(repo)["deadline"] > time.time()
    assert target(repo, REF) is None


@pytest.mark.usefixtures("quick")
def test_many_are_held_at_once_and_a_fork_renews_none(
    repo: pygit2.Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a forked child does must not cost its parent the lease."""
    mine = [claim(repo, node, "a", lease.clock(repo)) for node in (4, NODE, 6)]
    with ExitStack() as all_held:
        for one in mine:
            assert one is not None
            all_held.enter_context(held(repo, one))
        if (child := os.fork()) == 0:
            monkeypatch.setattr(lease, "LEASE", 0.03)
            here = pygit2.Repository(repo.path)
            own = claim(here, 7, "a", lease.clock(here))
            with held(here, own or Lease(7, "a", refs.UNREADABLE)):
                time.sleep(0.5)
                os.kill(os.getpid(), signal.SIGKILL)
        os.waitpid(child, 0)
        assert live(repo, lease.clock(repo)) == {4, NODE, 6}
        assert said(repo)["pid"] == os.getpid()
    assert git(Path(repo.workdir), "for-each-ref", "refs/airesearch").count("\n") == 1


@pytest.mark.usefixtures("quick")
def test_beats_that_fail_are_made_up_for(repo: pygit2.Repository, tmp_path: Path) -> None:
    mine = claim(repo, NODE, "a", lease.clock(repo))
    assert mine is not None
    with held(repo, mine):
        Path(repo.path).rename(tmp_path / "away")
        time.sleep(0.5)
        (tmp_path / "away").rename(repo.path)
        wait_until_it_is_not(repo, mine.blob)
    assert target(repo, REF) is None


@pytest.mark.usefixtures("quick")
def test_a_lease_lost_while_held_stays_the_other_s(repo: pygit2.Repository) -> None:
    mine = claim(repo, NODE, "a", lease.clock(repo))
    assert mine is not None
    other = repo.create_blob(b"another worker's")
    with held(repo, mine):
        while (now := target(repo, REF)) != other:
            try:
                swap_ref(repo, REF, now, other)
            except RefMoved:
                continue
        time.sleep(0.5)
    assert target(repo, REF) == other


def test_an_error_inside_releases_and_leaves(repo: pygit2.Repository, tmp_path: Path) -> None:
    mine = claim(repo, NODE, "a", NOW)
    assert mine is not None
    with pytest.raises(ZeroDivisionError), held(repo, mine):
        _ = 1 / 0
    assert target(repo, REF) is None
    mine = claim(repo, NODE, "a", NOW)
    assert mine is not None
    with held(repo, mine):
        Path(repo.path).rename(tmp_path / "away")  # nothing to release it in: no error of ours


def test_git_the_tree_and_verify_do_not_mind_leases(tmp_path: Path) -> None:
    folder = toy(tmp_path / "lab", [])
    repo = pygit2.Repository(folder)
    before = node_tips(repo)
    for node in (0, 1, 700):
        assert claim(repo, node, "a", lease.clock(repo)) is not None
    assert node_tips(repo) == before
    checked = subprocess.run(
        ["git", "-C", folder, "fsck", "--strict"], capture_output=True, check=True
    )
    assert "error" not in checked.stderr.decode()
    assert airesearch(folder, "verify").code == 0
    assert git(folder, "clone", "-q", str(folder), str(tmp_path / "clone")) == ""
    assert live(pygit2.Repository(tmp_path / "clone"), NOW) == frozenset()


# Sixteen at one node, again and again; at every other time it is a dead holder's before.
RACE = """
import json, multiprocessing, sys
import pygit2
from airesearch.gitlab.leases.lease import claim, release
from airesearch.gitlab.store.refs import swap_ref
PATH, ROUNDS, REF = sys.argv[1], 200, "refs/airesearch/lease/000005"
context = multiprocessing.get_context("fork")
gate = context.Barrier(16)
def work(number, pipe):
    repo, won = pygit2.Repository(PATH), []
    for turn in range(ROUNDS):
        if turn % 2 and number == 0:
            mine = claim(repo, 5, "dead", 1e9)
            facts = json.loads(repo.odb.read(mine.blob)[1]) | {"started": 1}
            swap_ref(repo, REF, mine.blob, repo.create_blob(json.dumps(facts)))
        gate.wait(60)
        mine = claim(repo, 5, f"w{number}", 1e9)
        gate.wait(60)
        if mine:
            won.append(turn)
            release(repo, mine)
        gate.wait(60)
    pipe.send(won)
ends = [context.Pipe() for _ in range(16)]
for number, (_, end) in enumerate(ends):
    context.Process(target=work, args=(number, end)).start()
print(json.dumps(sorted(turn for start, _ in ends for turn in start.recv())))
"""


def test_of_sixteen_claimers_one_wins_each_time(repo: pygit2.Repository) -> None:
    done = subprocess.run(
        [sys.executable, "-c", RACE, repo.path], capture_output=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr.decode()
    assert json.loads(done.stdout) == list(range(200))


# A lock that the kernel frees is the referee: a holder of the lease that finds it taken says so.
STRIVE = """
import fcntl, os, sys, time
import pygit2
from airesearch.gitlab.leases.lease import claim, clock, held
repo = pygit2.Repository(sys.argv[1])
log = os.open(sys.argv[2], os.O_WRONLY | os.O_APPEND)
while True:
    mine = claim(repo, 5, sys.argv[3], clock(repo))
    if mine is None:
        time.sleep(0.001)
        continue
    with held(repo, mine):
        referee = os.open(sys.argv[2] + ".lock", os.O_CREAT | os.O_RDWR)
        try:
            fcntl.flock(referee, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.write(log, b"held\\n")
        except BlockingIOError:
            os.write(log, b"TWO\\n")
        time.sleep(0.005)
        os.close(referee)
"""


def test_never_two_holders_though_they_are_killed(repo: pygit2.Repository, tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.touch()
    names = iter(range(1000))
    draw = random.Random(0)

    def start() -> subprocess.Popen[bytes]:
        argv = [sys.executable, "-c", STRIVE, repo.path, str(log), str(next(names))]
        return subprocess.Popen(argv, stderr=subprocess.PIPE)

    workers = [start() for _ in range(6)]
    try:
        until = time.monotonic() + 6
        while time.monotonic() < until:
            time.sleep(draw.uniform(0.05, 0.3))
            place = draw.randrange(len(workers))
            assert workers[place].poll() is None, workers[place].communicate()[1].decode()
            workers[place].kill()
            workers[place].communicate()
            workers[place] = start()
        seen = len(log.read_text().split())
        while len(log.read_text().split()) == seen:  # whoever was killed, the others go on
            assert time.monotonic() < until + 30
            time.sleep(0.05)
    finally:
        for one in workers:
            one.kill()
            one.communicate()
    assert set(log.read_text().split()) == {"held"}
    assert seen > 20
