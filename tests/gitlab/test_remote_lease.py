"""Leases on the remote: at most one clone's worker at a node, renewed while it is held."""

import json
import time
from dataclasses import asdict
from pathlib import Path

import pygit2
import pytest
from airesearch.gitlab.leases import remote_lease
from airesearch.gitlab.leases.holder import this_holder
from airesearch.gitlab.leases.lease import Lease, claim, clock, held, lease_ref, release
from airesearch.gitlab.leases.remote_lease import RemoteLeases
from airesearch.gitlab.names import LEASES
from airesearch.gitlab.remote.publish import Wire
from airesearch.gitlab.store.refs import swap_ref, target
from airesearch.gitlab.store.trees import Oid
from toys import git, repository

NODE = 5


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    repository(tmp_path / "first", {"a": "1"})
    git(tmp_path, "clone", "-q", "--bare", "first", "shared.git")
    return tmp_path / "shared.git"


class Clone:
    """A clone with a worker that goes by its name."""

    def __init__(self, shared: Path, name: str) -> None:
        git(shared.parent, "clone", "-q", str(shared), name)
        self.name = name
        self.repo = pygit2.Repository(shared.parent / name)
        self.notices: list[str] = []
        self.wire = Wire(self.repo)

    def far(self) -> RemoteLeases:
        return RemoteLeases(self.wire, self.notices.append)

    def lease(self, node: int = NODE) -> Lease:
        """A node that is held in this clone."""
        mine = claim(self.repo, node, self.name, clock(self.repo))
        assert mine is not None
        return mine

    def tries(self, far: RemoteLeases, node: int = NODE) -> bool:
        """Whether a node is to be had on the remote."""
        return far.take(self.lease(node), clock(self.repo))


@pytest.fixture
def one(shared: Path) -> Clone:
    return Clone(shared, "one")


@pytest.fixture
def two(shared: Path) -> Clone:
    return Clone(shared, "two")


def at(shared: Path, node: int = NODE) -> Oid | None:
    return target(pygit2.Repository(shared), lease_ref(node))


def test_one_clone_has_a_node_until_it_lets_go(shared: Path, one: Clone, two: Clone) -> None:
    with one.far() as ours, two.far() as theirs:
        lease = one.lease()
        assert ours.take(lease, clock(one.repo))
        assert at(shared) == lease.blob
        assert not two.tries(theirs)
        assert two.tries(theirs, 6)
        assert ours.live(clock(one.repo)) == theirs.live(clock(two.repo)) == {5, 6}
    assert git(shared, "for-each-ref", LEASES) == ""
    with two.far() as theirs:
        assert two.tries(theirs)
    assert git(shared, "for-each-ref", LEASES) == ""


def test_an_id_that_is_left_stays_taken_until_whoever_is_next(
    shared: Path, one: Clone, two: Clone
) -> None:
    with one.far() as ours:
        assert one.tries(ours)
        ours.leave(NODE)
    assert at(shared) is not None
    with two.far() as theirs:
        assert not two.tries(theirs)  # until its deadline
        assert one.tries(theirs)


def test_who_lost_its_lease_leaves_the_other_s(shared: Path, one: Clone, two: Clone) -> None:
    with one.far() as ours:
        assert one.tries(ours)
        git(shared, "update-ref", "-d", lease_ref(NODE))
        with two.far() as theirs:
            assert two.tries(theirs)
            ours.__exit__(None, None, None)
            assert at(shared) is not None


@pytest.mark.parametrize(
    "content",
    [b"", b"\0\xff", b"[]", b"{}", b"x" * 100_000],
    ids=["empty", "odd", "list", "no", "big"],
)
def test_a_lease_that_says_nothing_is_nobody_s(shared: Path, one: Clone, content: bytes) -> None:
    bare = pygit2.Repository(shared)
    swap_ref(bare, lease_ref(NODE), None, bare.create_blob(content))
    with one.far() as ours:
        assert ours.live(clock(one.repo)) == frozenset()
        assert one.tries(ours)


@pytest.mark.parametrize(("seconds", "free"), [(60, False), (-1, True), (3600, True)])
def test_another_machine_s_lease_counts_to_its_deadline(
    shared: Path, one: Clone, seconds: int, free: bool
) -> None:
    bare = pygit2.Repository(shared)
    mine = one.lease()
    facts = json.loads(one.repo.odb.read(mine.blob)[1])
    facts |= {"host": "far away", "deadline": int(time.time()) + seconds}
    swap_ref(bare, lease_ref(NODE), None, bare.create_blob(json.dumps(facts).encode()))
    with one.far() as ours:
        assert ours.take(mine, clock(one.repo)) is free


@pytest.mark.parametrize(("seconds", "free"), [(60, False), (-1, True), (3600, True)])
def test_a_lease_forged_for_a_process_of_ours_ends_at_its_deadline(
    shared: Path, one: Clone, seconds: int, free: bool
) -> None:
    bare = pygit2.Repository(shared)
    facts = asdict(this_holder("forger", 0, int(time.time()) + seconds))
    swap_ref(bare, lease_ref(NODE), None, bare.create_blob(json.dumps(facts).encode()))
    with one.far() as ours:
        assert bool(ours.live(clock(one.repo))) is not free
        assert one.tries(ours) is free


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote_lease, "LEASE", 0.3)


def wait_until(shared: Path, blob: Oid | None) -> None:
    until = time.monotonic() + 30
    while at(shared) != blob:
        assert time.monotonic() < until
        time.sleep(0.05)


def renew_here(clone: Clone, lease: Lease) -> Lease:
    """What the clone's own heart does from time to time."""
    blob = clone.repo.create_blob(clone.repo.odb.read(lease.blob)[1] + b" ")
    swap_ref(clone.repo, lease_ref(NODE), lease.blob, blob)
    return Lease(NODE, lease.worker, blob)


@pytest.mark.usefixtures("quick")
def test_what_is_renewed_here_is_renewed_there(shared: Path, one: Clone) -> None:
    with one.far() as ours:
        lease = one.lease()
        assert ours.take(lease, clock(one.repo))
        for _ in range(2):
            lease = renew_here(one, lease)
            wait_until(shared, lease.blob)
    assert at(shared) is None


@pytest.mark.usefixtures("quick")
def test_beats_that_fail_are_made_up_for(
    shared: Path, one: Clone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("airesearch.gitlab.remote.publish.PAUSES", ())
    monkeypatch.setattr("airesearch.gitlab.remote.transport.PAUSES", ())
    with one.far() as ours:
        lease = one.lease()
        assert ours.take(lease, clock(one.repo))
        shared.rename(tmp_path / "away")
        lease = renew_here(one, lease)
        time.sleep(0.5)
        (tmp_path / "away").rename(shared)
        wait_until(shared, lease.blob)


@pytest.mark.usefixtures("quick")
def test_a_lease_lost_while_held_stays_the_other_s(shared: Path, one: Clone) -> None:
    bare = pygit2.Repository(shared)
    with one.far() as ours:
        lease = one.lease()
        assert ours.take(lease, clock(one.repo))
        other = bare.create_blob(b"another worker's")
        swap_ref(bare, lease_ref(NODE), lease.blob, other)
        renew_here(one, lease)
        time.sleep(0.8)
        assert at(shared) == other
    assert at(shared) == other


def test_a_remote_that_takes_no_leases_is_told_of_once(shared: Path, one: Clone) -> None:
    git(shared, "config", "receive.hideRefs", "refs/airesearch")
    for _ in range(2):
        with one.far() as ours:
            lease = one.lease()
            assert ours.take(lease, clock(one.repo))
            assert ours.live(clock(one.repo)) == frozenset()
        release(one.repo, lease)
    assert len(one.notices) == 1 and "does not take refs/airesearch/lease/000005" in one.notices[0]


def test_a_remote_that_is_gone_at_the_end_is_no_error(
    shared: Path, one: Clone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("airesearch.gitlab.remote.transport.PAUSES", ())
    with one.far() as ours:
        lease = one.lease()
        assert ours.take(lease, clock(one.repo))
        with held(one.repo, lease):
            shared.rename(tmp_path / "away")
    assert target(one.repo, lease_ref(NODE)) is None
