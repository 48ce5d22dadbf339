"""The command line, run by a worker that is hurt: killed or halted at a stage, or its clock is off.

python hurt_worker.py '{"stage": "judge: object written", "signal": 9}' run --jobs 1
"""

import importlib
import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

from airesearch.agents.step import claim as claims
from airesearch.cli import main
from airesearch.gitlab.lab.lab import Lab
from airesearch.gitlab.leases import lease
from airesearch.gitlab.leases import remote_lease as far_lease
from airesearch.policies.search.policies import policies as search

Hit = Callable[[], None]
AT_COMMITS = [
    f"{action}: {moment}"
    for action in ("propose", "measure", "judge", "promote")
    for moment in ("before commit", "object written", "ref moved")
]
AT_CALLS = {
    "claim: before the lease": ("gitlab.leases.lease", "swap_ref", "before"),
    "claim: after the lease": ("gitlab.leases.lease", "swap_ref", "after"),
    "propose: agent ended": ("agents.proposers.command.agent", "keep", "before"),
    "propose: reply kept": ("agents.proposers.command.agent", "keep", "after"),
    "measure: candidate ended": ("agents.trials.runner:Runner", "_evaluate", "before"),
    "commit: ref locked": ("gitlab.store.refs", "_expect", "after"),
    "release: before": ("gitlab.leases.lease", "release", "before"),
    "release: after": ("gitlab.leases.lease", "release", "after"),
}
IN_ESTIMATES = ["estimate: before the trial", "estimate: after the trial"]


def _wrap(owner: Any, name: str, before: Callable[..., None], after: Callable[..., None]) -> None:
    inner = getattr(owner, name)

    def wrapped(*words: Any, **more: Any) -> Any:
        before(*words)
        found = inner(*words, **more)
        after(*words)
        return found

    setattr(owner, name, wrapped)


def _nothing(*_: Any) -> None:
    pass


def _at_call(stage: str, hit: Hit) -> None:
    place, name, moment = AT_CALLS[stage]
    module, _, owner = place.partition(":")
    found = importlib.import_module(f"airesearch.{module}")
    acts = {moment: lambda *_: hit()}
    at = getattr(found, owner) if owner else found
    _wrap(at, name, acts.get("before", _nothing), acts.get("after", _nothing))


def _at_commit(stage: str, hit: Hit) -> None:
    """Hit at a commit of one kind: its record says which, and the branch moves inside."""
    wanted, _, moment = stage.partition(": ")
    now: list[str] = []

    def begins(_: Lab, __: str, record: Any, *___: Any) -> None:
        now[:] = [str(record.action)]
        if moment == "before commit" and now == [wanted]:
            hit()

    def if_at(this: str) -> Callable[..., None]:
        return lambda *_: hit() if moment == this and now == [wanted] else None

    _wrap(Lab, "commit", begins, _nothing)
    _wrap(Lab, "_move_here", if_at("object written"), if_at("ref moved"))


def _at_estimate(stage: str, hit: Hit) -> None:
    def if_kept(_: Any, node: Any, *__: Any) -> None:
        if str(node.verdict) == "keep" and node.parents:
            hit()

    acts = (if_kept, _nothing) if stage.endswith("before the trial") else (_nothing, if_kept)
    _wrap(importlib.import_module("airesearch.agents.loop"), "measure", *acts)


def _hurt_at(stage: str, signal_number: int) -> None:
    hurt = False

    def hit() -> None:
        nonlocal hurt
        if not hurt:
            hurt = True
            os.kill(os.getpid(), signal_number)

    if stage in AT_COMMITS:
        _at_commit(stage, hit)
    elif stage in AT_CALLS:
        _at_call(stage, hit)
    else:
        assert stage in IN_ESTIMATES, stage
        _at_estimate(stage, hit)


def _short_leases(seconds: float) -> None:
    for module in (lease, far_lease):
        module.LEASE = seconds  # type: ignore[assignment]
    lease._GRAIN = 1
    lease._SLACK = 2


def _clock_off(seconds: float) -> None:
    true_time, true_clock = time.time, lease.clock
    time.time = lambda: true_time() + seconds
    for module in (lease, claims):
        module.clock = lambda repo: true_clock(repo) + seconds  # type: ignore[attr-defined]


if __name__ == "__main__":
    hurts = json.loads(sys.argv.pop(1))
    if "lease" in hurts:
        _short_leases(hurts["lease"])
    if "clock" in hurts:
        _clock_off(hurts["clock"])
    if "explores" in hurts:
        search._EXPLORE_CHANCE = 1.0
    if "stage" in hurts:
        _hurt_at(hurts["stage"], hurts["signal"])
    main()
