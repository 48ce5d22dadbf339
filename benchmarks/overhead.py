"""What the framework itself costs: a step with a no-op proposer and `true` as its trial.

The objective is `train_seconds`, so that nothing but `true` is run. Framework time is the wall
clock of a step less the trial's own duration. Start-up is measured on the same labs, warm.

    python benchmarks/overhead.py [--quick] [--json FILE]
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, ClassVar

from airesearch.agents.brief import Brief, Proposal
from airesearch.agents.campaign import Campaign
from airesearch.agents.found import adopt
from airesearch.agents.loop import step
from airesearch.agents.team import Agent
from airesearch.gitlab.desk import Desk

TASK = """\
name: overhead
objective: {metric: train_seconds, goal: minimize}
candidate: "true"
editable: [knob.txt]
"""
MEASURED_STEPS = 50
STARTS = 10


class Noop:
    """Changes one number, so that no candidate is a duplicate."""

    repairs: ClassVar[bool] = False

    def propose(self, desk: Desk, brief: Brief) -> Proposal:
        desk.write("knob.txt", f"{brief.node}\n".encode())
        return Proposal(f"knob {brief.node}")


def make_lab(folder: Path) -> Campaign:
    git = ["git", "-C", str(folder)]
    subprocess.run([*git, "init", "-q", "-b", "main"], check=True)
    (folder / "knob.txt").write_text("0\n")
    subprocess.run([*git, "add", "-A"], check=True)
    who = ["-c", "user.name=bench", "-c", "user.email=bench@example.org"]
    subprocess.run([*git, *who, "commit", "-qm", "Start"], check=True)
    (folder / "airesearch.yaml").write_text(TASK)
    campaign = Campaign(adopt(folder, None, os.environ).lab, os.environ)
    campaign.team = (Agent("tuner", Noop()),)
    return campaign


def step_cost(campaign: Campaign) -> float:
    """Milliseconds of framework time in one step."""
    start = time.perf_counter()
    done = step(campaign)
    return 1000 * (time.perf_counter() - start - done.node.trials[-1].duration)


def startup(folder: Path, *words: str) -> float:
    """Milliseconds from the start of the process to its end, the median of some."""
    command = [sys.executable, "-m", "airesearch", "-C", str(folder), *words]
    times = []
    for _ in range(STARTS + 1):
        start = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        times.append(1000 * (time.perf_counter() - start))
    return statistics.median(times[1:])


def measure(campaign: Campaign, folder: Path, nodes: int) -> dict[str, Any]:
    while campaign.tree.next_id < nodes:
        step(campaign)
    costs = sorted(step_cost(campaign) for _ in range(MEASURED_STEPS))
    return {
        "nodes": nodes,
        "step_ms": statistics.median(costs),
        "step_p90_ms": costs[int(0.9 * len(costs))],
        "log_ms": startup(folder, "log", "-n", "20"),
        "best_ms": startup(folder, "best"),
        "version_ms": startup(folder, "--version"),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="10 and 300 nodes only")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="airesearch-bench-") as place:
        campaign = make_lab(Path(place))
        sizes = (10, 300) if options.quick else (10, 1000)
        rows = [measure(campaign, Path(place), nodes) for nodes in sizes]
    print(f"{'nodes':>7} {'step':>9} {'p90':>9} {'log':>9} {'best':>9} {'--version':>9}   (ms)")
    for row in rows:
        values = [row[k] for k in ("step_ms", "step_p90_ms", "log_ms", "best_ms", "version_ms")]
        print(f"{row['nodes']:>7} " + " ".join(f"{value:>9.1f}" for value in values))
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
