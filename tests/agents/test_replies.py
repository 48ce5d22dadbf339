"""An agent's reply is kept until it is committed, so that no kill makes anybody pay twice."""

import signal
import subprocess
import sys
import time
from pathlib import Path

from toys import airesearch, git, toy

STEP = [sys.executable, "-m", "airesearch", "step"]
AGENT = """\
import pathlib
with open({calls!r}, "a") as file:
    file.write("asked\\n")
train = pathlib.Path("train.py")
train.write_text(train.read_text().replace("LR = 0.5", "LR = 0.3"))
"""


def lab(folder: Path) -> Path:
    """A lab whose agent writes down every time it is asked."""
    agent = folder / "agent.py"
    agent.write_text(AGENT.format(calls=str(folder / "calls.txt")))
    team = {"coder": {"backend": "command", "command": f"{sys.executable} {agent}"}}
    return toy(folder / "lab", [], team=team, sandbox="none")


def killed_at_its_commit(folder: Path, node: int) -> None:
    """Ask the agent, and kill the worker that waits to commit what it came to."""
    lock = folder / ".git" / "refs" / "heads" / "node" / f"{node:06d}.lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    lock.touch()
    worker = subprocess.Popen(STEP, cwd=folder, stdout=subprocess.DEVNULL)
    kept = folder / ".git" / "airesearch" / "replies" / f"{node}.json"
    for _ in range(500):
        if kept.exists() and not list((kept.parent.parent / "desks").glob("*")):
            break
        time.sleep(0.01)
    assert worker.poll() is None, "it waits for the lock"
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    lock.unlink()
    assert git(folder, "branch", "--list", f"node/{node:06d}") == ""


def asked(folder: Path) -> int:
    """How often the agent was."""
    return len((folder.parent / "calls.txt").read_text().splitlines())


def test_a_killed_worker_is_not_asked_again(tmp_path: Path) -> None:
    folder = lab(tmp_path)
    killed_at_its_commit(folder, 1)
    assert round(airesearch(folder, "step", "--json").json()["metrics"]["val_error"], 9) == 0.2
    assert asked(folder) == 1
    assert list((folder / ".git" / "airesearch" / "replies").iterdir()) == []


def test_what_a_killed_writer_had_begun_goes_with_the_rest(tmp_path: Path) -> None:
    folder = lab(tmp_path)
    killed_at_its_commit(folder, 1)
    home = folder / ".git" / "airesearch"
    (home / "handles").mkdir(exist_ok=True)
    for begun in ("replies/1.json.4711", "handles/1.1.json.4711"):
        (home / begun).write_text("{")
    airesearch(folder, "step")
    assert [*(home / "replies").iterdir(), *(home / "handles").iterdir()] == []


def test_killed_again_and_again(tmp_path: Path) -> None:
    folder = lab(tmp_path)
    for _ in range(3):
        killed_at_its_commit(folder, 1)
    assert airesearch(folder, "step", "--json").json()["node"] == 1
    assert asked(folder) == 1


def test_a_reply_that_is_not_whole_is_asked_for_again(tmp_path: Path) -> None:
    folder = lab(tmp_path)
    killed_at_its_commit(folder, 1)
    note = folder / ".git" / "airesearch" / "replies" / "1.json"
    note.write_text(note.read_text()[:40])
    assert round(airesearch(folder, "step", "--json").json()["metrics"]["val_error"], 9) == 0.2
    assert asked(folder) == 2


def test_a_reply_whose_node_is_there_goes(tmp_path: Path) -> None:
    folder = lab(tmp_path)
    killed_at_its_commit(folder, 1)
    replies = folder / ".git" / "airesearch" / "replies"
    (replies / "1.json").rename(replies / "0.json")
    (replies / "1").rename(replies / "0")
    assert airesearch(folder, "step").code == 0
    assert list(replies.iterdir()) == []


def test_a_folder_without_its_note_goes(tmp_path: Path) -> None:
    folder = lab(tmp_path)
    left = folder / ".git" / "airesearch" / "replies" / "0"
    left.mkdir(parents=True)
    (left / "train.py").touch()
    assert airesearch(folder, "step").code == 0
    assert list(left.parent.iterdir()) == []
