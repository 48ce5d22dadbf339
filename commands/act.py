"""The commands that act on a lab."""

import math
import os
import shlex
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from ..agents.campaign import Campaign
from ..agents.executors.trial_semaphore import TrialSemaphore
from ..agents.loop import Step, run, step
from ..agents.setup.create_lab import create_example_lab, create_lab
from ..agents.setup.search_space import require_something_to_turn
from ..agents.setup.template import Settings
from ..agents.workers import run_beside
from ..examples import names as example_names
from ..gitlab.errors import AiresearchError
from ..gitlab.lab.lab import open_lab
from ..gitlab.record.text import plural
from .say import STYLES, as_json, echo, node_argument, paint, print_json, print_lines, warn
from .views import rows, steps, summary
from .views.lab_view import LabView
from .views.progress import live_line
from .views.steps import StepView, view_step


class _Hours(click.FloatRange):
    """Hours above zero; click itself lets `nan` through."""

    def convert(self, value: Any, param: Any, ctx: Any) -> float:
        hours = float(super().convert(value, param, ctx))
        if not math.isfinite(hours):
            self.fail(f"{value} is no number of hours.", param, ctx)
        return hours


@click.command()
@click.option(
    "--trials",
    type=click.IntRange(min=1),
    default=60,
    show_default=True,
    help="Stop after so many trials.",
)
def demo(trials: int) -> None:
    """See it work: real trials in a temporary folder.

    It takes no key and no network, and about a minute.

    \b
    Examples:
      airesearch demo
      airesearch demo --trials 20
    """
    place = Path(tempfile.mkdtemp(prefix="airesearch-demo-")) / "digits"
    lab = create_example_lab("digits", place, dict(os.environ))
    echo(f"a lab in {place}: make the digit classifier in train.py err less")
    campaign = Campaign(lab, dict(os.environ))
    _print_steps((view_step(campaign, done) for done in run(campaign, trials, None)), trials)
    echo()
    view = LabView(place)
    if view.tree.incumbent is not None:
        print_lines(summary.best_lines(view))
    else:
        echo(f"{plural(trials, 'trial')} did not suffice to measure the baseline")
    shown = shlex.quote(str(place))
    echo(f"\nLook at it with plain git, or with `airesearch -C {shown} log`:")
    echo(f"  git -C {shown} log --graph --oneline main")
    for key, further in (("Metric", ""), ("Verdict", " | grep '^keep '")):
        form = f"'%(trailers:key={key},valueonly,separator=%x20) %h %s'"
        echo(f"  git -C {shown} log --all --format={form}{further}")


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
    commit adds airesearch.yaml and team.yaml, and nothing else of yours is touched.

    \b
    Examples:
      airesearch init --example digits
      airesearch init
      airesearch init --metric val_error --candidate 'python train.py' \\
          --evaluate 'python evaluate.py' --output predictions.npy --editable train.py
    """
    place = folder / (path or Path(example or "."))
    # The goal has a default, so it alone says nothing.
    describes_task = any(value for name, value in flags.items() if name != "goal")
    if example is not None:
        if describes_task:
            raise click.UsageError("an example brings its own task: leave the other flags out")
        lab = create_example_lab(example, place, dict(os.environ))
    else:
        settings = _settings(flags) if describes_task else None
        lab = create_lab(place, settings, dict(os.environ))
    warn(lab.notices.take())
    echo(f"the lab is in {lab.repo.workdir or lab.repo.path}, measuring the baseline")
    campaign = Campaign(lab, dict(os.environ))
    echo(rows.HEADER)
    done = step(campaign)
    while not done.promoted and done.node.verdict is None:
        _print_step(campaign, done)
        done = step(campaign)
    _print_step(campaign, done)
    if not done.promoted:
        raise AiresearchError(
            f"the baseline did not measure: {done.node.reason}",
            f"look: airesearch show {done.node.id}; then mend it, commit, and type: "
            "airesearch step",
        )
    away = "" if place.resolve() == Path.cwd() else f"cd {shlex.quote(str(place))} && "
    echo(f"next: {away}airesearch run --trials 20")


def _settings(flags: Mapping[str, Any]) -> Settings:
    """The task that the flags of `init` describe."""
    missing = [f"--{name}" for name in ("metric", "candidate", "editable") if not flags[name]]
    if not (flags["evaluate"] or flags["pattern"]):
        missing.append("--evaluate")
    if missing:
        raise click.UsageError(f"init needs {', '.join(missing)} as well")
    return Settings(**flags)


_publish = click.option(
    "--publish", is_flag=True, help="Share the work with other clones through the remote, origin."
)


@click.command("step")
@_publish
@as_json
@click.pass_obj
def step_command(folder: Path, publish: bool, as_json: bool) -> None:
    """Run one trial: propose, measure, judge, promote. For CI.

    Exit code 3 says that nothing is left to do: budget spent or target reached.

    \b
    Examples:
      airesearch step --json
      airesearch step --publish
    """
    campaign = _open_campaign(folder, publish)
    with _notices(campaign):
        _require_something_to_turn(campaign)
        done = step(campaign)
        if as_json:
            print_json(steps.facts(done))
        else:
            echo(rows.HEADER)
            _print_step(campaign, done)


@click.command("run")
@click.option("--trials", type=click.IntRange(min=1), help="Stop after so many trials.")
@click.option("--hours", type=_Hours(min=0, min_open=True), help="Stop after so long.")
@click.option(
    "--jobs",
    "-j",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Trials at a time.",
)
@_publish
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a trial, a line each.")
@click.pass_obj
def run_command(
    folder: Path, trials: int | None, hours: float | None, jobs: int, publish: bool, as_json: bool
) -> None:
    """Run trials until budget, target or Ctrl-C end it.

    Whatever stops it, the next run goes on where it stopped. Run it twice, here or on another
    machine that shares the folder, and it goes faster. One Ctrl-C ends the trials that run and
    records the rest; a second one stops at once, and nothing is lost either.

    \b
    Examples:
      airesearch run
      airesearch run --trials 20
      airesearch run --hours 8 --jobs 4
    """
    campaign = _open_campaign(folder, publish, TrialSemaphore(jobs) if jobs > 1 else None)
    with _notices(campaign):
        _require_something_to_turn(campaign)
        told: Iterable[StepView]
        if jobs == 1:
            told = (view_step(campaign, done) for done in run(campaign, trials, hours, _tell))
        else:
            told = run_beside(campaign, jobs, trials, hours, view_step, _tell)
        if as_json:
            for step_view in told:
                print_json(step_view.facts, depth=None)
                warn(step_view.notices)
        else:
            _print_steps(told, trials)


@click.command("replicate")
@node_argument
@click.option(
    "--trials", type=click.IntRange(min=1), default=1, show_default=True, help="How often."
)
@as_json
@click.pass_obj
def replicate_command(folder: Path, node: int, trials: int, as_json: bool) -> None:
    """Run NODE again on its next seeds, for more evidence on it.

    A node that was discarded is judged anew, and is promoted if the evidence suffices then.

    \b
    Examples:
      airesearch replicate 12
      airesearch replicate 12 --trials 3
    """
    campaign = _open_campaign(folder, publish=False)
    with _notices(campaign):
        if not as_json:
            echo(rows.HEADER)
        for _ in range(trials):
            done = step(campaign, again=node)
            if as_json:
                print_json(steps.facts(done), depth=None)
            else:
                _print_step(campaign, done)
        if done.node.outcome == "undecided":
            _tell(
                f"node {node} is undecided: a verdict takes more trials, its own and the best's on "
                "the same seeds; to run those: airesearch run"
            )


def _open_campaign(folder: Path, publish: bool, places: TrialSemaphore | None = None) -> Campaign:
    return Campaign(open_lab(folder, publish=publish), dict(os.environ), places)


def _require_something_to_turn(campaign: Campaign) -> None:
    """Before a trial is spent on a baseline that nobody could improve."""
    now = campaign.now
    if now.tree.incumbent is None:
        require_something_to_turn(now.lab, now.lab.tree_of(now.in_force), now.task)


@contextmanager
def _notices(campaign: Campaign) -> Iterator[None]:
    """At the end, however it ends, what there is to tell."""
    try:
        yield
    finally:
        warn(campaign.lab.notices.take())


def _tell(sentence: str) -> None:
    warn([sentence])


def _print_step(campaign: Campaign, done: Step) -> None:
    paint(done.node, steps.row(campaign, done))


def _print_steps(told: Iterable[StepView], trials: int | None) -> None:
    """Steps with their rows: above a live line on a terminal, plain in a pipe."""
    echo(rows.HEADER)
    notices: list[str] = []
    if not sys.stdout.isatty():
        for step_view in told:
            echo(step_view.row)
            notices += step_view.notices
    else:
        with live_line(trials, "measuring") as show_row:
            for step_view in told:
                show_row(step_view.row, STYLES.get(step_view.verdict, ""), step_view.live)
                notices += step_view.notices
    warn(notices)
