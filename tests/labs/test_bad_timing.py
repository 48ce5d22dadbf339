"""Killed at any instruction, interrupted at any time, two at once: nothing lost, nothing doubled.

Kills at each stage by its name, those around a promotion too, are in tests/chaos.
"""

import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest
import warm
from bad_labs import AIRESEARCH, branches, copied, left_in_trials, whole
from toys import airesearch, git, lr, repository, toy, toy_files

SLOW = "import time; time.sleep(0.3)\n"
TURNS = [lr(0.2), lr(0.4), lr(0.15)]
KILLER = """
import os, signal, sys
import airesearch.agents.loop as loop
from airesearch.cli import main

WRITES = {"create_blob", "create_commit", "write", "flush", "fsync", "replace", "fork_exec",
          "mkdir", "rmdir", "unlink"}
count, at = 0, int(sys.argv.pop(1))

def look(frame, event, called):
    # Each call of C code that writes to the repository or the disk, or starts a program.
    global count
    name = getattr(called, "__name__", "") or str(called)
    if event == "c_call" and any(write in name for write in WRITES):
        count += 1
        if count == at:
            os.kill(os.getpid(), signal.SIGKILL)

def step(*words, inner=loop.step):
    sys.setprofile(look)
    try:
        return inner(*words)
    finally:
        sys.setprofile(None)
        print(count, file=sys.stderr)

loop.step = step
for module in list(sys.modules.values()):
    if getattr(module, "__name__", "").startswith("airesearch.") and hasattr(module, "step"):
        if callable(module.step):
            module.step = step
main()
"""


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return toy(tmp_path_factory.mktemp("template") / "lab", TURNS)


@pytest.fixture
def lab(template: Path, tmp_path: Path) -> Path:
    return copied(template, tmp_path / "lab")


def outcome(folder: Path) -> list[tuple[object, ...]]:
    """What a run came to, without times and ids of commits."""
    keys = ("node", "parent", "operator", "agent", "subject", "status", "metrics", "verdict")
    return sorted(
        tuple(str(node[key]) for key in keys) for node in airesearch(folder, "log", "--json").json()
    )


def finished(folder: Path) -> None:
    """Run to the end, and hold the record against the invariants."""
    assert airesearch(folder, "run").code in (0, 3)
    assert left_in_trials(folder) == []
    assert all(node["verdict"] for node in airesearch(folder, "log", "--json").json())
    actions = "--format=%(trailers:key=Action,valueonly,separator=%x20)"
    for branch in branches(folder):
        said = git(folder, "log", "--first-parent", "--reverse", actions, branch).split()
        life = " ".join(said[len(said) - said[::-1].index("propose") - 1 :])
        # Judged twice where another worker was promoted first.
        assert re.fullmatch(r"propose( measure)+( judge)+", life), (branch, life)
    assert git(folder, "status", "--porcelain") == ""
    whole(folder)


@pytest.fixture(scope="module")
def undisturbed(
    template: Path, tmp_path_factory: pytest.TempPathFactory
) -> list[tuple[object, ...]]:
    folder = copied(template, tmp_path_factory.mktemp("undisturbed") / "lab")
    finished(folder)
    return outcome(folder)


def killed_step(folder: Path, at: int) -> tuple[int, int]:
    """A step that kills itself before its write number `at`: its exit code, the writes seen."""
    script = folder.with_name("killer.py")
    script.write_text(KILLER)
    step = warm.begin(folder, str(script), str(at), "step")
    _, err = step.communicate()
    assert b"Traceback" not in err, err.decode()
    return step.wait(), int(err.split()[-1]) if step.wait() == 0 else 0


def unlocked(folder: Path) -> None:
    """Spare the ten seconds that a lock is waited for; those are in test_ref_file."""
    for lock in (folder / ".git" / "refs").rglob("*.lock"):
        lock.unlink()


def test_killed_before_each_write(
    template: Path, lab: Path, tmp_path: Path, undisturbed: list[tuple[object, ...]]
) -> None:
    """SIGKILL at every fifth call that writes, each on the lab as the last kill left it."""
    code, writes = killed_step(copied(template, tmp_path / "counted"), 0)
    assert (code, writes > 20) == (0, True)
    for at in range(1, writes + 1, 5):
        code, _ = killed_step(lab, at)
        assert code in (0, 3, -signal.SIGKILL), code
        unlocked(lab)
    finished(lab)
    assert outcome(lab) == undisturbed


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_interrupted_at_many_instants(tmp_path: Path, number: signal.Signals) -> None:
    """In the start, the candidate, the evaluator and between them; with the sleeps about 1.2 s."""
    turns = [{**turn, "write": {"train.py": SLOW + turn["write"]["train.py"]}} for turn in TURNS]
    folder = tmp_path / "lab"
    folder.mkdir()
    toy(folder, turns)
    for tenth in range(1, 15, 2):
        worker = subprocess.Popen(
            [*AIRESEARCH, "step"], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        time.sleep(tenth / 10)
        is_caught = _catches(worker.pid, signal.SIGTERM)
        worker.send_signal(number)
        _, err = worker.communicate(timeout=20)
        assert worker.returncode in (0, 3, 130, -number), err.decode()
        if worker.returncode == -number:
            assert number is signal.SIGKILL or not is_caught, "it was caught once the door stood"
            continue  # with Python's own words, where it was still at its imports
        assert b"Traceback" not in err, f"after {tenth / 10} s: {err.decode()}"
        if worker.returncode == 130:
            assert b"interrupted" in err
    finished(folder)
    assert [row[5] for row in outcome(folder)] == ["ok"] * 4


def _catches(pid: int, number: signal.Signals) -> bool:
    """Whether a process has a handler for a signal by now."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False
    caught = re.search(r"^SigCgt:\s*(\w+)", status, re.MULTILINE)
    return caught is not None and bool(int(caught[1], 16) >> (number - 1) & 1)


def test_many_interrupts_in_a_row(tmp_path: Path) -> None:
    """An impatient Ctrl-C, Ctrl-C, Ctrl-C leaves no process and no folder either."""
    slow = {"subject": "slow", "write": {"train.py": "import time; time.sleep(5)\n"}}
    folder = toy(tmp_path / "lab", [slow])
    worker = warm.begin(folder, "step")
    _in_trial(folder)
    for _ in range(20):
        worker.send_signal(signal.SIGINT)
        time.sleep(0.01)
    _, err = worker.communicate(timeout=20)
    assert worker.returncode == 130, err.decode()
    assert b"Traceback" not in err
    assert left_in_trials(folder) == []


def test_ctrl_c_on_the_whole_group(tmp_path: Path) -> None:
    """As a terminal sends it: to us, and to git where that runs."""
    slow = {"subject": "slow", "write": {"train.py": "import time; time.sleep(5)\n"}}
    folder = toy(tmp_path / "lab", [slow])
    worker = warm.begin(folder, "run", start_new_session=True)
    _in_trial(folder)
    os.killpg(worker.pid, signal.SIGINT)
    _, err = worker.communicate(timeout=20)
    assert worker.returncode == 130, err.decode()
    assert left_in_trials(folder) == []


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM])
def test_a_closed_terminal(tmp_path: Path, number: signal.Signals) -> None:
    """SIGHUP, as when an SSH session drops, must not leave the trial running."""
    slow = {"subject": "slow", "write": {"train.py": "import time; time.sleep(5)\n"}}
    folder = toy(tmp_path / "lab", [slow])
    worker = warm.begin(folder, "step")
    _in_trial(folder)
    worker.send_signal(number)
    worker.communicate(timeout=20)
    _settled(folder)
    assert [found for found in left_in_trials(folder) if found.startswith("process")] == []


def _in_trial(folder: Path) -> None:
    deadline = time.monotonic() + 60
    while not any("process" in f for f in left_in_trials(folder)):
        assert time.monotonic() < deadline, "no trial began"
        time.sleep(0.02)
    time.sleep(0.1)


def _settled(folder: Path) -> None:
    deadline = time.monotonic() + 4.5  # of the five seconds that the candidate would go on for
    while any("process" in f for f in left_in_trials(folder)) and time.monotonic() < deadline:
        time.sleep(0.05)


def test_a_killed_worker_s_candidate_does_not_outlive_the_next_step(tmp_path: Path) -> None:
    """Also what the candidate had started: it would still use memory of the next trial."""
    naps = (
        "import subprocess, sys, time\n"
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(8)'])\n"
    )
    first = {"subject": "naps", "write": {"train.py": naps + "time.sleep(8)\n"}}
    folder = toy(tmp_path / "lab", [first], budget={"trial_seconds": 1})
    worker = warm.begin(folder, "step")
    _in_trial(folder)
    worker.kill()
    worker.wait()
    assert airesearch(folder, "step", "--json").json()["status"] == "timeout"
    assert left_in_trials(folder) == []


def test_two_runs_at_once(tmp_path: Path) -> None:
    turns = [lr(0.5 - n / 50) for n in range(1, 9)]
    folder = toy(tmp_path / "lab", turns)
    workers = [warm.begin(folder, "run") for _ in range(2)]
    ends = [(worker.communicate(timeout=100), worker.returncode) for worker in workers]
    for (_, err), code in ends:
        assert code in (0, 3), err.decode()
    numbers = [int(branch[5:]) for branch in branches(folder)]
    assert numbers == list(range(len(numbers)))
    assert len(numbers) >= 9
    finished(folder)
    best = airesearch(folder, "best", "--json").json()["metric"]["value"]
    values = [n["metrics"].get("val_error") for n in airesearch(folder, "log", "--json").json()]
    assert best == min(value for value in values if value is not None)
    trials = "--format=%(trailers:key=Trial,valueonly,separator=%x20)"
    ids = git(folder, "log", "--all", trials).split()
    assert len(ids) == len(set(ids))


def test_two_inits_at_once(tmp_path: Path) -> None:
    folder = repository(tmp_path / "lab", toy_files([lr(0.2)]))
    workers = [warm.begin(folder, "init") for _ in range(2)]
    for worker in workers:
        _, err = worker.communicate(timeout=60)
        assert worker.returncode in (0, 1), err.decode()
        assert b"Traceback" not in err
    finished(folder)


def test_an_interrupt_in_a_finalizer_is_not_lost() -> None:
    """Python prints what a finalizer raises and goes on: the command would run to its end."""
    program = """
import os, signal, sys, time, weakref
import click
from airesearch.boundary import guarded

class Watched:
    pass

@click.command()
def works_on():
    watched = Watched()
    reference = weakref.ref(watched, lambda _: os.kill(os.getpid(), signal.SIGINT))
    del watched
    time.sleep(10)

sys.exit(guarded(works_on))
"""
    done = subprocess.run(
        [AIRESEARCH[0], "-c", program], capture_output=True, text=True, timeout=9, check=False
    )
    assert (done.returncode, "Traceback" in done.stderr) == (130, False), done.stderr
