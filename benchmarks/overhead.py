"""What the framework itself costs: a step with a no-op proposer and `true` as its trial.

The objective is `train_seconds`, so that nothing but `true` is run. Framework time is the wall
clock of a step less the trial's own duration, inside one process as in `airesearch run`. Large labs
are imported, not run: every node has its three commits, one in ten failed, one in a thousand was
promoted, and lineages are hundreds deep. Then `git` packs them. Cold means without the index, and
no sync that nothing is waited for until it is on disk.

    python benchmarks/overhead.py [--quick] [--json FILE] [--peers PYTHON]
"""

import argparse
import json
import os
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from hashlib import sha1
from pathlib import Path
from typing import Any, ClassVar

import peers
from airesearch.agents.campaign import Campaign
from airesearch.agents.loop import step
from airesearch.agents.proposers.base import Brief, Proposal
from airesearch.agents.proposers.registry import Agent
from airesearch.agents.setup.create_lab import create_lab
from airesearch.gitlab.desk.desk import Desk
from airesearch.gitlab.lab import lab as writer
from airesearch.gitlab.lab.lab import open_lab
from airesearch.gitlab.names import node_branch
from airesearch.gitlab.record.facts import Diff, Metric, Operator, Signed, Status, Trial, Verdict
from airesearch.gitlab.record.records import Judge, Measure, Promote, Propose, Record
from airesearch.gitlab.tree.node import Node

TASK = """\
name: overhead
objective: {metric: train_seconds, goal: minimize}
candidate: "true"
editable: [knob.txt]
promotion: {replicates: 1, min_effect: 1000}
"""
MEASURED_STEPS = 50
WARM_UP = 5
STARTS = 5
PROMOTED, FAILED = 1000, 10
COLUMNS = {
    "step_ms": "step",
    "step_p90_ms": "p90",
    "unsynced_ms": "no sync",
    "start_ms": "start",
    "log_cold_ms": "log cold",
    "log_ms": "log",
    "best_cold_ms": "best cold",
    "best_ms": "best",
    "version_ms": "--version",
    "disk_bytes": "B/node",
    "resident_mb": "RSS MB",
}


class Noop:
    """Changes one number, so that no candidate is a duplicate."""

    operators: ClassVar = frozenset({Operator.IMPROVE})

    def propose(self, desk: Desk, brief: Brief) -> Proposal:
        desk.write("knob.txt", f"{brief.node}\n".encode())
        return Proposal(f"knob {brief.node}")


def make_lab(folder: Path) -> Node:
    """A lab in `folder` with its baseline measured."""
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    (folder / "knob.txt").write_text("0\n")
    git(folder, "add", "-A")
    git(folder, "-c", "user.name=b", "-c", "user.email=b@example.org", "commit", "-qm", "Start")
    (folder / "airesearch.yaml").write_text(TASK)
    return step(Campaign(create_lab(folder, None, os.environ), os.environ)).node


def git(folder: Path, *words: str, data: bytes = b"") -> None:
    subprocess.run(["git", "-C", str(folder), *words], input=data, check=True)


@dataclass
class Import:
    """The stream `git fast-import` makes the nodes of a lab from."""

    folder: Path
    root: Node
    draws: random.Random = field(default_factory=lambda: random.Random(0))

    def stream(self, nodes: int) -> Iterator[bytes]:
        lab = open_lab(self.folder)
        trunk = str(lab.trunk_tip)
        tree = lab.repo[lab.tree_of(self.root.proposed)]
        self.entries = [(entry.name, entry.filemode, entry.id.raw) for entry in tree]
        tips, best = [str(self.root.tip)], 0
        for number in range(1, nodes):
            # Mostly from the newest, so that lineages run deep, and often from the best.
            parent = number - 1 if self.draws.random() < 0.5 else best
            wins = number % PROMOTED == 0
            mark = 4 * number
            yield from self.node(number, parent, tips[parent], best, mark, wins)
            tips.append(f":{mark + 2}")
            if wins:
                record = Promote(agent="judge", subject=f"promote node {number}", node=number,
                                 parent_node=(parent,), metric=(self.metric(number, wins),),
                                 evidence="n=1")  # fmt: skip
                yield commit("main", mark + 3, record, trunk)
                yield f"merge :{mark + 2}\nM 100644 inline knob.txt\n".encode()
                yield blob(f"{number}\n")
                trunk, best = f":{mark + 3}", number
        yield b"done\n"

    def metric(self, number: int, wins: bool) -> Metric:
        return Metric("train_seconds", 0.0005 / number if wins else 1 + self.draws.random())

    def node(
        self, number: int, parent: int, tip: str, best: int, mark: int, wins: bool
    ) -> Iterator[bytes]:
        first, branch = self.root, node_branch(number)
        trial = first.trials[0]
        protocol, candidate = first.propose.protocol, self.candidate(number)
        fails = number % FAILED == 7
        metric = (self.metric(number, wins),)
        said = "killed by signal 9" if fails else f"train_seconds {metric[0].value:.6g}"
        common: dict[str, Any] = {"node": number, "parent_node": (parent,)}
        yield commit(branch, mark, Propose(
            agent="tuner", subject=f"knob {number}", operator=Operator.IMPROVE, diff=Diff(1, 1, 1),
            diff_path=("knob.txt",), candidate=candidate, protocol=protocol, **common,
        ), tip)  # fmt: skip
        yield b"M 100644 inline knob.txt\n" + blob(f"{number}\n")
        yield commit(branch, mark + 1, Measure(
            agent="runner", subject=said, trial=Trial(number, 1), candidate=candidate,
            protocol=protocol, status=Status.CRASH if fails else Status.OK,
            metric=() if fails else metric, reason=said if fails else None, seed=trial.seed,
            duration=0.001, peak_memory=1 << 20, output_bytes=0, executor=trial.executor,
            sandbox=trial.sandbox, evaluator=trial.evaluator, environment=trial.environment,
            **common,
        ), f":{mark}")  # fmt: skip
        yield b"M 100644 inline research/result.json\n" + blob(f'{{"trial": "{number}.1"}}\n')
        verdict = Verdict.FAIL if fails else Verdict.KEEP if wins else Verdict.DISCARD
        yield commit(branch, mark + 2, Judge(
            agent="judge", subject=f"{verdict}, {said}", verdict=verdict,
            metric=() if fails else metric, incumbent=best, delta=None if fails else Signed(0.5),
            evidence="n=0" if fails else "n=1", reason=said, **common,
        ), f":{mark + 1}")  # fmt: skip

    def candidate(self, number: int) -> str:
        """The tree git will make of it, without asking git."""
        knob = f"{number}\n".encode()
        new = {"knob.txt": sha1(b"blob %d\0%b" % (len(knob), knob)).digest()}
        tree = b"".join(
            b"%o %b\0%b" % (mode, str(name).encode(), new.get(str(name), oid))
            for name, mode, oid in self.entries
        )
        return sha1(b"tree %d\0%b" % (len(tree), tree)).hexdigest()


def commit(branch: str, mark: int, record: Record, parent: str) -> bytes:
    when = f"{1_700_000_000 + mark} +0000"
    text = str(record).encode()
    return (
        f"commit refs/heads/{branch}\nmark :{mark}\n"
        f"author {record.agent} <{record.agent}@airesearch> {when}\n"
        f"committer airesearch <airesearch@airesearch> {when}\ndata {len(text)}\n"
    ).encode() + b"%b\nfrom %b\n" % (text, parent.encode())


def blob(text: str) -> bytes:
    return f"data {len(text)}\n{text}\n".encode()


def grow(folder: Path, nodes: int) -> None:
    """Make a lab of so many nodes in `folder`."""
    root = make_lab(folder)
    words = ["git", "-C", str(folder), "fast-import", "--quiet", "--done"]
    with subprocess.Popen(words, stdin=subprocess.PIPE) as importer:
        assert importer.stdin is not None
        importer.stdin.writelines(Import(folder, root).stream(nodes))
    if importer.returncode:
        sys.exit("the import failed")
    git(folder, "reset", "-q", "--hard")
    git(folder, "pack-refs", "--all")
    git(folder, "repack", "-adq")


def step_cost(campaign: Campaign) -> float:
    """Milliseconds of framework time in one step."""
    start = time.perf_counter()
    done = step(campaign)
    return 1000 * (time.perf_counter() - start - done.node.trials[-1].duration)


def steps(folder: Path, *, synced: bool) -> dict[str, float]:
    """What steps cost in this process."""
    if not synced:
        vars(writer)["enable"] = vars(os)["fsync"] = lambda *_: None
    start = time.perf_counter()
    campaign = Campaign(open_lab(folder), os.environ)
    campaign.now = replace(campaign.now, team=(Agent("tuner", Noop()),))
    step(campaign)
    started = 1000 * (time.perf_counter() - start)
    for _ in range(WARM_UP):
        step(campaign)
    costs = sorted(step_cost(campaign) for _ in range(MEASURED_STEPS))
    return {
        "start_ms": started,
        "step_ms": statistics.median(costs),
        "step_p90_ms": costs[int(0.9 * len(costs))],
        "resident_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def startup(folder: Path, *words: str, cold: bool = False) -> float:
    """Milliseconds from the start of the process to its end, the median of some."""
    command = [sys.executable, "-m", "airesearch", "-C", str(folder), *words]
    times = []
    for _ in range(STARTS + 1):
        if cold:
            shutil.rmtree(folder / ".git" / "airesearch")
        start = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        times.append(1000 * (time.perf_counter() - start))
    return statistics.median(times[1:])


def measure(folder: Path, nodes: int) -> dict[str, Any]:
    """One row of the table."""
    grow(folder, nodes)
    places = (folder / ".git" / name for name in ("objects", "refs", "packed-refs"))
    disk = sum(_size(place) for place in places)
    cold = {
        f"{word}_cold_ms": startup(folder, word, *more, cold=True)
        for word, *more in (("log", "-n", "20"), ("best",))
    }
    again = [sys.executable, __file__, "--steps", str(folder)]
    done = subprocess.run(again, check=True, stdout=subprocess.PIPE)
    unsynced = subprocess.run([*again, "--no-sync"], check=True, stdout=subprocess.PIPE)
    return {
        "nodes": nodes,
        "disk_bytes": disk / nodes,
        **cold,
        **json.loads(done.stdout),
        "unsynced_ms": json.loads(unsynced.stdout)["step_ms"],
        "log_ms": startup(folder, "log", "-n", "20"),
        "best_ms": startup(folder, "best"),
        "version_ms": startup(folder, "--version"),
    }


def _size(place: Path) -> int:
    files = place.rglob("*") if place.is_dir() else (place,)
    return sum(file.stat().st_size for file in files if file.is_file())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="up to 10,000 nodes only")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--peers", metavar="PYTHON", help="of an environment with aideml and dvc")
    parser.add_argument("--steps", type=Path, metavar="LAB", help=argparse.SUPPRESS)
    parser.add_argument("--no-sync", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.steps:
        print(json.dumps(steps(options.steps, synced=not options.no_sync)))
        return
    sizes = (10, 1000, 10_000) if options.quick else (10, 1000, 10_000, 100_000)
    with tempfile.TemporaryDirectory(prefix="airesearch-bench-") as place:
        rows = [measure(Path(place) / str(nodes), nodes) for nodes in sizes]
    print(f"{'nodes':>7} " + " ".join(f"{name:>9}" for name in COLUMNS.values()) + "   (ms)")
    for row in rows:
        print(f"{row['nodes']:>7} " + " ".join(f"{row[key]:>9.1f}" for key in COLUMNS))
    beside = peers.measure(options.peers, options.quick) if options.peers else []
    if beside:
        peers.show(beside)
    if options.json:
        options.json.write_text(json.dumps([*rows, *beside], indent=1) + "\n")


if __name__ == "__main__":
    main()
