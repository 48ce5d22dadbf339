"""Labs that are worn by kills: their programs write down when they run; what a lab came to."""

import os
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import yaml
from airesearch.gitlab.lab.lab import open_lab
from airesearch.gitlab.leases.lease import clock, live
from bad_labs import whole
from toys import TASK, airesearch, git, repository

PLACE = """\
import os, random, re, time
# The lab's place, wherever it was copied to: what is written down lies beside it.
place = os.getcwd().split("/.git/")[0]
def note(kind, text):
    with open(f"{place}.{kind}", "a") as file:
        file.write(f"{text}\\n")
def hold(who):
    if os.path.exists(f"{place}.hold-{who}"):
        note("held", who)
        time.sleep(30)
"""
TRAIN = (
    PLACE
    + """\
TAG = 0
GAIN = 0.0
NOISE = 0.0
seed = os.environ["AIRESEARCH_SEED"]
note("ran", f"{TAG} {seed}")
hold("candidate")
draw = random.Random(f"{seed}/{TAG}")
time.sleep(draw.uniform(0.005, 0.04))
open("out.txt", "w").write(str(100 - GAIN + draw.gauss(0, NOISE)))
"""
)
EVALUATE = (
    PLACE
    + """\
import json
hold("evaluator")
score = float(open("out.txt").read())
json.dump({"val_error": score}, open(os.environ["AIRESEARCH_METRICS"], "w"))
"""
)
AGENT = (
    PLACE
    + """\
import pathlib
node = re.search(r"/desks/(\\d+)-", os.getcwd())[1]
note("asked", node)
hold("agent")
train = pathlib.Path("train.py")
text = re.sub("(?m)^TAG = .*", f"TAG = {node}", train.read_text())
train.write_text(re.sub("(?m)^GAIN = .*", f"GAIN = {GAINS[int(node) - 1]}", text))
"""
)
NAP = """
import subprocess, sys
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(20)"])
"""
"""What a candidate leaves running, for somebody to end."""
GAINS = [1.0, -1.0, 2.0, 0.5, 2.5, 3.0, 1.5, 4.0, -3.0, 4.5]


def edited(tag: int, gain: float, noise: float) -> str:
    """The program of a node; its tag is the node's number."""
    text = TRAIN.replace("TAG = 0", f"TAG = {tag}").replace("GAIN = 0.0", f"GAIN = {gain}")
    return text.replace("NOISE = 0.0", f"NOISE = {noise}") + (NAP if tag == 3 else "")


def plain(folder: Path, gains: list[float] = GAINS, noise: float = 0.0, **task: Any) -> Path:
    """A lab whose agent is a script with a turn for each gain."""
    turns = [
        {"subject": f"turn {tag}", "write": {"train.py": edited(tag, gain, noise)}}
        for tag, gain in enumerate(gains, 1)
    ]
    return _lab(folder, noise, {"edits.yaml": yaml.safe_dump({"turns": turns})}, task)


def noisy(folder: Path) -> Path:
    """A lab of several trials a node: one is screened out, one confirmed and estimated."""
    return plain(folder, [0.0, 6.0, 5.5], 1.0, promotion={})


def commanded(folder: Path, gains: list[float] = GAINS) -> Path:
    """A lab whose agent is a command that makes a node for each gain."""
    agent = folder.with_suffix(".agent.py")
    agent.parent.mkdir(parents=True, exist_ok=True)
    agent.write_text(f"GAINS = {gains}\n{AGENT}")
    team = {"coder": {"backend": "command", "command": f"{sys.executable} {agent}"}}
    budget = {**TASK["budget"], "trials": len(gains) + 1}
    return _lab(folder, 0.0, {}, {"team": team, "budget": budget})


def _lab(folder: Path, noise: float, files: dict[str, str], task: dict[str, Any]) -> Path:
    """The repository as a user commits it: its baseline is measured by the first run."""
    made = {**TASK, "sandbox": "none", **task}
    files = {
        "train.py": edited(0, 0.0, noise),
        "evaluate.py": EVALUATE,
        "airesearch.yaml": yaml.safe_dump(made, sort_keys=False),
        **files,
    }
    return repository(folder, files)


KEYS = (
    "Node", "Action", "Agent", "Parent-Node", "Operator", "Trial", "Candidate", "Seed", "Status",
    "Metric", "Verdict", "Incumbent", "Delta", "Evidence", "Error-Spent", "Baseline", "Improvement",
)  # fmt: skip
"""All that an action says and that neither a clock nor the machine has a say in."""


@dataclass(frozen=True)
class Trial:
    """A recorded trial; all of it is settled by the task, the node and the seed."""

    name: str
    candidate: str
    seed: str
    status: str
    metric: str

    @property
    def node(self) -> int:
        """The node that ran it."""
        return int(self.name.partition(".")[0])


def actions(folder: Path) -> list[dict[str, str]]:
    """Every action of the record, by its trailers."""
    form = "%x1f".join(f"%(trailers:key={key},valueonly,separator=%x2C)" for key in KEYS)
    lines = git(folder, "log", "--branches", f"--format={form}").splitlines()
    said = [dict(zip(KEYS, line.split("\x1f"), strict=True)) for line in lines]
    return [action for action in said if action["Action"]]


def trials(folder: Path) -> list[Trial]:
    """Every recorded trial."""
    measured = (action for action in actions(folder) if action["Action"] == "measure")
    keys = ("Trial", "Candidate", "Seed", "Status", "Metric")
    return [Trial(*(action[key] for key in keys)) for action in measured]


def whole_story(folder: Path) -> list[tuple[str, ...]]:
    """Every action with all it says, in an order of its own."""
    return sorted(tuple(action.values()) for action in actions(folder))


def noted(folder: Path, kind: str) -> list[str]:
    """What the programs of a lab wrote down, a line each."""
    place = folder.with_name(f"{folder.name}.{kind}")
    return place.read_text().splitlines() if place.exists() else []


def not_doubled(folder: Path) -> None:
    """No trial is recorded twice, neither by its name nor by what was run."""
    found = trials(folder)
    for count in (Counter(t.name for t in found), Counter((t.candidate, t.seed) for t in found)):
        assert max(count.values(), default=1) == 1, count.most_common(3)


def below(folder: Path) -> list[psutil.Process]:
    """The processes that work in the lab's own folders, or have their home there."""
    own = f"{folder.resolve()}/.git/airesearch/"
    found = []
    for process in psutil.process_iter():
        try:
            places = process.cwd() + "/", process.environ().get("HOME", "") + "/"
        except (psutil.Error, OSError):
            continue
        if any(place.startswith(own) for place in places):
            found.append(process)
    return found


def finished(folder: Path, *words: str) -> None:
    """Run to the end, and hold what is there then against the invariants."""
    home = folder / ".git" / "airesearch"
    for fresh in home.glob("*/.*"):  # a minute is how long one may be in the making
        os.utime(fresh, (time.time() - 120,) * 2)
    for _ in range(3):
        said = airesearch(folder, "run", *words)
        assert "Traceback" not in said.err, said.err
        assert said.code in (0, 3), said.err
        if said.code == 3:
            break
    assert said.code == 3, "there was work left after a run to the end"
    sound(folder)


def sound(folder: Path) -> None:
    """A lab at its end: nothing lost, doubled or left behind, and every claim is true."""
    lab = open_lab(folder)
    nodes = {trial.node for trial in trials(folder)}
    assert nodes == set(range(len(nodes))), "a node was lost"
    judged = {int(a["Node"]) for a in actions(folder) if a["Verdict"]}
    assert judged == nodes, "a node was left without a verdict"
    not_doubled(folder)
    assert below(folder) == []
    for name in ("trials", "desks", "replies"):
        place = lab.home / name
        assert not place.exists() or list(place.iterdir()) == [], name
    # One killed at its release leaves the ref of a node that is done, and bars nobody by it.
    assert live(lab.repo, clock(lab.repo)) == frozenset()
    assert git(folder, "status", "--porcelain") == ""
    whole(folder)
    said = airesearch(folder, "verify")
    assert said.code == 0, said.out + said.err


def same_trials(folder: Path, undisturbed: Path) -> None:
    """What must be equal whatever the order was that nodes were made and measured in.

    A node's first trial is: what it proposes is settled by its number, and every node's first seed
    is the same. How many more a node gets depends on the incumbent that it meets, so of those only
    what is settled is: the same candidate on the same seed came to the same.
    """
    ours, theirs = ({t.name: t for t in trials(place)} for place in (folder, undisturbed))
    firsts = [{t for t in found.values() if t.name.endswith(".1")} for found in (ours, theirs)]
    assert firsts[0] ^ firsts[1] == set()
    for name in ours.keys() & theirs.keys():
        assert ours[name] == theirs[name]
