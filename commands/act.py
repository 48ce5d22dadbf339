"""The commands that act on a lab."""

import json
import math
import os
import shlex
import sys
import tempfile
from pathlib import Path
from typing import Any

import click

from ..agents.campaign import Campaign
from ..agents.found import adopt, found_example
from ..agents.loop import Step, run, step
from ..agents.template import Settings
from ..examples import names as example_names
from ..gitlab.errors import AiresearchError
from ..gitlab.lab import open_lab
from ..gitlab.tree import load_tree
from ..gitlab.views import rows, summary
from ..gitlab.views.progress import live_line
from .say import STYLES, as_json, lines, paint, print_json, warn

_DEMO_TRIALS = 20


class _Hours(click.FloatRange):
    """Hours above zero; click itself lets `nan` through."""

    def convert(self, value: Any, param: Any, ctx: Any) -> float:
        hours = float(super().convert(value, param, ctx))
        if not math.isfinite(hours):
            self.fail(f"{value} is no number of hours.", param, ctx)
        return hours


@click.command()
@click.option("--trials", type=click.IntRange(min=1), default=_DEMO_TRIALS, show_default=True)
def demo(trials: int) -> None:
    """See it work: a lab in a temporary folder, real trials, no key, no network.

    \b
    Example:
      airesearch demo
    """
    place = Path(tempfile.mkdtemp(prefix="airesearch-demo-")) / "digits"
    lab = found_example("digits", place, _variables())
    click.echo(f"a lab in {place}: make the digit classifier in train.py err less")
    campaign = Campaign(lab, _variables())
    _run(campaign, trials, None)
    tree = load_tree(lab)
    click.echo()
    lines(summary.best_lines(lab, tree, campaign.task.objective.metric))
    shown = shlex.quote(str(place))
    click.echo(f"\nLook at it with plain git, or with `airesearch -C {shown} log`:")
    click.echo(f"  git -C {shown} log --graph --oneline main")
    click.echo(f"  git -C {shown} log --all --format='%h %(trailers:key=Metric,valueonly,"
               "separator=%x20) %s'")  # fmt: skip
    click.echo(f"  git -C {shown} log --all --grep '^Verdict: keep'")


@click.command()
@click.argument("path", type=click.Path(path_type=Path), required=False)
@click.option("--example", type=click.Choice(example_names()), help="Start from a shipped task.")
@click.option("--metric", help="The metric to improve.")
@click.option(
    "--goal",
    type=click.Choice(["minimize", "maximize"]),
    default="minimize",
    show_default=True,
    help="Whether less or more of the metric is better.",
)
@click.option("--candidate", metavar="COMMAND", help="What is run, as 'python train.py'.")
@click.option("--evaluate", metavar="COMMAND", help="What scores it, as 'python evaluate.py'.")
@click.option("--pattern", metavar="REGEX", help="Without --evaluate: the score on stdout.")
@click.option("--output", "outputs", multiple=True, metavar="FILE", help="What is scored.")
@click.option("--editable", multiple=True, metavar="PATTERN", help="What agents may change.")
@click.pass_obj
def init(folder: Path, /, path: Path | None, example: str | None, **flags: Any) -> None:
    """Start a lab and measure its baseline.

    With --example, a new lab in PATH. Without, the repository you stand in becomes a lab: one
    commit adds airesearch.yaml, and nothing else of yours is touched.

    \b
    Examples:
      airesearch init --example digits
      airesearch init --metric val_error --candidate 'python train.py' \\
          --evaluate 'python evaluate.py' --output predictions.npy --editable train.py
    """
    place = folder / (path or Path(example or "."))
    if example is not None:
        if _describes_task(flags):
            raise click.UsageError("an example brings its own task: leave the other flags out")
        lab = found_example(example, place, _variables())
    else:
        adopted = adopt(place, _settings(flags), _variables())
        lab = adopted.lab
        warn([adopted.notice] if adopted.notice else [])
    warn(lab.notices)
    click.echo(f"the lab is in {lab.repo.workdir or lab.repo.path}, measuring the baseline")
    campaign = Campaign(lab, _variables())
    baseline = step(campaign)
    _print_step(campaign, baseline)
    if not baseline.promoted:
        raise AiresearchError(
            f"the baseline did not measure: {baseline.node.reason}",
            f"look: airesearch show {baseline.node.id}; then mend it, commit, and type: "
            "airesearch step",
        )
    away = "" if place.resolve() == Path.cwd() else f"cd {shlex.quote(str(place))} && "
    click.echo(f"next: {away}airesearch run --trials 20")


@click.command("step")
@as_json
@click.pass_obj
def step_command(folder: Path, as_json: bool) -> None:
    """Run one trial: propose, measure, judge, promote. For CI.

    \b
    Exit code 3 says that nothing is left to do: budget spent or target reached.
    Example:
      airesearch step --json
    """
    campaign = Campaign(open_lab(folder), _variables())
    done = step(campaign)
    if as_json:
        print_json(_step_facts(done))
    else:
        _print_step(campaign, done)
    warn(campaign.lab.notices)


@click.command("run")
@click.option("--trials", type=click.IntRange(min=1), help="Stop after so many trials.")
@click.option("--hours", type=_Hours(min=0, min_open=True), help="Stop after so long.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a trial, a line each.")
@click.pass_obj
def run_command(folder: Path, trials: int | None, hours: float | None, as_json: bool) -> None:
    """Run trials until the budget is spent, the target reached, or Ctrl-C.

    \b
    Whatever stops it, the next run goes on where it stopped.
    Examples:
      airesearch run
      airesearch run --trials 20
      airesearch run --hours 8
    """
    campaign = Campaign(open_lab(folder), _variables())
    if as_json:
        for done in run(campaign, trials, hours):
            click.echo(json.dumps(_step_facts(done)))
    else:
        _run(campaign, trials, hours)
    warn(campaign.lab.notices)


def _variables() -> dict[str, str]:
    return dict(os.environ)


def _describes_task(flags: dict[str, Any]) -> bool:
    # The goal has a default, so it alone says nothing.
    return any(value for name, value in flags.items() if name != "goal")


def _settings(flags: dict[str, Any]) -> Settings | None:
    """The flags as settings; None where the task is to be found in the repository."""
    needed = ("metric", "candidate", "editable")
    if not _describes_task(flags):
        return None
    missing = [f"--{name}" for name in needed if not flags[name]]
    if not (flags["evaluate"] or flags["pattern"]):
        missing.append("--evaluate")
    if missing:
        raise click.UsageError(f"init needs {', '.join(missing)} as well")
    return Settings(**flags)


def _run(campaign: Campaign, trials: int | None, hours: float | None) -> None:
    """Steps with their rows: above a live line on a terminal, plain in a pipe."""
    metric = campaign.task.objective.metric
    steps = run(campaign, trials, hours)
    click.echo(rows.HEADER)
    if not sys.stdout.isatty():
        for done in steps:
            click.echo(rows.line(done.node, metric))
        return
    with live_line(trials, "measuring") as show_row:
        live = "measuring"
        for done in steps:
            if done.promoted:
                live = f"best {metric} {rows.number(campaign.value(done.node))}"
            show_row(rows.line(done.node, metric), STYLES.get(str(done.node.verdict), ""), live)


def _print_step(campaign: Campaign, done: Step) -> None:
    click.echo(rows.HEADER)
    paint(done.node, rows.line(done.node, campaign.task.objective.metric))


def _step_facts(done: Step) -> dict[str, Any]:
    facts = rows.facts(done.node)
    keys = ("node", "parent", "operator", "agent", "status", "metrics", "verdict")
    return {
        **{key: facts[key] for key in keys},
        "promoted": done.promoted,
        "seconds": round(done.seconds, 6),
        "reason": facts["reason"],
    }
