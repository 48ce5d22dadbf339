"""Ids of new nodes near the end of a budget: each is used, none is waited for in a circle."""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pygit2
import pytest
from airesearch.agents import loop
from airesearch.agents.campaign import Campaign
from airesearch.agents.loop import step
from airesearch.agents.step import claim as claims
from airesearch.agents.step.leases import Leases
from airesearch.gitlab.errors import NothingToDo
from airesearch.gitlab.lab.lab import open_lab
from airesearch.gitlab.leases.lease import claim, clock, live, release
from toys import TASK, lr, toy


@pytest.fixture
def campaign(tmp_path: Path) -> Campaign:
    """A baseline and one node, and room for one trial more."""
    budget = {**TASK["budget"], "trials": 3}
    lab = open_lab(toy(tmp_path / "lab", [lr(0.4), lr(0.3)], budget=budget, sandbox="none"))
    found = Campaign(lab, dict(os.environ))
    step(found)
    return found


@contextmanager
def another_at(campaign: Campaign, node: int) -> Iterator[None]:
    """Another worker is at `node` meanwhile."""
    repo = pygit2.Repository(campaign.lab.repo.path)
    lease = claim(repo, node, "theirs", clock(repo))
    assert lease is not None
    yield
    release(repo, lease)


@contextmanager
def a_dying_worker_at(node: int) -> Iterator[None]:
    """It still runs when `node` is wanted first, and no more after that."""
    take, refused = Leases.take, list[int]()

    def dying(leases: Leases, wanted: int) -> bool:
        if wanted == node and not refused:
            refused.append(wanted)
            return False
        return take(leases, wanted)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Leases, "take", dying)
        yield
    assert refused == [node]


def leased(campaign: Campaign) -> frozenset[int]:
    """The nodes that anybody holds."""
    repo = pygit2.Repository(campaign.lab.repo.path)
    return live(repo, clock(repo))


def test_the_lower_id_waits_for_no_higher_one(campaign: Campaign) -> None:
    with another_at(campaign, 3):
        assert step(campaign).node.id == 2


def test_an_id_is_held_while_it_waits_for_room(campaign: Campaign) -> None:
    seen: list[frozenset[int]] = []

    def other() -> None:
        with another_at(campaign, 1):
            started.set()
            time.sleep(0.5)
            seen.append(leased(campaign))

    started = threading.Event()
    thread = threading.Thread(target=other)
    thread.start()
    assert started.wait(10)
    assert step(campaign).node.id == 2
    thread.join()
    assert seen == [{1, 2}]
    assert leased(campaign) == set()


def test_a_higher_id_waits_for_the_lower_one(campaign: Campaign) -> None:
    def late(*_: Any) -> None:
        raise KeyboardInterrupt

    with another_at(campaign, 2), pytest.MonkeyPatch.context() as patch:
        patch.setattr(claims, "pause", late)
        with pytest.raises(KeyboardInterrupt):
            step(campaign)
    assert 3 in leased(campaign), "who was cut short while it waited leaves its id marked"


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError])
def test_an_id_is_not_lost_with_its_worker(
    campaign: Campaign, monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    def fails(*_: Any) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(loop, "propose", fails)
        with pytest.raises(error):
            step(campaign)
    assert leased(campaign) == {2}
    assert step(campaign).node.id == 2
    assert leased(campaign) == set()


def test_an_id_is_given_back_where_there_is_nothing_to_do(campaign: Campaign) -> None:
    step(campaign)
    with pytest.raises(NothingToDo):
        step(campaign)
    assert leased(campaign) == set()


def test_an_id_that_a_dying_worker_left_comes_before_a_later_one(campaign: Campaign) -> None:
    """Its worker still ran when the next one wanted that id, and no more after that."""
    with a_dying_worker_at(2):
        assert step(campaign).node.id == 2


def test_a_node_that_a_dying_worker_left_comes_before_a_new_one(campaign: Campaign) -> None:
    """Its worker still ran when the next one looked for what is begun, and no more after that."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "measure", lambda *_: pytest.fail("killed"))
        with pytest.raises(pytest.fail.Exception):
            step(campaign)
    with a_dying_worker_at(2):
        assert step(campaign).node.id == 2
    with pytest.raises(NothingToDo):
        step(campaign)
    assert 3 not in campaign.look().tree.nodes
