"""The command that lists what the tuner turns, and what it leaves alone."""

from pathlib import Path

import click

from .say import as_json, echo, print_json, print_lines
from .views import knobs
from .views.lab_view import LabView


@click.command("knobs")
@click.option("--all", "every", is_flag=True, help="Texts, None and local variables as well.")
@as_json
@click.pass_obj
def knobs_command(folder: Path, every: bool, as_json: bool) -> None:
    """List the knobs: where each is, what it may be, how much it mattered.

    A knob is a literal that the tuner turns: in Python, YAML, TOML and JSON files that agents may
    edit. What is left alone is listed with the reason. To say otherwise, write a comment beside the
    value or on the line above it, `# range: 1e-4..1 log`, `# choices: relu, tanh` or `# fixed`, or
    put the same under `knobs:` in team.yaml, which costs nothing.

    \b
    Examples:
      airesearch knobs
      airesearch knobs --all
      airesearch knobs --json
    """
    facts = knobs.facts(LabView(folder))
    if as_json:
        print_json(facts)
    else:
        print_lines(knobs.lines(facts, every=every))
        echo(knobs.HINT)
