"""The lab at a glance, for people."""

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from ...agents.trunk.forecast import forecast
from ...gitlab.errors import AiresearchError
from ...gitlab.hooks.staged import Staged
from ...gitlab.lab.checkout import left_behind
from ...gitlab.reader.values import Unsound
from ...gitlab.record.text import plural
from ...policies.budget import spent
from . import summary
from .lab_view import LabView
from .rows import number


def facts(view: LabView) -> dict[str, Any]:
    """Task, nodes, the best and what is spent, as stable JSON."""
    used, budget, noise = spent(view.tree), view.task.budget, view.noise
    home, behind = view.lab.home, left_behind(view.lab.repo, view.lab.trunk)
    return {
        "name": view.task.name,
        "trunk": view.lab.trunk,
        "objective": {"metric": view.metric, "goal": view.task.objective.goal},
        "nodes": view.tree.outcomes(),
        "best": None if view.tree.incumbent is None else summary.best_facts(view),
        "noise": {"sd": noise.sd, "replicates": noise.freedom} if noise and noise.freedom else None,
        "trials": {"spent": used.trials, "budget": budget.trials},
        "hours": {"spent": used.hours, "budget": budget.hours},
        "commit_costs": _commit_costs(view),
        "behind": {"at": behind[0], "catch_up": behind[1]} if behind else None,
        # Of the record, and of what is kept or running beside it and may be deleted.
        "disk": {"objects": _mib(home.parent / "objects"), "airesearch": _mib(home)},
    }


def _commit_costs(view: LabView) -> str | None:
    """What a commit of the changes in this checkout of the trunk costs; None where there is none.

    Empty where it costs nothing. Nor is it told where nothing can be written, as git does for it.
    """
    with suppress(AiresearchError, Unsound, OSError):
        staged = None if view.lab.repo.is_bare else Staged(view.folder, os.environ)
        if staged is not None and staged.is_on_trunk and staged.left_at is None:
            before, after = staged.before(), staged.with_changes()
            return None if before == after else forecast(view.lab, view.task, before, after)
    return None


def _mib(folder: Path) -> float:
    """What a folder takes on disk."""
    blocks = 0
    for above, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):  # gone meanwhile
                blocks += os.lstat(f"{above}/{name}").st_blocks
    return round(blocks * 512 / (1 << 20), 1)


def lines(facts: Mapping[str, Any]) -> Iterator[str]:
    """The facts of `airesearch status --json` as lines."""
    yield f"lab     {facts['name']}, trunk {facts['trunk']}"
    objective, best = facts["objective"], facts["best"]
    yield f"task    {objective['goal']} {objective['metric']}"
    nodes = facts["nodes"]
    listed = ", ".join(f"{count} {outcome}" for outcome, count in nodes.items())
    yield f"nodes   {sum(nodes.values())}: {listed}" if nodes else "nodes   none yet"
    if best is None:
        yield "best    nothing was promoted yet"
    else:
        now, base = number(best["metric"]["value"]), number(best["baseline"])
        yield f"best    node {best['node']}, {objective['metric']} {now}, baseline {base}"
    noise = facts["noise"]
    if noise is not None:
        shown = number(noise["sd"]) if noise["sd"] else "none seen"
        yield f"noise   {shown}, from {plural(noise['replicates'], 'replicate')}"
    yield f"trials  {_of(facts['trials'], 'd')}"
    yield f"hours   {_of(facts['hours'], '.2f')}"
    if facts["commit_costs"] is not None:
        yield f"commit  of what is changed here costs {facts['commit_costs'] or 'nothing'}"
    if behind := facts["behind"]:
        yield f"behind  this checkout was left at {behind['at']}; to bring it up to date:"
        yield f"        {behind['catch_up']}"
    kept = facts["disk"]
    yield f"disk    {kept['objects']:,} MiB of record, {kept['airesearch']:,} in .git/airesearch"


def _of(used: Mapping[str, Any], form: str) -> str:
    spent = format(used["spent"], form)
    return spent if used["budget"] is None else f"{spent} of {used['budget']:g}"
