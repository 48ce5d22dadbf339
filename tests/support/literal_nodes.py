"""Records from literals, and nodes of a lab below the real writer, which is slow for many."""

from pathlib import Path

import pygit2
from airesearch.gitlab.lab.lab import Lab
from airesearch.gitlab.names import node_branch
from airesearch.gitlab.record.facts import Diff, Metric, Operator, Status, Trial, Verdict
from airesearch.gitlab.record.records import Judge, Measure, Propose, Record


def propose(node: int, parent: int | None, **facts: object) -> Propose:
    found: dict[str, object] = {
        "agent": "tuner",
        "subject": f"try {node}",
        "operator": Operator.IMPROVE,
        "diff": Diff(1, 2, 3),
        "candidate": f"{node:040x}",
        "protocol": "c" * 40,
        "parent_node": () if parent is None else (parent,),
    }
    return Propose(node=node, **{**found, **facts})  # type: ignore[arg-type]


def measured(node: int, replicate: int = 1, value: float = 0.5, **facts: object) -> Measure:
    found: dict[str, object] = {
        "agent": "runner",
        "subject": "ran",
        "trial": Trial(node, replicate),
        "candidate": f"{node:040x}",
        "protocol": "c" * 40,
        "status": Status.OK,
        "metric": (Metric("loss", value), Metric("train_seconds", 1.0)),
        "seed": replicate,
        "duration": 1.5,
        "peak_memory": 1,
        "output_bytes": 1,
        "executor": "local",
        "sandbox": "none",
        "evaluator": "pinned",
        "environment": "e" * 40,
    }
    return Measure(node=node, **{**found, **facts})  # type: ignore[arg-type]


def judged(node: int, verdict: Verdict = Verdict.DISCARD, **facts: object) -> Judge:
    found: dict[str, object] = {"agent": "judge", "subject": "so", "evidence": "n=1"}
    return Judge(node=node, verdict=verdict, reason="so", **{**found, **facts})  # type: ignore[arg-type]


class Writer:
    """Writes nodes below the real writer, which is slower than a test of many can bear."""

    def __init__(self, lab: Lab) -> None:
        self.repo = lab.repo
        self.base = lab.trunk_tip
        self.tree = lab.tree_of(self.base)
        self.tips: dict[int, pygit2.Oid] = {}

    def commit(self, record: Record, onto: pygit2.Oid) -> pygit2.Oid:
        who = pygit2.Signature(record.agent, f"{record.agent}@airesearch", 1_700_000_000)
        return self.repo.create_commit(None, who, who, str(record), self.tree, [onto])

    def node(self, number: int, parent: int | None) -> pygit2.Oid:
        """A measured and judged node; its branch is written by `pack`."""
        tip = self.base if parent is None else self.tips[parent]
        for record in (propose(number, parent), measured(number), judged(number)):
            tip = self.commit(record, tip)
        self.tips[number] = tip
        return tip

    def pack(self) -> None:
        """Give every node its branch."""
        lines = [f"{tip} refs/heads/{node_branch(node)}\n" for node, tip in self.tips.items()]
        path = Path(self.repo.path) / "packed-refs"
        path.write_text("# pack-refs with: peeled fully-peeled sorted \n" + "".join(sorted(
            lines, key=lambda line: line[41:])))  # fmt: skip
