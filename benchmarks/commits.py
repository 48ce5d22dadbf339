"""What a person's commit costs a campaign that runs: the step after it, against one after none.

Milliseconds of framework time (a step less its trial), the median of some; no trial is measured
anew unless the table says so. Labs as in `overhead.py`, with a `team.yaml`.

    python benchmarks/commits.py [--quick] [--json FILE]
"""

import argparse
import json
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import overhead
from airesearch.agents.campaign import Campaign
from airesearch.agents.proposers.registry import Agent
from airesearch.gitlab.lab.lab import open_lab

TIMES = 9
TASK = overhead.TASK + "constraints: [{metric: train_seconds, max: 100}]\n"
COMMITS: dict[str, Callable[[int], dict[str, str]]] = {
    "nothing": lambda n: {},
    "another team": lambda n: {"team.yaml": f"team: {{agent{n}: {{backend: tuner}}}}\n"},
    "a policy": lambda n: {
        "team.yaml": "team: {tuner: {backend: tuner}}\n",
        "policies/tuner.yaml": f"read: ['*']\nwrite: [knob.txt, 'x{n}']\n",
    },
    "a README": lambda n: {"README.md": f"{n}\n"},
    "a looser bound": lambda n: {"airesearch.yaml": TASK.replace("100}", f"{100 + n}}}")},
}


def commit(folder: Path, files: dict[str, str]) -> None:
    """A person's commit of these files."""
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    who = ["-c", "user.name=b", "-c", "user.email=b@example.org"]
    for words in (["add", "-A"], [*who, "commit", "-qm", "change", "--no-verify"]):
        subprocess.run(["git", "-C", str(folder), *words], check=True)


def measure(folder: Path, nodes: int) -> dict[str, Any]:
    """One row of the table."""
    overhead.grow(folder, nodes)
    commit(folder, {"airesearch.yaml": TASK, "team.yaml": "team: {tuner: {backend: tuner}}\n"})
    campaign = Campaign(open_lab(folder), os.environ)
    spent = campaign.now.tree.spent()[0]
    found: dict[str, Any] = {"nodes": nodes}
    steps = 0
    for what, files in COMMITS.items():
        times = []
        for turn in range(TIMES):
            if changed := files(steps):
                commit(folder, changed)
            start = time.perf_counter()
            now = campaign.look()
            looked = 1000 * (time.perf_counter() - start)
            campaign.now = replace(now, team=(Agent(now.team[0].name, overhead.Noop()),))
            times.append(looked + overhead.step_cost(campaign))
            steps += 1
            assert campaign.now.tree.spent()[0] == spent + steps, (what, turn)
        found[what] = statistics.median(times)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small labs only")
    parser.add_argument("--json", type=Path, help="write the rows here as well")
    options = parser.parse_args()
    os.environ.setdefault("GIT_COMMITTER_NAME", "b")
    os.environ.setdefault("GIT_COMMITTER_EMAIL", "b@example.org")
    rows = []
    print("".join(f"{name:>16}" for name in ("nodes", *COMMITS)))
    for nodes in (10, 1000) if options.quick else (10, 1000, 10_000):
        with tempfile.TemporaryDirectory() as aside:
            row = measure(Path(aside) / "lab", nodes)
        rows.append(row)
        print(f"{nodes:>16}" + "".join(f"{row[name]:>13.1f} ms" for name in COMMITS), flush=True)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
