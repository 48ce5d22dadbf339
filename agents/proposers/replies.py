"""What paid proposers answered, kept until it is committed: nobody pays twice.

A proposer may think for an hour and cost dollars. Once it has answered, its folder lies under
`replies/` with a note of what it was asked and what it said, until its node has a commit. Whoever
proposes that node next, because this worker was killed, takes the answer instead of asking again.
"""

import json
import os
from collections.abc import Container
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from ...gitlab.desk.desk import Desk
from ...gitlab.events import emit
from ...gitlab.record.facts import Operator
from ...gitlab.store.own_file import forget_own, read_own, write_own
from ..executors.local.process import listening, locked_tempdir, reap_orphans, remove
from .base import Answer, Brief, PaidProposer, Proposal, Proposer, Receipt


@dataclass(frozen=True)
class Reply:
    """What an agent was asked for a node, and what it answered; `folder` is as it left it."""

    agent: str
    parents: tuple[int, ...]
    operator: Operator
    answer: Answer
    folder: Path


def proposal_of(
    home: Path, agent: str, proposer: Proposer | PaidProposer, desk: Desk, brief: Brief
) -> Proposal:
    """What an agent proposes, its edits staged on `desk`. Ctrl-C ends an agent that thinks.

    A paid one answers once, however often this is asked before `brief.node` is there.
    """
    if not isinstance(proposer, PaidProposer):
        with listening():
            return proposer.propose(desk, brief)
    reply = ask_once(home, agent, proposer, desk, brief)
    return proposer.stage(reply.answer, reply.folder, desk)


def ask_once(home: Path, agent: str, proposer: PaidProposer, desk: Desk, brief: Brief) -> Reply:
    """The agent's reply for the node of `brief`: the one that was kept, else it is asked."""
    kept = recall(home, brief.node)
    asked = (agent, brief.parents, brief.operator)
    if kept is not None and (kept.agent, kept.parents, kept.operator) == asked:
        return kept
    desks = home / "desks"
    reap_orphans(desks)
    with locked_tempdir(desks / f"{brief.node}-{os.getpid()}") as folder:
        with listening():
            answer = proposer.ask(desk, brief, folder)
        emit("propose: agent ended", brief.node)
        reply = keep(home, brief.node, Reply(*asked, answer, folder))
        emit("propose: reply kept", brief.node)
        return reply


def keep(home: Path, node: int, reply: Reply) -> Reply:
    """The same from where it outlives us: a note of it, and its folder; both are on disk."""
    place, note = _places(home, node)
    forget(home, node)
    write_own(note, json.dumps({**asdict(reply), "folder": None}).encode())
    reply.folder.rename(place)
    # Of the whole machine: what an agent left may be links, pipes, or too deep to walk.
    os.sync()
    return replace(reply, folder=place)


def recall(home: Path, node: int) -> Reply | None:
    """The reply to what was asked for `node`; None where there is none, or it is not whole."""
    place, note = _places(home, node)
    try:
        facts: dict[str, Any] = json.loads(read_own(note))
        answer = facts["answer"]
        receipt = None if answer["receipt"] is None else Receipt(**answer["receipt"])
        parents, operator = tuple(facts["parents"]), Operator(facts["operator"])
        reply = Reply(facts["agent"], parents, operator, Answer(answer["payload"], receipt), place)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return reply if place.exists() else None


def receipt_of(home: Path, node: int, agent: str) -> Receipt | None:
    """What the reply of `agent` for `node` cost, whatever came of it."""
    kept = recall(home, node)
    return kept.answer.receipt if kept is not None and kept.agent == agent else None


def forget(home: Path, node: int) -> None:
    """Remove the reply for `node`: its commit is there."""
    place, note = _places(home, node)
    forget_own(note)
    remove(place)


def tidy(home: Path, nodes: Container[int]) -> None:
    """Remove what was kept for nodes that have been committed since, and what has no note.

    A note is written before its folder is there, and goes before it: who was killed in between
    left a folder without.
    """
    for path in (home / "replies").glob("*"):
        with suppress(ValueError):
            node = int(path.name.partition(".")[0])
            if node in nodes or not _places(home, node)[1].exists():
                forget(home, node)


def _places(home: Path, node: int) -> tuple[Path, Path]:
    """The folder of a node's reply, and the note beside it."""
    folder = home / "replies"
    return folder / f"{node}", folder / f"{node}.json"
