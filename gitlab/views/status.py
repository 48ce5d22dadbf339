"""The lab at a glance, for people."""

from collections.abc import Iterator, Mapping
from typing import Any

from .rows import number


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
    yield f"trials  {_of(facts['trials'], 'd')}"
    yield f"hours   {_of(facts['hours'], '.2f')}"


def _of(used: Mapping[str, Any], form: str) -> str:
    spent = format(used["spent"], form)
    return spent if used["budget"] is None else f"{spent} of {used['budget']:g}"
