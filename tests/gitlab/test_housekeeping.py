"""Packing beside the work loses nothing, stops nothing and leaves nobody behind."""

import fcntl
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import psutil
import pygit2
import pytest
from airesearch.gitlab.lab.housekeeping import Housekeeper, is_due, pack_loose_objects
from airesearch.gitlab.lab.lab import open_repository
from airesearch.gitlab.store.durable import enable
from airesearch.gitlab.store.refs import pack_refs
from toys import git, repository

TASK = """\
name: noop
objective: {metric: train_seconds, goal: minimize}
candidate: "true"
sandbox: none
editable: [knob.txt]
promotion: {replicates: 1, min_effect: 1000}
"""
STEPS = 60
"""Of each of the workers."""
WORKER = """
import os, sys
from dataclasses import replace
from pathlib import Path
from airesearch.agents.campaign import Campaign
from airesearch.agents.loop import step
from airesearch.agents.proposers.registry import Agent
from airesearch.gitlab.lab.lab import open_lab
class Noop:
    operators = frozenset()
    def propose(self, desk, brief):
        desk.write("knob.txt", f"{brief.node}\\n".encode())
        return Proposal(f"knob {brief.node}")
campaign = Campaign(open_lab(Path(sys.argv[1])), os.environ)
campaign.now = replace(campaign.now, team=(Agent("tuner", Noop()),))
for _ in range(int(sys.argv[2])):
    step(campaign)
"""


def fill(repo: pygit2.Repository) -> set[str]:
    """Make objects until housekeeping is due, without a wait for the disk each; their ids."""
    made = set[str]()
    pygit2.settings.enable_fsync_gitdir(False)
    while not is_due(Path(repo.path)):
        made |= {str(repo.create_blob(os.urandom(8))) for _ in range(500)}
    enable()
    return made


def loose(lab: Path) -> int:
    return int(git(lab, "count-objects").split()[0])


def objects(lab: Path) -> set[str]:
    """Every object there is, held by a commit or not."""
    listed = git(lab, "cat-file", "--batch-all-objects", "--batch-check=%(objectname)")
    return set(listed.split())


def work(lab: Path, steps: int) -> subprocess.Popen[bytes]:
    argv = [sys.executable, "-c", WORKER, lab, str(steps)]
    return subprocess.Popen(argv, stderr=subprocess.PIPE)


def test_workers_lose_nothing_to_constant_packing(tmp_path: Path) -> None:
    lab = repository(tmp_path / "lab", {"knob.txt": "0\n", "airesearch.yaml": TASK})
    with work(lab, 1) as first:
        assert first.wait() == 0
    seen, stop, times = set[str](), threading.Event(), []

    def pack() -> None:
        while not stop.is_set():
            seen.update(objects(lab))
            pack_loose_objects(lab / ".git")
            times.append(1)

    packing = threading.Thread(target=pack)
    packing.start()
    workers = [work(lab, STEPS) for _ in range(4)]
    errors = [worker.communicate()[1].decode() for worker in workers]
    stop.set()
    packing.join()
    assert not any(errors), errors
    assert len(times) > 3
    assert seen <= objects(lab)
    pack_loose_objects(lab / ".git")
    assert not loose(lab)
    assert not git(lab, "fsck", "--strict", "--full", "--no-dangling")
    assert len(git(lab, "for-each-ref", "refs/heads/node").splitlines()) == 1 + 4 * STEPS
    tips = git(lab, "log", "--branches=node/*", "--no-walk", "--format=%(trailers:key=Verdict)")
    assert tips.count("Verdict:") == 1 + 4 * STEPS


def test_what_no_commit_holds_is_kept(tmp_path: Path) -> None:
    lab = repository(tmp_path / "lab", {"a": "1"})
    orphan = str(open_repository(lab).create_blob(b"of a commit to come"))
    pack_loose_objects(lab / ".git")
    pack_loose_objects(lab / ".git")
    assert not loose(lab)
    assert git(lab, "cat-file", "blob", orphan) == "of a commit to come"


def test_an_object_that_cannot_be_read_stays_where_it_is(tmp_path: Path) -> None:
    lab = repository(tmp_path / "lab", {"a": "1"})
    before = loose(lab)
    broken = lab / ".git/objects/17" / ("0" * 38)
    broken.parent.mkdir(exist_ok=True)
    broken.write_bytes(b"half")
    with pytest.raises(subprocess.CalledProcessError):
        pack_loose_objects(lab / ".git")
    assert loose(lab) == before + 1


def test_it_starts_when_enough_is_loose_and_is_gone_at_the_end(tmp_path: Path) -> None:
    lab = repository(tmp_path / "lab", {"a": "1"})
    repo = open_repository(lab)
    assert not is_due(lab / ".git")
    with Housekeeper(repo) as idle:
        idle.pack_if_due()
    assert loose(lab)
    fill(repo)
    with Housekeeper(repo) as keeper:
        keeper.pack_if_due()
        helpers = psutil.Process().children(recursive=True)
        assert helpers
    assert not any(helper.is_running() for helper in helpers)
    assert not loose(lab)


def test_refs_are_packed_by_one_at_a_time_and_past_a_killed_one(tmp_path: Path) -> None:
    lab = repository(tmp_path / "lab", {"a": "1"})
    repo, branch = open_repository(lab), lab / ".git/refs/heads/main"
    with (lab / ".git/packing-refs.lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        pack_refs(repo)
    assert branch.exists(), "another was at it"
    left = lab / ".git/packed-refs.lock"
    left.touch()
    pack_refs(repo)
    assert branch.exists(), "its holder may be alive"
    os.utime(left, (time.time() - 700,) * 2)
    pack_refs(repo)
    assert not branch.exists()
    assert not left.exists()
    assert git(lab, "rev-parse", "--abbrev-ref", "HEAD").strip() == "main"


def test_ctrl_c_ends_it(tmp_path: Path) -> None:
    lab = repository(tmp_path / "lab", {"a": "1"})
    repo = open_repository(lab)
    before = objects(lab) | fill(repo)
    keeper = Housekeeper(repo)
    keeper.pack_if_due()
    helpers = psutil.Process().children(recursive=True)
    time.sleep(0.3)
    keeper.__exit__(KeyboardInterrupt, None, None)
    assert helpers
    assert not any(helper.is_running() for helper in helpers)
    assert before <= objects(lab)
    assert not git(lab, "fsck", "--strict", "--no-dangling")
    pack_loose_objects(lab / ".git")
    assert not loose(lab)


def test_two_do_not_pack_at_once(tmp_path: Path) -> None:
    lab = repository(tmp_path / "lab", {"a": "1"})
    holder = (
        "import fcntl, sys, time; f = open(sys.argv[1], 'wb'); fcntl.flock(f, fcntl.LOCK_EX);"
        "print('held', flush=True); time.sleep(60)"
    )
    argv: list[Any] = [sys.executable, "-c", holder, lab / ".git/housekeeping.lock"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        pack_loose_objects(lab / ".git")
        assert loose(lab)
        other.kill()
    pack_loose_objects(lab / ".git")
    assert not loose(lab)
