"""The door: the command line, its environment and folder. Each command loads when it is called."""

import importlib
import os
import sys
from collections.abc import Mapping
from pathlib import Path

import click

from . import __version__
from .boundary import INTERRUPTED, guarded
from .gitlab.isolated import programs_elsewhere

COMMANDS: Mapping[str, str] = {
    "demo": "act:demo",
    "init": "act:init",
    "step": "act:step_command",
    "run": "act:run_command",
    "replicate": "act:replicate_command",
    "status": "look:status_command",
    "log": "look:log_command",
    "tree": "look:tree_command",
    "show": "look:show_command",
    "diff": "look:diff_command",
    "best": "look:best_command",
    "lineage": "look:lineage_command",
    "knobs": "knobs:knobs_command",
    "verify": "verify:verify_command",
    "doctor": "doctor:doctor_command",
    "hook": "hook:hook",
}
"""Every command, by the module and function of `commands` that it is."""


class LazyCommands(click.Group):
    """Loads a command's module only when it is wanted: start-up time is felt at every `log`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, function = COMMANDS[cmd_name].partition(":")
        command = getattr(importlib.import_module(f".commands.{module}", __package__), function)
        assert isinstance(command, click.Command)
        return command


@click.command(cls=LazyCommands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="airesearch")
@click.option(
    "-C", "folder", type=click.Path(path_type=Path), default=".", help="Run as if started there."
)
@click.pass_context
def cli(ctx: click.Context, folder: Path) -> None:
    """Autonomous ML research whose only database is git.

    \b
    Start here:
      airesearch demo                     see it work, in a temporary folder
      airesearch init --example digits    a lab of your own to play with
      airesearch init                     make your own repository a lab
    """
    ctx.obj = folder
    os.environ["PATH"] = programs_elsewhere(os.environ.get("PATH", os.defpath))
    if os.environ.get("NO_COLOR"):
        ctx.color = False


def main() -> None:
    """The `airesearch` command."""
    code = guarded(cli)
    if code == INTERRUPTED:
        # CPython kills itself with SIGINT at its end, handled or not, where a Ctrl-C came while it
        # ran code from a string, as dataclasses do on import.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)
