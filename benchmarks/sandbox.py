"""What the sandbox costs: the time to run `true` under limits, in each sandbox there is here.

The runs take turns, so that a machine that slows down slows all of them. On a busy machine `least`
and `cpu`, the processor time of all that was started, say more than the median.

    python benchmarks/sandbox.py [--quick] [--json FILE]
"""

import argparse
import json
import os
import resource
import shutil
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from airesearch.agents.executors.local.process import Limits, run
from airesearch.agents.executors.local.sandbox import (
    Kind,
    SandboxSpec,
    confined,
    landlock,
    tools_for,
)
from airesearch.agents.executors.local.sandbox.bubblewrap import fault

RUNS, QUICK_RUNS = 200, 40
LIMITS = Limits(seconds=60, memory=1 << 30, output=1 << 20)


def kinds() -> list[Kind]:
    """`none` and every sandbox that works here."""
    found: list[Kind] = ["none"]
    if not fault():
        found.append("bwrap")
    if landlock.abi():
        found.append("landlock")
    return found


def once(kind: Kind, folder: Path) -> tuple[float, float]:
    """Milliseconds on the clock, and of processor time, to run `true` until it is gone."""
    start, used = time.perf_counter(), cpu()
    program = shutil.which("true") or "/bin/true"
    tools = tools_for(program, os.defpath)
    spec = SandboxSpec(folder, Path("/candidate"), writable=True, memory=1 << 30, tools=tools)
    env = {"PATH": os.defpath}
    with confined(kind, spec, [program]) as begin:
        ran = run(begin.argv, folder=folder, env=env, limits=LIMITS, inherits=begin.inherits)
    assert ran.code == 0, ran
    return 1000 * (time.perf_counter() - start), 1000 * (cpu() - used)


def cpu() -> float:
    """Seconds of processor time that our children have used."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measure(runs: int) -> list[dict[str, Any]]:
    """For each sandbox the median and the ninth decile, and the median over that of `none`."""
    times: dict[Kind, list[tuple[float, float]]] = {kind: [] for kind in kinds()}
    with tempfile.TemporaryDirectory(prefix="airesearch-bench-") as place:
        for kind in times:
            once(kind, Path(place))
        for _ in range(runs):
            for kind, taken in times.items():
                taken.append(once(kind, Path(place)))
    rows = [row(kind, taken) for kind, taken in times.items()]
    return [{**r, "added_ms": r["median_ms"] - rows[0]["median_ms"]} for r in rows]


def row(kind: Kind, taken: list[tuple[float, float]]) -> dict[str, Any]:
    """What a table's row says of the runs."""
    clock = sorted(wall for wall, _ in taken)
    return {
        "sandbox": kind,
        "runs": len(clock),
        "least_ms": clock[0],
        "median_ms": statistics.median(clock),
        "p90_ms": clock[int(0.9 * len(clock))],
        "cpu_ms": statistics.mean(used for _, used in taken),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_RUNS} runs, not {RUNS}")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    rows = measure(QUICK_RUNS if options.quick else RUNS)
    names = ("least", "median", "p90", "cpu", "added")
    print(f"{'sandbox':<9}" + "".join(f"{name:>9}" for name in names) + "   (ms)")
    for found in rows:
        print(f"{found['sandbox']:<9}" + "".join(f"{found[f'{n}_ms']:>9.1f}" for n in names))
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
