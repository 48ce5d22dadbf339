"""A disk that fills up in the middle of a run, and is freed again: the run goes on as if never."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest
from bad_labs import copied
from chaos_tally import FULL, Tally
from toys import git
from worn_labs import finished, noted, plain, same_trials, trials

UNSHARE = ["unshare", "-m"] if os.getuid() == 0 else ["unshare", "-Urm"]


def _can_mount() -> bool:
    probe = [*UNSHARE, "mount", "-t", "tmpfs", "none", "/mnt"]
    try:
        return subprocess.run(probe, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


pytestmark = [
    pytest.mark.skipif(not _can_mount(), reason="no private mount namespace here"),
    pytest.mark.timeout(900),
]


def test_a_disk_that_fills_up_in_the_middle(tmp_path: Path, rng: Random, tally: Tally) -> None:
    lab = plain(tmp_path / "start")
    undisturbed = copied(lab, tmp_path / "undisturbed")
    finished(undisturbed)
    out = tmp_path / "out"
    out.mkdir()
    rounds, script = 40 if FULL else 3, Path(__file__).with_name("full_disk.py")
    words = [*UNSHARE, sys.executable, script, lab, out, str(rounds), str(rng.random())]
    done = subprocess.run(words, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    for said in json.loads((out / "said.json").read_text()):
        assert "Traceback" not in said["err"], said
        assert said["code"] in (0, 1, 3, -signal.SIGKILL), said
        if said["code"] == 1:
            assert "space" in said["err"] and "free" in said["err"], said
    git(out / "lab", "update-index", "-q", "--refresh")
    finished(out / "lab")
    same_trials(out / "lab", undisturbed)
    assert len(noted(out / "lab", "ran")) >= len(trials(out / "lab"))
    tally.add(full_disks=rounds, trials=len(trials(out / "lab")))
