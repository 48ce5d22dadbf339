"""What holding agents to their policies costs.

python benchmarks/policy.py [--quick] [--json FILE]
"""

import argparse
import json
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import pygit2
import sandbox
import verify
from airesearch.agents.setup.team_policies import shipped_policy
from airesearch.gitlab.desk.desk import Desk
from airesearch.gitlab.hooks import install as hooks
from airesearch.gitlab.lab.lab import Lab
from airesearch.gitlab.store import trees
from airesearch.gitlab.store.change import compare
from airesearch.policies.access.guard import ProposerPolicy

FILES, CHANGED = 10_000, 10
TASK = """\
name: bench
objective: {metric: train_seconds, goal: minimize}
candidate: "true"
editable: ["*.py"]
team: {ada: {backend: tuner}}
"""


@dataclass(frozen=True)
class Row:
    """One measurement: the median of its `runs`, in milliseconds."""

    what: str
    ms: float
    slowest_ms: float
    bound_ms: float | None
    runs: int


def timed(what: str, bound_ms: float | None, runs: int, action: Callable[[], object]) -> Row:
    """`action` done once to warm up, then `runs` times."""
    action()
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        action()
        times.append(1000 * (time.perf_counter() - start))
    return Row(what, statistics.median(times), max(times), bound_ms, runs)


def make_tree(repo: pygit2.Repository) -> pygit2.Oid:
    """Ten thousand files of 100 lines in a hundred folders."""
    text = "".join(f"line {n} of a file\n" for n in range(100))
    paths = (f"src/part{n // 100:02d}/file{n:05d}.py" for n in range(FILES))
    return trees.edit(repo, trees.EMPTY, {path: f"# {path}\n{text}".encode() for path in paths})


def policy() -> ProposerPolicy:
    """The shipped policy of a coding agent in a task with three editable patterns."""
    rules = shipped_policy("command", "ada")
    editable = ("src/", "!src/**/secret*.py", "/train.py")
    protected = ("airesearch.yaml", "policies", "private", "evaluate.py")
    return ProposerPolicy("ada", rules=rules, editable=editable, protected=protected)


def guard(place: Path, runs: int) -> list[Row]:
    """compare and check of ten changed files in a tree of ten thousand."""
    repo = pygit2.init_repository(str(place), bare=True)
    rules, old = policy(), make_tree(repo)
    stride = FILES // CHANGED
    changed = [entry.path for entry in trees.walk(repo, old)][::stride]
    edits = {path: (trees.read(repo, old, path) or b"") + b"changed = 1\n" for path in changed}
    new = trees.edit(repo, old, edits)
    assert len(compare(repo, old, new).paths) == CHANGED
    assert rules.check(compare(repo, old, new)).allowed
    what = f"guard: {CHANGED} changed files of {FILES:,}"
    return [timed(what, 5.0, runs, lambda: rules.check(compare(repo, old, new)))]


def desk(place: Path, runs: int) -> list[Row]:
    """What an agent's view of ten thousand files costs."""
    repo = pygit2.init_repository(str(place), bare=True)
    rules, lab, tree = policy(), Lab(repo, "main"), make_tree(repo)

    def view() -> Desk:
        return Desk(lab, tree, rules.may_read, rules.may_write)

    path = "src/part50/file05000.py"
    return [
        timed(f"desk: list {FILES:,} files", None, max(3, runs // 10), lambda: view().list()),
        timed("desk: read one file", None, runs, lambda: view().read(path)),
    ]


def box(place: Path, runs: int) -> list[Row]:
    """What each sandbox adds to a trial of `true`; the table in full: benchmarks/sandbox.py."""
    rows = sandbox.measure(runs)
    return [
        Row(
            f"sandbox: {row['sandbox']} adds",
            row["added_ms"],
            row["p90_ms"],
            10.0 if row["sandbox"] == "bwrap" else None,
            runs,
        )
        for row in rows[1:]
    ]


def hook(place: Path, runs: int) -> list[Row]:
    """The pre-commit hook in an agent's repository of a thousand files, two of them staged."""
    place.mkdir(parents=True)
    git = ["git", "-C", str(place), "-c", "user.name=ada", "-c", "user.email=ada@example.org"]
    subprocess.run([*git, "init", "-q", "-b", "main"], check=True)
    for number in range(1000):
        (place / f"file{number:03d}.py").write_text(f"{number}\n")
    (place / "airesearch.yaml").write_text(TASK)
    subprocess.run([*git, "add", "-A"], check=True)
    subprocess.run([*git, "commit", "-qm", "Start"], check=True)
    hooks.install_pre_commit(pygit2.Repository(str(place)))
    subprocess.run([*git, "config", "airesearch.agent", "ada"], check=True)
    (place / "file001.py").write_text("changed\n")
    subprocess.run([*git, "add", "-A"], check=True)

    def commit_check() -> None:
        subprocess.run([*git, "hook", "run", "pre-commit"], check=True, capture_output=True)

    return [timed("hook: pre-commit of an agent", 120.0, max(5, runs // 10), commit_check)]


def audit(place: Path, runs: int) -> list[Row]:
    """`verify` of a packed lab; ten thousand nodes unless quick. More: benchmarks/verify.py."""
    nodes = 10_000 if runs > 100 else 1_000
    seconds = verify.measure_size(place, nodes)["packed_s"]
    return [Row(f"verify: {nodes:,} nodes", 1000 * seconds, 1000 * seconds, 60_000.0, 1)]


MEASUREMENTS: tuple[Callable[[Path, int], list[Row]], ...] = (guard, desk, box, hook, audit)
"""Every measurement; each gets a new folder of its own and how often to repeat."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="fewer repetitions")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory(prefix="airesearch-bench-") as place:
        for measurement in MEASUREMENTS:
            rows += measurement(Path(place) / measurement.__name__, 20 if options.quick else 200)
    print(f"{'':<40} {'median':>9} {'slowest':>9} {'bound':>9}   (ms)")
    for row in rows:
        bound = "" if row.bound_ms is None else f"{row.bound_ms:.1f}"
        print(f"{row.what:<40} {row.ms:>9.2f} {row.slowest_ms:>9.2f} {bound:>9}")
    if options.json:
        options.json.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")


if __name__ == "__main__":
    main()
