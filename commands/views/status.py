"""The lab at a glance, for people."""

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from ...gitlab.lab.lab import Lab
from ...gitlab.record.text import plural
from .rows import number


def disk(lab: Lab) -> dict[str, float]:
    """MiB on disk: of the record, and of what is kept or running beside it and may be deleted."""
    return {"objects": _mib(lab.home.parent / "objects"), "airesearch": _mib(lab.home)}


def _mib(folder: Path) -> float:
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
    kept = facts["disk"]
    yield f"disk    {kept['objects']:,} MiB of record, {kept['airesearch']:,} in .git/airesearch"


def _of(used: Mapping[str, Any], form: str) -> str:
    spent = format(used["spent"], form)
    return spent if used["budget"] is None else f"{spent} of {used['budget']:g}"
