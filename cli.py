"""The door: commands, flags, the environment, the folder, and the boundary where errors end."""

import json
import os
import shlex
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import click

from . import __version__
from .agents.campaign import Campaign, read_task
from .agents.found import adopt, found_example
from .agents.loop import Step, run, step
from .agents.template import Settings
from .boundary import guarded
from .examples import names as example_names
from .gitlab.errors import AiresearchError
from .gitlab.lab import Lab, open_lab
from .gitlab.tree import Node, SearchTree, load_tree
from .gitlab.views import rows, show, status, summary, tree
from .gitlab.views.progress import live_line
from .policies.budget import spent

_STYLES = {"keep": "green", "fail": "red"}
_DEMO_TRIALS = 20

as_json = click.option("--json", "as_json", is_flag=True, help="Print stable JSON.")
node_argument = click.argument("node", type=click.IntRange(min=0))


class Door(click.Group):
    """The commands in the order they are defined, most wanted first."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


@click.group(cls=Door, context_settings={"help_option_names": ["-h", "--help"]})
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
    if os.environ.get("NO_COLOR"):
        ctx.color = False


@cli.command()
@click.option("--trials", type=click.IntRange(min=1), default=_DEMO_TRIALS, show_default=True)
def demo(trials: int) -> None:
    """See it work: a lab in a temporary folder, real trials, no key, no network.

    \b
    Example:
      airesearch demo
    """
    import tempfile

    place = Path(tempfile.mkdtemp(prefix="airesearch-demo-")) / "digits"
    lab = found_example("digits", place, _variables())
    click.echo(f"a lab in {place}: make the digit classifier in train.py err less")
    campaign = Campaign(lab, _variables())
    _run(campaign, trials, None)
    view = _View(place)
    click.echo()
    _lines(summary.best_lines(lab, view.tree, view.metric))
    shown = shlex.quote(str(place))
    click.echo(f"\nLook at it with plain git, or with `airesearch -C {shown} log`:")
    click.echo(f"  git -C {shown} log --graph --oneline main")
    click.echo(f"  git -C {shown} log --all --format='%h %(trailers:key=Metric,valueonly,"
               "separator=%x20) %s'")  # fmt: skip
    click.echo(f"  git -C {shown} log --all --grep '^Verdict: keep'")


@cli.command()
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
        lab = found_example(example, place, _variables())
    else:
        adopted = adopt(place, _settings(flags), _variables())
        lab = adopted.lab
        _warn([adopted.notice] if adopted.notice else [])
    click.echo(f"the lab is in {_workplace(lab)}, measuring the baseline")
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


@cli.command(name="step")
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
        _print_json(_step_facts(done))
    else:
        _print_step(campaign, done)
    _warn(campaign.lab.notices)


@cli.command(name="run")
@click.option("--trials", type=click.IntRange(min=1), help="Stop after so many trials.")
@click.option("--hours", type=click.FloatRange(min=0, min_open=True), help="Stop after so long.")
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
            click.echo(json.dumps(_step_facts(done), ensure_ascii=False))
    else:
        _run(campaign, trials, hours)
    _warn(campaign.lab.notices)


@cli.command(name="status")
@as_json
@click.pass_obj
def status_command(folder: Path, as_json: bool) -> None:
    """Show the lab at a glance: task, nodes, the best, what is spent."""
    view = _View(folder)
    used, budget = spent(view.tree), view.task.budget
    facts = {
        "name": view.task.name,
        "trunk": view.lab.trunk,
        "objective": {"metric": view.metric, "goal": view.task.objective.goal},
        "nodes": summary.counts(view.tree),
        "best": None,
        "trials": {"spent": used.trials, "budget": budget.trials},
        "hours": {"spent": used.hours, "budget": budget.hours},
    }
    if view.tree.incumbent is not None:
        facts["best"] = summary.best_facts(view.tree, view.metric, view.task.objective.goal)
    if as_json:
        _print_json(facts)
    else:
        _lines(status.lines(facts))


@cli.command(name="log")
@click.option("-n", "count", type=click.IntRange(min=1), help="Only the newest so many.")
@as_json
@click.pass_obj
def log_command(folder: Path, count: int | None, as_json: bool) -> None:
    """List the nodes, newest first, with outcome and reason."""
    view = _View(folder)
    nodes = list(view.tree.nodes.values())[::-1][:count]
    if as_json:
        _print_json([rows.facts(node) for node in nodes])
        return
    click.echo(rows.HEADER)
    for node in nodes:
        _paint(node, rows.line(node, view.metric))
    _warn(f"node {node} cannot be read: {why}" for node, why in view.tree.broken.items())


@cli.command(name="tree")
@as_json
@click.pass_obj
def tree_command(folder: Path, as_json: bool) -> None:
    """Draw the search tree."""
    view = _View(folder)
    if as_json:
        _print_json([rows.facts(node) for node in view.tree.nodes.values()])
        return
    for node, text in tree.draw(view.tree, view.metric):
        _paint(node, text)


@cli.command(name="show")
@node_argument
@as_json
@click.pass_obj
def show_command(folder: Path, node: int, as_json: bool) -> None:
    """Show one node: what was tried, how it went, its change, its log."""
    view = _View(folder)
    if as_json:
        _print_json(show.show_facts(view.lab, view.tree, node))
    else:
        _lines(show.show(view.lab, view.tree, node))


@cli.command(name="diff")
@click.argument("one", type=click.IntRange(min=0), metavar="A")
@click.argument("other", type=click.IntRange(min=0), metavar="B")
@as_json
@click.pass_obj
def diff_command(folder: Path, one: int, other: int, as_json: bool) -> None:
    """Show the patch from node A's candidate to node B's, and both results."""
    view = _View(folder)
    pair = (view.tree.get(one), view.tree.get(other))
    patch = show.diff(view.lab, *pair)
    if as_json:
        _print_json({"a": rows.facts(pair[0]), "b": rows.facts(pair[1]), "patch": patch})
        return
    click.echo(rows.HEADER)
    for node in pair:
        _paint(node, rows.line(node, view.metric))
    click.echo(f"\n{patch}", nl=False)


@cli.command(name="best")
@as_json
@click.pass_obj
def best_command(folder: Path, as_json: bool) -> None:
    """Show the best node, and how to get its files with plain git."""
    view = _View(folder)
    if as_json:
        _print_json(summary.best_facts(view.tree, view.metric, view.task.objective.goal))
    else:
        _lines(summary.best_lines(view.lab, view.tree, view.metric))


@cli.command(name="lineage")
@node_argument
@as_json
@click.pass_obj
def lineage_command(folder: Path, node: int, as_json: bool) -> None:
    """Show the path from the baseline to NODE, with what was tried beside it."""
    view = _View(folder)
    path = view.tree.lineage(node)
    if as_json:
        _print_json([_generation(view.tree, member) for member in path])
        return
    click.echo(rows.HEADER)
    for member in path:
        _paint(member, rows.line(member, view.metric))
        beside = _generation(view.tree, member)["siblings"]
        if beside:
            click.echo(
                f"{'':>14} beside it: " + ", ".join(f"{s['node']} {s['outcome']}" for s in beside)
            )


class _View:
    """An open lab for commands that only read."""

    def __init__(self, folder: Path) -> None:
        self.lab: Lab = open_lab(folder)
        self.tree: SearchTree = load_tree(self.lab)
        self.task = read_task(self.lab.repo, self.lab.tree_of(self.tree.base))
        self.metric = self.task.objective.metric


def _variables() -> dict[str, str]:
    return dict(os.environ)


def _settings(flags: dict[str, Any]) -> Settings | None:
    """The flags as settings; None where the task is to be found in the repository."""
    needed = ("metric", "candidate", "editable")
    given = [name for name in needed if flags[name]]
    if not given:
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
        for done in steps:
            best = campaign.value(campaign.tree.incumbent)
            live = f"best {metric} {rows.number(best)}"
            show_row(rows.line(done.node, metric), _STYLES.get(str(done.node.verdict), ""), live)


def _print_step(campaign: Campaign, done: Step) -> None:
    click.echo(rows.HEADER)
    _paint(done.node, rows.line(done.node, campaign.task.objective.metric))


def _step_facts(done: Step) -> dict[str, Any]:
    facts = rows.facts(done.node)
    keys = ("node", "parent", "operator", "agent", "status", "metrics", "verdict")
    return {
        **{key: facts[key] for key in keys},
        "promoted": done.promoted,
        "seconds": round(done.seconds, 6),
        "reason": facts["reason"],
    }


def _generation(found: SearchTree, node: Node) -> dict[str, Any]:
    """A node with its siblings and how they came out."""
    parent = node.parents[0] if node.parents else None
    others = () if parent is None else found.children.get(parent, ())
    siblings = [rows.sibling(found.nodes[other]) for other in others if other != node.id]
    return {**rows.facts(node), "siblings": siblings}


def _workplace(lab: Lab) -> str:
    return lab.repo.workdir or lab.repo.path


def _print_json(value: Any) -> None:
    click.echo(json.dumps(value, indent=1, ensure_ascii=False))


def _lines(lines: Iterable[str] | Iterator[str]) -> None:
    for line in lines:
        click.echo(line)


def _paint(node: Node, text: str) -> None:
    click.secho(text, fg=_STYLES.get(str(node.verdict)))


def _warn(notices: Iterable[str]) -> None:
    for notice in dict.fromkeys(notices):
        click.secho(notice, err=True, fg="yellow")


def main() -> None:
    """The `airesearch` command."""
    sys.exit(guarded(cli))
