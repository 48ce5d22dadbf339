"""The log of a ref, as git keeps it: who moved it, when, from where and to where."""

import os
from contextlib import suppress
from pathlib import Path

import pygit2

from .trees import Oid, Repository

_NOTHING = "0" * 40


def log_move(
    repo: Repository,
    home: Path,
    ref: str,
    old: Oid | None,
    new: Oid,
    by: pygit2.Signature,
    why: str,
) -> None:
    """Add a move to the log of `ref`, whose files are in `home`, and to HEAD's where it is at it.

    A log is no record: one that cannot be written is done without.
    """
    hours, minutes = divmod(abs(by.offset), 60)
    zone = f"{'-' if by.offset < 0 else '+'}{hours:02}{minutes:02}"
    line = f"{old or _NOTHING} {new} {by.name} <{by.email}> {by.time} {zone}\t{why}\n"
    own = Path(repo.path)
    logs = [home / "logs" / ref]
    with suppress(OSError):
        if (own / "HEAD").read_bytes().strip() == b"ref: " + os.fsencode(ref):
            logs.append(own / "logs" / "HEAD")
    for log in logs:
        with suppress(OSError):
            is_there = log.exists()
            if is_there or _is_wanted(repo):
                if not is_there:
                    log.parent.mkdir(parents=True, exist_ok=True)
                with log.open("ab", buffering=0) as file:
                    file.write(line.encode())


def _is_wanted(repo: Repository) -> bool:
    """Whether git would begin a log here: it does for a branch where there is a checkout."""
    try:
        return repo.config.get_bool("core.logAllRefUpdates")
    except KeyError:
        return not repo.is_bare
    except pygit2.GitError:
        return True  # `always`
