"""`airesearch verify`: the audit from the command line."""

import sys
import time
from dataclasses import asdict
from pathlib import Path

import click

from ..agents.audit.audit import verify
from ..agents.audit.scope import scope
from ..gitlab.errors import AiresearchError
from ..gitlab.reader.repository import Repository
from ..gitlab.record.text import plural
from .say import as_json, echo, print_json

_QUIET_SECONDS = 1.0
_BETWEEN_SECONDS = 0.1


@click.command("verify")
@click.argument("range_", metavar="[RANGE]", required=False)
@as_json
@click.pass_obj
def verify_command(folder: Path, range_: str | None, as_json: bool) -> None:
    """Check everything the lab claims, from its objects alone.

    Every node and promotion is derived again: hashes, authors, changes and the policies they are
    held to, trials, verdicts. Each falsehood is named by its commit, and the exit code is 1.
    RANGE, as A..B, a branch or a node's number, limits what is reported.

    \b
    Example:
      airesearch verify
      airesearch verify main~3..main
    """
    repository = Repository(folder)
    within = scope(repository, range_)
    with _Progress() as progress:
        report = verify(repository, progress)
    found = [one for one in report.violations if within(one)]
    if as_json:
        falsehoods = [asdict(one) for one in found]
        print_json({"nodes": report.nodes, "objects": report.objects, "falsehoods": falsehoods})
    else:
        for one in found:
            echo(f"{one.commit or '-':<40}  {one.branch}  {one.what}")
    if found:
        raise AiresearchError(
            plural(len(found), "falsehood"),
            "look at one: git show COMMIT; what to do about it: docs/policy.md, Recovery",
        )
    if not as_json:
        said = f"{plural(report.nodes, 'node')}, {plural(report.objects, 'object')}"
        echo(f"{said}: everything{' asked for' if range_ else ''} is true")


class _Progress:
    """A line on a terminal, once the audit takes longer than a glance; gone at its end."""

    def __init__(self) -> None:
        self._next = time.monotonic() + _QUIET_SECONDS
        self._shown = False

    def __enter__(self) -> "_Progress":
        return self

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        if now >= self._next and sys.stderr.isatty():
            self._next, self._shown = now + _BETWEEN_SECONDS, True
            click.echo(f"\r{done:,} of {plural(total, 'node')}", err=True, nl=False)

    def __exit__(self, *_: object) -> None:
        if self._shown:
            click.echo("\r\x1b[K", err=True, nl=False)
