"""The hooks: what git asks before a commit and before a push is taken in."""

import os
import sys
from pathlib import Path

import click

from ..agents.audit.push.precommit import check_commit
from ..agents.audit.push.push import push_faults, read_update
from ..agents.audit.push.refusal import refusal
from ..agents.audit.push.rights import read_rights
from ..gitlab.hooks.install import install
from ..gitlab.hooks.proc_receive import judged_file, remember
from ..gitlab.hooks.received import (
    open_received,
    settings,
    standing_faults,
    trust_repository_alone,
)
from .say import echo

_PUSHER = ("AIRESEARCH_PUSHER", "GIT_PUSHER", "REMOTE_USER", "USER")


@click.group()
def hook() -> None:
    """What git's own hooks call, and `install`, which writes them.

    \b
    Example:
      airesearch hook install
    """


@hook.command("install")
@click.pass_obj
def install_command(folder: Path) -> None:
    """Install pre-commit in a checkout, pre-receive in a bare repository.

    A hook that is there already is kept and runs first.
    """
    name, by_hand = install(folder)
    echo(by_hand or f"{name} is installed")


@hook.command("pre-commit")
@click.pass_obj
def pre_commit(folder: Path) -> None:
    """Judge the staged change; git's pre-commit hook calls this."""
    check_commit(folder, os.environ)


@hook.command("pre-receive")
@click.pass_obj
def pre_receive(folder: Path) -> None:
    """Judge a push; git's pre-receive hook calls this with a line for each ref on stdin."""
    trust_repository_alone()
    lab = open_received(folder, os.environ)
    lines = sys.stdin.buffer.read().decode("utf-8", "surrogateescape").split("\n")[:-1]
    judged = judged_file(Path(lab.repo.path), lines)
    pusher = next((os.environ[name] for name in _PUSHER if os.environ.get(name)), "")
    people = ["any", *settings(lab.repo, "airesearch.people")][-1]
    rights = read_rights(pusher, settings(lab.repo, "airesearch.pusher"), people)
    updates = tuple(map(read_update, lines))
    faults = tuple(standing_faults(lab, updates)) or push_faults(lab, updates, rights)
    if faults:
        raise refusal("this push is refused, and nothing moved", faults)
    remember(judged)
