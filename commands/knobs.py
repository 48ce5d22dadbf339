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
    """List what the tuner turns, and what it leaves alone.

    A knob is a literal in a Python, YAML, TOML or JSON file that agents may edit. Each is listed
    with its place, its value, what it may be and, once trials tell, how much it matters; what is
    left alone with the reason. To say otherwise, write a comment beside the
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
