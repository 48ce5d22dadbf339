"""How much of the ideal many workers reach: trials that each sleep, so many at a time.

The ideal is `trials * seconds / jobs`; measured is the whole `airesearch run`, its start included,
which of four seconds in all takes its share. Ten times as long is still short for a trial. Then
trials that do nothing: how many steps a second workers make beside each other.

    python benchmarks/parallel.py [--quick] [--json FILE]
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

TASK = """\
name: parallel
objective: {{metric: score, goal: maximize, pattern: 'score ([0-9.]+)'}}
candidate: sh -c '{work}echo score 1'
editable: [knob.txt]
promotion: {{replicates: 1}}
team: {{scripted: {{backend: scripted, script: turns.yaml}}}}
"""


def make_lab(place: Path, trials: int, work: str) -> None:
    """A lab whose script has `trials` turns, each another candidate."""
    place.mkdir()
    turns = [{"subject": f"knob {n}", "write": {"knob.txt": f"{n}\n"}} for n in range(trials)]
    (place / "turns.yaml").write_text(json.dumps({"turns": turns}))
    (place / "airesearch.yaml").write_text(TASK.format(work=work))
    (place / "knob.txt").write_text("-\n")
    for words in (("init", "-q", "-b", "main"), ("add", "-A"), ("commit", "-qm", "Start")):
        identity = ["-c", "user.name=b", "-c", "user.email=b@example.org"]
        subprocess.run(["git", "-C", str(place), *identity, *words], check=True)
    _airesearch(place, "init")


def measure(place: Path, trials: int, jobs: int, seconds: float) -> dict[str, Any]:
    """One run of all trials."""
    make_lab(place, trials, f"sleep {seconds}; " if seconds else "")
    start = time.perf_counter()
    said = _airesearch(place, "run", "--trials", str(trials), "--jobs", str(jobs), "--json")
    command = time.perf_counter() - start
    steps = [json.loads(line) for line in said.splitlines()]
    ids = [step["node"] for step in steps]
    assert len(set(ids)) == trials, "every trial is a node of its own"
    assert all(step["status"] == "ok" for step in steps)
    ideal = trials * seconds / jobs
    return {
        "trials": trials,
        "jobs": jobs,
        "trial_seconds": seconds,
        "command_seconds": command,
        "efficiency": ideal / command if seconds else None,
        "slowest_step_seconds": max(step["seconds"] for step in steps),
        "steps_per_second": trials / command,
        "cpus": len(os.sched_getaffinity(0)),
    }


def _airesearch(place: Path, *words: str) -> str:
    command = [sys.executable, "-m", "airesearch", "-C", str(place), *words]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def main() -> None:
    """Print the rows."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="no long trials, fewer no-op ones")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    longer = [(200, 16, 0.0)] if options.quick else [(64, 16, 10.0), (2000, 16, 0.0)]
    cases = [(64, 16, 1.0), *longer]
    with tempfile.TemporaryDirectory(prefix="airesearch-bench-") as place:
        rows = [measure(Path(place) / str(n), *case) for n, case in enumerate(cases)]
    names = ("trials", "jobs", "each s", "command s", "of ideal", "steps/s", "cpus")
    print(" ".join(f"{name:>9}" for name in names))
    for row in rows:
        share = "" if row["efficiency"] is None else f"{row['efficiency']:.1%}"
        seconds = f"{row['command_seconds']:.2f}"
        speed = f"{row['steps_per_second']:.1f}"
        cells = (row["trials"], row["jobs"], row["trial_seconds"], seconds, share, speed)
        print(" ".join(f"{cell:>9}" for cell in (*cells, row["cpus"])))
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
