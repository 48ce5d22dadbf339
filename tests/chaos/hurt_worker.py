"""The command line, run by a worker that is hurt: killed or halted at a stage, or its clock is off.

python hurt_worker.py '{"stage": "judge: object written", "signal": 9}' run --jobs 1
"""

import json
import os
import sys
import time

from airesearch.agents.step import leases
from airesearch.cli import main
from airesearch.gitlab.events import Event, subscribe
from airesearch.gitlab.leases import lease, remote_lease
from airesearch.gitlab.store import ref_file
from airesearch.policies.search import policies

IN_COMMITS = [
    f"{action}: {moment}"
    for action in ("propose", "measure", "judge", "promote")
    for moment in ("before commit", "object written", "ref moved")
]
IN_CALLS = [
    "claim: before the lease",
    "claim: after the lease",
    "propose: agent ended",
    "propose: reply kept",
    "measure: candidate ended",
    "commit: ref locked",
    "release: before",
    "release: after",
]
IN_ESTIMATES = ["estimate: before the trial", "estimate: after the trial"]


def _hurt_at(stage: str, signal_number: int) -> None:
    """At the first event of this name."""
    assert stage in (*IN_COMMITS, *IN_CALLS, *IN_ESTIMATES), stage
    hurt = False

    def hit(event: Event) -> None:
        nonlocal hurt
        if event.what == stage and not hurt:
            hurt = True
            os.kill(os.getpid(), signal_number)

    subscribe(hit)


def _short_leases(seconds: float) -> None:
    for module in (lease, remote_lease):
        module.LEASE = seconds  # type: ignore[assignment]
    lease._GRAIN = 1
    lease._SLACK = 2


def _clock_off(seconds: float) -> None:
    true_time, true_clock = time.time, lease.clock
    time.time = lambda: true_time() + seconds
    for module in (lease, leases):
        module.clock = lambda repo: true_clock(repo) + seconds  # type: ignore[attr-defined]


if __name__ == "__main__":
    hurts = json.loads(sys.argv.pop(1))
    if "lease" in hurts:
        _short_leases(hurts["lease"])
    if "clock" in hurts:
        _clock_off(hurts["clock"])
    if "waits" in hurts:
        ref_file._WAIT_SECONDS = hurts["waits"]
    if "explores" in hurts:
        policies._EXPLORE_CHANCE = 1.0
    if "stage" in hurts:
        _hurt_at(hurts["stage"], hurts["signal"])
    main()
