"""What the size of a repository costs a step: 10,000 files and 500 MB against a handful.

The proposer changes one number and the trial is `true`, as in overhead.py. Framework time is the
wall clock of a step less the trial's own duration; the first step lays the folder out. The two
repositories take turns, and on a busy machine `least` and `cpu`, this process's own processor time,
say more than the median.

With `--folders` instead: what it costs to give a trial of `true` its folder of 10,000 files, by
each means there is here. The product keeps a folder in a sandbox, and makes a new one elsewhere.

    python benchmarks/bigrepo.py [--quick] [--folders] [--json FILE]
"""

import argparse
import json
import os
import random
import shutil
import statistics
import subprocess
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pygit2
from airesearch.agents.campaign import Campaign
from airesearch.agents.executors.local.folder_cache import FolderCache
from airesearch.agents.executors.local.process import Limits, ProcessResult, remove, run
from airesearch.agents.executors.local.sandbox import SandboxSpec, confined, tools_for
from airesearch.agents.loop import step
from airesearch.agents.proposers.base import Brief, Proposal
from airesearch.agents.proposers.registry import Agent
from airesearch.agents.setup.create_lab import create_lab
from airesearch.gitlab.desk.desk import Desk
from airesearch.gitlab.store import trees

TASK = """\
name: bigrepo
objective: {metric: train_seconds, goal: minimize}
candidate: "true"
editable: [knob.txt]
promotion: {replicates: 1, min_effect: 1000}
"""
FOLDERS = 100
FILES_A_FOLDER = 100
BYTES_A_FILE = 50_000
STEPS = 40
FOLDER_TURNS = 6


class Noop:
    """Changes one number, so that no candidate is a duplicate."""

    operators: ClassVar = frozenset[Any]()

    def propose(self, desk: Desk, brief: Brief) -> Proposal:
        desk.write("knob.txt", f"{brief.node}\n".encode())
        return Proposal(f"knob {brief.node}")


def make_lab(folder: Path) -> Campaign:
    """A lab of what is in `folder`, and a knob."""
    git = ["git", "-C", str(folder)]
    (folder / "knob.txt").write_text("0\n")
    (folder / "airesearch.yaml").write_text(TASK)
    subprocess.run([*git, "init", "-q", "-b", "main"], check=True)
    subprocess.run([*git, "add", "-A"], check=True)
    who = ["-c", "user.name=bench", "-c", "user.email=bench@example.org"]
    subprocess.run([*git, *who, "commit", "-qm", "Start"], check=True)
    campaign = Campaign(create_lab(folder, None, os.environ), os.environ)
    campaign.now = replace(campaign.now, team=(Agent("tuner", Noop()),))
    return campaign


def step_cost(campaign: Campaign) -> tuple[float, float]:
    """Milliseconds of framework time in one step, on the clock and of this process's processor."""
    start, used = time.perf_counter(), time.process_time()
    done = step(campaign)
    clock = time.perf_counter() - start - done.node.trials[-1].duration
    return 1000 * clock, 1000 * (time.process_time() - used)


def fill(folder: Path, quick: bool) -> None:
    """Write the large repository's files: text and bytes that do not compress, half and half."""
    draws = random.Random(0)
    size = BYTES_A_FILE // 10 if quick else BYTES_A_FILE
    for number in range(FOLDERS):
        below = folder / "data" / f"{number:03d}"
        below.mkdir(parents=True)
        for name in range(FILES_A_FOLDER):
            data = draws.randbytes(size // 2)
            (below / f"{name:03d}.bin").write_bytes(data + data.hex().encode()[: size - size // 2])


def row(name: str, folder: Path, costs: list[tuple[float, float]]) -> dict[str, Any]:
    """The first step, and the middle and the least of those after it."""
    clocks = [clock for clock, _ in costs[1:]]
    files = subprocess.run(["git", "-C", folder, "ls-files"], capture_output=True, check=True)
    return {
        "repository": name,
        "files": files.stdout.count(b"\n"),
        "mb": sum(file.stat().st_size for file in folder.glob("data/*/*")) / 1e6,
        "first_ms": costs[0][0],
        "step_ms": statistics.median(clocks),
        "least_ms": min(clocks),
        "cpu_ms": statistics.median(cpu for _, cpu in costs[1:]),
    }


def folder_costs(place: Path, quick: bool) -> list[dict[str, Any]]:
    """What a trial of `true` costs in a folder of 10,000 files, however it got it."""
    repo = pygit2.init_repository(str(place / "repo"), bare=True)
    draws, size = random.Random(0), 200 if quick else BYTES_A_FILE // 10
    files = {
        f"data/{number // 100:03d}/{number % 100:03d}.bin": draws.randbytes(size)
        for number in range(FOLDERS * FILES_A_FOLDER)
    }
    whole = trees.edit(repo, trees.EMPTY, files)
    candidates = [trees.edit(repo, whole, {"knob.txt": b"%d" % n}) for n in range(FOLDER_TURNS)]
    true = shutil.which("true") or "/bin/true"
    spec = SandboxSpec(place, Path("/candidate"), True, 1 << 30, tools_for(true, os.defpath))
    cache, master = FolderCache(repo, place / "kept", is_sealed=True), place / "master"

    def trial(folder: Path, *before: str, seen: Path | None = None, **more: Any) -> ProcessResult:
        with confined("bwrap", replace(spec, folder=seen or folder), [true]) as start:
            result = run([*before, *start.argv], folder=folder, env={"PATH": os.defpath},
                         limits=Limits(60, 1 << 30, 1 << 30), inherits=start.inherits,
                         **more)  # fmt: skip
        assert result.code == 0, result
        return result

    def kept(candidate: trees.Oid, fresh: Path) -> None:
        lent = cache.export("candidate", candidate, lambda _: True, fresh)
        cache.give_back("candidate", trial(lent.folder, before=lent.snapshot).left)

    def exported(candidate: trees.Oid, fresh: Path) -> None:
        trees.export_tree(repo, candidate, fresh, lambda _: True)
        trial(fresh)
        remove(fresh)

    def copied(candidate: trees.Oid, fresh: Path) -> None:
        advance(candidate)
        copy = ["cp", "-r", "--reflink=always", master, fresh]
        subprocess.run(copy, check=True, capture_output=True)
        trial(fresh)
        remove(fresh)

    def overlaid(candidate: trees.Oid, fresh: Path) -> None:
        advance(candidate)
        for name in ("upper", "work", "seen"):
            (fresh / name).mkdir(parents=True)
        layers = f"lowerdir={master},upperdir={fresh / 'upper'},workdir={fresh / 'work'},userxattr"
        script = 'mount -t overlay overlay -o "$0" "$1" && shift && exec "$@"'
        apart = ("unshare", "-Urm", "sh", "-c", script, layers, str(fresh / "seen"))
        trial(fresh / "upper", *apart, seen=fresh / "seen")
        remove(fresh)

    at = trees.EMPTY

    def advance(candidate: trees.Oid) -> None:
        nonlocal at
        for one in trees.differences(repo, at, candidate):
            (master / one.path).parent.mkdir(parents=True, exist_ok=True)
            (master / one.path).unlink(missing_ok=True)
            if one.after is not None:
                trees.write_file(repo, one.after, master / one.path)
        at = candidate

    ways = {"kept folder": kept, "new folder": exported, "reflinks": copied, "overlay": overlaid}
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for turn, candidate in enumerate(candidates):
        for name, way in list(ways.items()):
            start = time.perf_counter()
            try:
                way(candidate, place / f"{name}-{turn}")
            except (AssertionError, subprocess.CalledProcessError) as error:
                print(f"{name}: not to be had here: {str(error)[:60]}")
                del ways[name]
                continue
            taken[name].append(1000 * (time.perf_counter() - start))
    return [
        {"folder": name, "first_ms": times[0], "trial_ms": statistics.median(times[1:]),
         "least_ms": min(times[1:])}
        for name, times in taken.items() if name in ways
    ]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a tenth of the bytes")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--folders", action="store_true", help="compare ways to make a folder")
    options = parser.parse_args()
    if options.folders:
        with tempfile.TemporaryDirectory(prefix="airesearch-bench-") as place:
            found = folder_costs(Path(place), options.quick)
        print(f"{'':>12} {'first':>9} {'trial':>9} {'least':>9}   (ms)")
        for one in found:
            times = " ".join(f"{one[key]:>9.1f}" for key in ("first_ms", "trial_ms", "least_ms"))
            print(f"{one['folder']:>12} {times}")
        if options.json:
            options.json.write_text(json.dumps(found, indent=1) + "\n")
        return
    with tempfile.TemporaryDirectory(prefix="airesearch-bench-") as place:
        folders = {name: Path(place, name) for name in ("small", "large")}
        for folder in folders.values():
            folder.mkdir()
        fill(folders["large"], options.quick)
        labs = {name: make_lab(folder) for name, folder in folders.items()}
        turns = [{name: step_cost(lab) for name, lab in labs.items()} for _ in range(1 + STEPS)]
        rows = [row(name, folders[name], [turn[name] for turn in turns]) for name in labs]
        del labs
    print(f"{'':>7} {'files':>7} {'MB':>5} {'first':>9} {'step':>9} {'least':>9} {'cpu':>9}   (ms)")
    for one in rows:
        times = " ".join(f"{one[k]:>9.1f}" for k in ("first_ms", "step_ms", "least_ms", "cpu_ms"))
        print(f"{one['repository']:>7} {one['files']:>7} {one['mb']:>5.0f} {times}")
    more = {key: rows[1][key] - rows[0][key] for key in ("step_ms", "least_ms", "cpu_ms")}
    print(
        "a step in the large one costs more: " + ", ".join(f"{k} {v:.1f}" for k, v in more.items())
    )
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
