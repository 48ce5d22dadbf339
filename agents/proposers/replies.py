"""What an agent came to, kept until it is committed: a reply that was paid for is not paid twice.

An agent of the user's may think for an hour and cost dollars. Once it has ended, its folder lies
under `replies/` with a note of what it was laid out with, until its node has a commit. Whoever
proposes that node next, because this worker was killed, takes the reply instead of asking again.
"""

import base64
import json
import os
from collections.abc import Container
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from ...gitlab.desk.export import ExportedFile, ExportedTree
from ...gitlab.record.facts import Operator
from ..executors.local.process.leftovers import remove

_FOLDER = "replies"


@dataclass(frozen=True)
class Reply:
    """An agent's folder as it left it, and how it ended."""

    agent: str
    parent: int
    """The node it was asked to go on from."""
    operator: Operator
    laid: ExportedTree
    code: int
    """Its exit code, or minus a signal's number."""
    log: bytes


def keep(home: Path, node: int, reply: Reply) -> Reply:
    """Move the folder to where it outlives us, synced to disk; the reply from there."""
    place, note = _places(home, node)
    place.parent.mkdir(parents=True, exist_ok=True)
    forget(home, node)
    facts = {
        **asdict(reply),
        "log": base64.b64encode(reply.log).decode("ascii"),
        "laid": {**asdict(reply.laid), "folder": None},
    }
    with note.open("x") as file:
        json.dump(facts, file)
        file.flush()
        os.fsync(file.fileno())
    reply.laid.folder.rename(place)
    return replace(reply, laid=replace(reply.laid, folder=place))


def recall(home: Path, node: int) -> Reply | None:
    """The reply to what was asked for `node`; None where there is none, or it is not whole."""
    place, note = _places(home, node)
    try:
        facts: dict[str, Any] = json.loads(note.read_text())
        laid = facts["laid"]
        files = {path: ExportedFile(**file) for path, file in laid["files"].items()}
        return Reply(
            facts["agent"],
            int(facts["parent"]),
            Operator(facts["operator"]),
            ExportedTree(
                place, tuple(laid["identity"]), files, laid["root"], tuple(laid["hidden"])
            ),
            int(facts["code"]),
            base64.b64decode(facts["log"]),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def forget(home: Path, node: int) -> None:
    """Remove the reply for `node`: its commit is there."""
    place, note = _places(home, node)
    note.unlink(missing_ok=True)
    remove(place)


def tidy(home: Path, nodes: Container[int]) -> None:
    """Remove what was kept for nodes that have been committed since, and what has no note.

    A note is written before its folder is there, and goes before it: who was killed in between
    left a folder without.
    """
    for path in (home / _FOLDER).glob("*"):
        with suppress(ValueError):
            node = int(path.stem)
            if node in nodes or not _places(home, node)[1].exists():
                forget(home, node)


def _places(home: Path, node: int) -> tuple[Path, Path]:
    folder = home / _FOLDER
    return folder / f"{node}", folder / f"{node}.json"
