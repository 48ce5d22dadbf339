"""The command that looks the machine and the lab over."""

import os
from collections.abc import Sequence
from dataclasses import asdict

import click

from ..agents.setup.doctor import Finding, examine
from ..agents.setup.split_lab import split_lab
from ..gitlab.errors import AiresearchError
from ..gitlab.hooks import install as hooks
from ..gitlab.lab.lab import Lab, open_lab
from .say import as_json, echo, print_json

_COLORS = {"ok": "green", "warn": "yellow", "mend": "red"}


@click.command("doctor")
@click.option("--fix", is_flag=True, help="Split an airesearch.yaml that says who works, too.")
@as_json
@click.pass_context
def doctor_command(context: click.Context, fix: bool, as_json: bool) -> None:
    """Say what is missing here, and the command that mends it.

    It installs the lab's git hook where there is none. Exit code: 0 where nothing must be mended,
    else 1; a warning is yours to judge.

    With --fix, and nothing else looked over: a lab without a team.yaml gets one. What says who
    works, what the campaign may spend and how it searches moves there from airesearch.yaml, in one
    commit by you that starts no new base.

    \b
    Examples:
      airesearch doctor
      airesearch doctor --json
      airesearch doctor --fix
    """
    if fix:
        _print([Finding("team", "ok", split_lab(open_lab(context.obj)))], as_json)
        return
    try:
        lab: Lab | None = open_lab(context.obj)
    except AiresearchError:
        lab = None
    findings = [*examine(lab, os.environ), *([] if lab is None else [_hook(lab)])]
    _print(findings, as_json)
    if any(finding.state == "mend" for finding in findings):
        context.exit(1)


def _print(findings: Sequence[Finding], as_json: bool) -> None:
    if as_json:
        print_json([asdict(finding) for finding in findings])
        return
    for finding in findings:
        echo(f"{finding.state:<5} ", _COLORS[finding.state], nl=False)
        echo(f"{finding.subject:<10} {finding.says}")
        if finding.mend:
            echo(f"{'':<17}{finding.mend}")


def _hook(lab: Lab) -> Finding:
    """Installed in a checkout, as `init` does: a clone brings no hooks along."""
    if lab.repo.is_bare:
        if not hooks.is_guarded(lab.repo):
            return Finding("hook", "warn", "no hook judges pushes", "airesearch hook install")
        by_hand = hooks.install_receive(lab.repo)  # one of an earlier version is renewed
        return Finding("hook", "warn" if by_hand else "ok", by_hand or "pre-receive guards pushes")
    by_hand = hooks.install_pre_commit(lab.repo)
    return Finding("hook", "warn" if by_hand else "ok", by_hand or "pre-commit is installed")
