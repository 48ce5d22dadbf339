"""Killed before each system call of a step that changes what is on disk; with strace's help.

The stages that have names are between our own writes, random instants are mostly in none: this is
inside those of libgit2 and of git's files, a few minutes of it. Only with AIRESEARCH_CHAOS=full.
"""

import shutil
import signal
import subprocess
from pathlib import Path

import pytest
from bad_labs import AIRESEARCH, copied
from chaos_tally import FULL, Tally
from worn_labs import finished, plain, trials, whole_story

pytestmark = [
    pytest.mark.timeout(1800),
    pytest.mark.skipif(not FULL, reason="with AIRESEARCH_CHAOS=full"),
    pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed"),
]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A baseline, and a turn that is promoted."""
    folder = plain(tmp_path_factory.mktemp("calls") / "lab", [1.0])
    subprocess.run([*AIRESEARCH, "step"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return folder


@pytest.fixture(scope="module")
def undisturbed(lab: Path) -> Path:
    folder = copied(lab, lab.with_name("undisturbed"))
    finished(folder)
    return folder


def killed_before(folder: Path, call: str, number: int) -> bool:
    """Whether a step came to so many of these calls, and was killed before the last."""
    what = ["-e", f"trace={call}", "-e", f"inject={call}:signal=KILL:when={number}"]
    argv = ["strace", "-qq", "-o", f"{folder}.calls", *what, *AIRESEARCH, "step"]
    done = subprocess.run(argv, cwd=folder, capture_output=True, text=True, check=False)
    if "ptrace" in done.stderr:
        pytest.skip("this machine lets no process be traced")
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode != 0


@pytest.mark.parametrize("call", ["fsync", "link", "mkdir", "rename", "unlink", "write"])
def test_killed_before_each(
    lab: Path, undisturbed: Path, tmp_path: Path, tally: Tally, call: str
) -> None:
    kills = done = 0
    while killed_before(folder := copied(lab, tmp_path / f"lab{kills}"), call, kills + 1):
        finished(folder)
        assert whole_story(folder) == whole_story(undisturbed)
        kills, done = kills + 1, done + len(trials(folder))
        shutil.rmtree(folder)
    assert kills > 2
    tally.add(kills=kills, resumes=kills, trials=done)
