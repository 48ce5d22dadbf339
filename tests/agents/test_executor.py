"""A trial is submitted once, whoever waits for it; a machine that fails records nothing."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from airesearch.agents.executors.attach import forget, kept_handle, run_trial
from airesearch.agents.executors.base import Handle, Lost, MachineFailure
from airesearch.agents.executors.registry import EXECUTORS, make_executor
from airesearch.agents.trials.job import Job
from airesearch.agents.trials.outcome import Outcome
from airesearch.gitlab.lab.lab import open_lab
from airesearch.gitlab.record.facts import Metric, Status
from airesearch.gitlab.store.trees import EMPTY
from airesearch.policies.task.task import parse_task
from toys import airesearch, code, git, toy

JOB = Job("7.1", EMPTY, EMPTY, 11, 2)

# The whole of a worker that is killed between its submission and the end of its wait.
WORKER = """
import sys
from pathlib import Path
sys.path[:0] = {path!r}
from test_executor import JOB, Detached
from airesearch.agents.executors.attach import run_trial
run_trial(Detached(Path(sys.argv[1])), Path(sys.argv[1]), JOB)
"""
# What runs elsewhere: it says that it was started, takes its time, and leaves a result.
ELSEWHERE = """
import os, sys, time
open("started", "a").write("once\\n")
while not os.path.exists("go"):
    time.sleep(0.01)
open("result.new", "w").write(sys.argv[1])
os.rename("result.new", "result")
"""


STARTED: list[subprocess.Popen[bytes]] = []


@pytest.fixture(autouse=True)
def _no_child_remains() -> Iterator[None]:
    yield
    while STARTED:
        STARTED.pop().wait()


def runs(pid: str) -> bool:
    """Whether a process is there and no zombie."""
    try:
        return Path("/proc", pid, "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


class Detached:
    """An executor whose trials are processes of their own, which outlive the worker."""

    name, sandbox, evaluator, environment = "detached", "none", "pinned", b"{}\n"

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def prepare(self) -> None:
        pass

    def submit(self, job: Job) -> Handle:
        argv = [sys.executable, "-c", ELSEWHERE, str(job.seed)]
        process = subprocess.Popen(argv, cwd=self.folder, start_new_session=True)
        STARTED.append(process)
        return Handle(self.name, str(process.pid))

    def wait(self, handle: Handle) -> Outcome:
        result = self.folder / "result"
        while not result.exists():
            if not runs(handle.id):
                raise Lost(f"process {handle.id} left no result")
            time.sleep(0.01)
        return Outcome(Status.OK, metrics=(Metric("seed", float(result.read_text())),))

    def cancel(self, handle: Handle) -> None:
        os.kill(int(handle.id), signal.SIGKILL)


def started(folder: Path) -> int:
    """How many times the program was started."""
    file = folder / "started"
    return file.read_text().count("once") if file.exists() else 0


def killed_while_waiting(folder: Path) -> None:
    """A worker submits the job, and is killed while it waits."""
    program = WORKER.format(path=[str(Path(__file__).parent), *sys.path])
    with subprocess.Popen([sys.executable, "-c", program, folder]) as worker:
        while not (started(folder) and kept_handle(folder, JOB)):
            assert worker.poll() is None
            time.sleep(0.01)
        worker.kill()


def test_whoever_adopts_a_node_waits_for_the_job_that_was_submitted(tmp_path: Path) -> None:
    killed_while_waiting(tmp_path)
    (tmp_path / "go").touch()
    outcome = run_trial(Detached(tmp_path), tmp_path, JOB)
    assert outcome.metrics == (Metric("seed", 11.0),)
    assert started(tmp_path) == 1
    again = run_trial(Detached(tmp_path), tmp_path, JOB)
    assert (again, started(tmp_path)) == (outcome, 1), "nor when it is killed before it commits"
    forget(tmp_path, JOB.label)
    assert kept_handle(tmp_path, JOB) is None


def test_a_job_that_was_lost_is_submitted_again(tmp_path: Path) -> None:
    killed_while_waiting(tmp_path)
    handle = kept_handle(tmp_path, JOB)
    assert handle is not None
    os.killpg(int(handle.id), signal.SIGKILL)
    (tmp_path / "go").touch()
    assert run_trial(Detached(tmp_path), tmp_path, JOB).status is Status.OK
    assert started(tmp_path) == 2


def test_ctrl_c_ends_the_job(tmp_path: Path) -> None:
    program = WORKER.format(path=[str(Path(__file__).parent), *sys.path])
    with subprocess.Popen(
        [sys.executable, "-c", program, tmp_path], stderr=subprocess.DEVNULL
    ) as worker:
        while not (started(tmp_path) and (handle := kept_handle(tmp_path, JOB))):
            assert worker.poll() is None
            time.sleep(0.01)
        worker.send_signal(signal.SIGINT)
    assert kept_handle(tmp_path, JOB) is None
    assert not runs(handle.id)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"job": 1}', json.dumps({"job": JOB.to_json(), "handle": {"x": 1}})]
)
def test_a_handle_that_cannot_be_read_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "handles").mkdir()
    (tmp_path / "handles/7.1.json").write_text(text)
    assert kept_handle(tmp_path, JOB) is None


def test_a_handle_is_of_one_job_only(tmp_path: Path) -> None:
    (tmp_path / "go").touch()
    run_trial(Detached(tmp_path), tmp_path, JOB)
    assert kept_handle(tmp_path, JOB) is not None
    assert kept_handle(tmp_path, Job("7.1", EMPTY, EMPTY, 12, 2)) is None


def test_a_local_trial_dies_with_its_worker(tmp_path: Path) -> None:
    folder = toy(tmp_path / "lab", [])
    lab = open_lab(folder)
    task = parse_task((folder / "airesearch.yaml").read_bytes())
    first, second = (make_executor(lab, task, os.environ) for _ in range(2))
    assert EXECUTORS.keys() == {first.name}
    handle = first.submit(JOB)
    with pytest.raises(Lost):
        second.wait(handle)
    first.cancel(handle)
    with pytest.raises(Lost):
        first.wait(handle)


def test_no_handle_is_left_by_a_run(tmp_path: Path) -> None:
    folder = toy(tmp_path / "lab", [code("open('out.txt', 'w').write('0.2')\n")])
    assert airesearch(folder, "run").code == 0
    assert list((folder / ".git/airesearch/handles").iterdir()) == []


def test_a_sandbox_that_does_not_start_says_nothing_of_the_candidate(tmp_path: Path) -> None:
    folder = toy(tmp_path / "lab", [code("open('out.txt', 'w').write('0.2')\n")])
    lab, before = open_lab(folder), git(folder, "for-each-ref")
    task = parse_task((folder / "airesearch.yaml").read_bytes())
    executor = make_executor(lab, task, os.environ)
    if executor.sandbox != "bwrap":
        pytest.skip("no bubblewrap here")
    head = lab.repo.head.peel().tree.id
    executor.prepare()
    path, os.environ["PATH"] = os.environ["PATH"], "/nowhere"
    try:
        with pytest.raises(MachineFailure, match="the sandbox does not work"):
            run_trial(executor, lab.home, Job("1.1", head, head, 1, 0))
    finally:
        os.environ["PATH"] = path
    assert git(folder, "for-each-ref") == before
