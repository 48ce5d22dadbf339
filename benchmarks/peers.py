"""What a step costs in AIDE, with a stubbed model, and in `dvc exp run`, with a no-op stage.

Both come from the registry (`pip install aideml dvc`), into an environment of their own, whose
Python is given. AIDE's step is its agent's and the `save_run` that its loop does after it; its
model answers at once and nothing is executed. `benchmarks/overhead.py --peers PYTHON` prints these
rows under ours.

    python benchmarks/peers.py PYTHON [--quick]
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

SIZES, STEPS = (10, 100, 1000), 5
_LIMIT_SECONDS = 600
_AIDE = """
import json, sys, time
from pathlib import Path
import aide.agent
from aide.agent import Agent
from aide.interpreter import ExecutionResult
from aide.journal import Journal, Node
from aide.utils.config import _load_cfg, prep_agent_workspace, prep_cfg, save_run
from aide.utils.metric import MetricValue

place, sizes, steps = Path(sys.argv[1]), json.loads(sys.argv[2]), int(sys.argv[3])
(place / "data").mkdir()
(place / "data" / "x.txt").write_text("1")

def answer(*_, func_spec=None, **__):
    if func_spec is None:
        return "A plan.\\n```python\\nprint(1)\\n```"
    return {"is_bug": False, "summary": "ran", "metric": 0.5, "lower_is_better": True}

aide.agent.query = answer
ran = ExecutionResult(["1"], 0.0, None, None, None)
for size in sizes:
    cfg = _load_cfg(use_cli_args=False)
    cfg.data_dir, cfg.goal = str(place / "data"), "minimize"
    cfg.log_dir, cfg.workspace_dir = str(place / f"logs{size}"), str(place / f"work{size}")
    cfg = prep_cfg(cfg)
    prep_agent_workspace(cfg)
    journal = Journal()
    for n in range(size):
        # A star: its own files break on lineages of more than a hundred.
        parent = journal[0] if n >= cfg.agent.search.num_drafts else None
        node = Node(code=f"print({n})", plan="a plan", parent=parent)
        node.absorb_exec_result(ran)
        node.analysis, node.is_buggy = "ran", False
        node.metric = MetricValue(1.0 + n, maximize=False)
        journal.append(node)
    agent = Agent("minimize", cfg, journal)
    agent.step(lambda *_: ran)
    times = []
    for _ in range(steps):
        start = time.perf_counter()
        agent.step(lambda *_: ran)
        save_run(cfg, journal)
        times.append(1000 * (time.perf_counter() - start))
    print(json.dumps({"nodes": size, "step_ms": sorted(times)[len(times) // 2]}), flush=True)
"""


def aide(python: str, sizes: tuple[int, ...]) -> list[dict[str, object]]:
    """Milliseconds a step at so many nodes, in one process."""
    with tempfile.TemporaryDirectory(prefix="airesearch-bench-") as place:
        words = [python, "-c", _AIDE, place, json.dumps(sizes), str(STEPS)]
        said = _output(words, Path(place))
    return [{"peer": "AIDE", **json.loads(line)} for line in said.splitlines() if line[:1] == "{"]


def dvc(python: str, experiments: tuple[int, ...]) -> list[dict[str, object]]:
    """Milliseconds of one `dvc exp run`, a process each, with so many experiments before it."""
    rows: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory(prefix="airesearch-bench-") as name:
        place = Path(name)
        for words in (("git", "init", "-q"), (python, "-m", "dvc", "init", "-q")):
            _output(list(words), place)
        (place / "params.yaml").write_text("x: 0\n")
        (place / "dvc.yaml").write_text("stages:\n  noop:\n    cmd: 'true'\n    params: [x]\n")
        _output(["git", "add", "-A"], place)
        identity = ["-c", "user.name=b", "-c", "user.email=b@example.org"]
        _output(["git", *identity, "commit", "-qm", "Start"], place)
        done = 0
        for wanted in experiments:
            times: list[float] = []
            while done < wanted + STEPS:
                done += 1
                start = time.perf_counter()
                _output([python, "-m", "dvc", "exp", "run", "-q", "-S", f"x={done}"], place)
                times.append(1000 * (time.perf_counter() - start))
            median = statistics.median(times[-STEPS:])
            rows.append({"peer": "dvc exp run", "nodes": wanted, "step_ms": median})
    return rows


def measure(python: str, quick: bool) -> list[dict[str, object]]:
    """Both peers' rows."""
    return [*aide(python, SIZES[:2] if quick else SIZES), *dvc(python, (0,) if quick else (0, 50))]


def show(rows: list[dict[str, object]]) -> None:
    """The rows as a table."""
    print(f"{'peer':<12} {'nodes':>7} {'ms a step':>10}")
    for row in rows:
        print(f"{row['peer']!s:<12} {row['nodes']!s:>7} {row['step_ms']:>10.1f}")


def _output(words: list[str], place: Path) -> str:
    quiet = {"DVC_NO_ANALYTICS": "1", "DVC_TEST": "1", "OPENAI_API_KEY": "none"}
    done = subprocess.run(
        words,
        cwd=place,
        env={**os.environ, **quiet},
        capture_output=True,
        text=True,
        timeout=_LIMIT_SECONDS,
        check=False,
    )
    if done.returncode:
        sys.exit(f"{' '.join(words[:4])}: {done.stderr.strip()[-2000:]}")
    return done.stdout


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("python", help="of an environment with aideml and dvc")
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    show(measure(options.python, options.quick))


if __name__ == "__main__":
    main()
