"""What an audit costs: `airesearch verify` on labs of many nodes, loose and packed.

The labs are made by the real writer, with the trials left out. Every node changes one line of one
file, grows from the baseline and has three commits; one in fifty is promoted.

    python benchmarks/verify.py [--quick] [--json FILE]
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from airesearch.agents.audit.audit import verify
from airesearch.agents.campaign import Campaign
from airesearch.agents.executors.base import Handle
from airesearch.agents.setup.create_lab import create_lab
from airesearch.agents.step.judge import judge_and_promote
from airesearch.agents.step.measure import measure
from airesearch.agents.step.propose import propose_baseline
from airesearch.agents.trials.job import Job
from airesearch.agents.trials.outcome import Outcome
from airesearch.gitlab.names import node_branch
from airesearch.gitlab.reader.repository import Repository
from airesearch.gitlab.record.facts import Metric, Operator, Status
from airesearch.gitlab.record.records import Propose
from airesearch.gitlab.store.change import compare
from airesearch.gitlab.store.trees import edit
from airesearch.gitlab.tree.search_tree import Node

TASK = """\
name: audit
objective: {metric: train_seconds, goal: minimize}
candidate: "true"
editable: [knob.txt]
promotion: {replicates: 1}
team: {tuner: {backend: tuner}}
"""
OTHER_FILES = 100
PROMOTED = 50


class Untried:
    """An executor that runs nothing: node N takes 1000 seconds less the promotions before it."""

    name, sandbox, evaluator = "local", "none", "self-reported"
    environment = b"{}\n"

    def submit(self, job: Job) -> Handle:
        return Handle(self.name, job.label)

    def wait(self, handle: Handle) -> Outcome:
        node = int(handle.id.partition(".")[0])
        seconds = 1000.0 - node / PROMOTED if node % PROMOTED == 0 else 1000.0
        return Outcome(Status.OK, metrics=(Metric("train_seconds", seconds),), duration=seconds,
                       log=f"node {node}\n".encode())  # fmt: skip


def make_lab(folder: Path, nodes: int) -> None:
    """A lab in `folder` of so many nodes."""
    git = ["git", "-C", str(folder)]
    folder.mkdir()
    subprocess.run([*git, "init", "-q", "-b", "main"], check=True)
    for number in range(OTHER_FILES):
        place = folder / f"lib{number % 10}" / f"file{number}.txt"
        place.parent.mkdir(exist_ok=True)
        place.write_text(f"{number}\n")
    (folder / "knob.txt").write_text("0\n")
    (folder / "airesearch.yaml").write_text(TASK)
    subprocess.run([*git, "add", "-A"], check=True)
    who = ["-c", "user.name=bench", "-c", "user.email=bench@example.org"]
    subprocess.run([*git, *who, "commit", "-qm", "Start"], check=True)
    campaign = Campaign(create_lab(folder, None, os.environ), os.environ)
    campaign.now = replace(campaign.now, executor=Untried())  # type: ignore[arg-type]
    root = finish(campaign, propose_baseline(campaign.now, campaign.now.tree.next_id))
    for number in range(1, nodes):
        finish(campaign, grow(campaign, root, number))


def grow(campaign: Campaign, parent: Node, number: int) -> Node:
    """Node `number`, proposed from `parent`."""
    lab, before = campaign.lab, campaign.lab.tree_of(parent.tip)
    after = edit(lab.repo, before, {"knob.txt": f"{number}\n".encode()})
    change = compare(lab.repo, before, after)
    record = Propose(
        agent="tuner",
        subject=f"knob {number}",
        node=number,
        parent_node=(parent.id,),
        operator=Operator.IMPROVE,
        diff=change.diff,
        diff_path=change.listed,
        candidate=str(lab.without_bus(after)),
        protocol=str(campaign.now.protocol),
    )
    check = campaign.now.permits["tuner"].check
    tip = lab.commit(node_branch(number), record, after, [parent.tip], check=check, new=True)
    return Node(tip, parent.tip, tip, record)


def finish(campaign: Campaign, node: Node) -> Node:
    """Measure, judge and, where it was kept, promote a node."""
    measure(campaign.now, node, 1)
    return judge_and_promote(campaign, node.id)[0]


def audit_seconds(folder: Path) -> tuple[float, float, int]:
    """Wall and CPU seconds of one audit, and objects; ends where it finds a violation."""
    start, busy = time.perf_counter(), time.process_time()
    repository = Repository(folder)
    report = verify(repository, lambda done, total: None)
    repository.close()
    if report.violations:
        sys.exit(f"the lab is not sound: {report.violations[0]}")
    return time.perf_counter() - start, time.process_time() - busy, report.objects


def measure_size(folder: Path, nodes: int) -> dict[str, Any]:
    """One row of the table."""
    start = time.perf_counter()
    make_lab(folder, nodes)
    made = time.perf_counter() - start
    loose, loose_cpu, objects = audit_seconds(folder)
    subprocess.run(["git", "-C", str(folder), "gc", "-q"], check=True)
    packed, packed_cpu, _ = audit_seconds(folder)
    return {
        "nodes": nodes,
        "objects": objects,
        "making_s": made,
        "loose_s": loose,
        "loose_cpu_s": loose_cpu,
        "packed_s": packed,
        "packed_cpu_s": packed_cpu,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="100 and 1,000 nodes only")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    sizes = (100, 1000) if options.quick else (1000, 10_000)
    with tempfile.TemporaryDirectory(prefix="airesearch-bench-") as place:
        rows = [measure_size(Path(place) / str(nodes), nodes) for nodes in sizes]
    columns = ("loose_s", "loose_cpu_s", "packed_s", "packed_cpu_s")
    print(f"{'nodes':>7} {'objects':>9} " + " ".join(f"{column:>12}" for column in columns))
    for row in rows:
        values = " ".join(f"{row[column]:>12.2f}" for column in columns)
        print(f"{row['nodes']:>7} {row['objects']:>9} {values}")
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
