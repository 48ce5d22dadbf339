"""Runs a lab on a small disk that fills up again and again; in a mount namespace of its own.

    python full_disk.py LAB OUT ROUNDS SEED

Writes OUT/said.json, what each run said, and OUT/lab, the lab after a run with space to spare.
"""

import json
import os
import shutil
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

KIB = 1024


def fill(disk: Path, left: int) -> None:
    """Write until so many bytes are left."""
    free = os.statvfs(disk)
    # The lab may be faster; the disk is full all the same.
    with suppress(OSError), (disk / "fill").open("wb") as file:
        file.write(bytes(max(0, free.f_bavail * free.f_frsize - left)))


def hurt_run(disk: Path, lab: Path, rng: Random) -> dict[str, Any]:
    """A run whose disk is full from some instant on; at times it is killed then."""
    words = ["run", "--jobs", str(rng.choice([1, 3]))]
    after, left, kill = rng.uniform(0, 2.0), rng.choice([0, 4, 16, 64]) * KIB, rng.random() < 0.3
    with (disk.parent / "err").open("wb") as err:
        run = subprocess.Popen(
            [sys.executable, "-m", "airesearch", *words],
            cwd=lab,
            stdout=subprocess.DEVNULL,
            stderr=err,
        )
    filler = threading.Timer(after, fill, (disk, left))
    filler.start()
    filler.join()
    try:
        run.wait(0.3 if kill else 100)
    except subprocess.TimeoutExpired:
        assert kill, "it neither went on nor ended on a full disk"
        run.kill()
        run.wait()
    (disk / "fill").unlink(missing_ok=True)
    said = (disk.parent / "err").read_text()
    return {"code": run.returncode, "err": said, "after": after, "left": left, "words": words}


def main() -> None:
    """Mount, wear, run to the end, copy out."""
    start, out, rounds, seed = sys.argv[1:]
    disk = Path(out) / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "none", disk], check=True)
    lab = disk / "lab"
    shutil.copytree(start, lab, symlinks=True)
    subprocess.run(["git", "-C", lab, "update-index", "-q", "--refresh"], check=True)
    rng = Random(seed)
    said = [hurt_run(disk, lab, rng) for _ in range(int(rounds))]
    subprocess.run([sys.executable, "-m", "airesearch", "run"], cwd=lab, check=False)
    for path in disk.iterdir():
        if path.is_dir():
            shutil.copytree(path, Path(out) / path.name, symlinks=True)
        else:
            shutil.copy(path, Path(out) / path.name)
    (Path(out) / "said.json").write_text(json.dumps(said))


if __name__ == "__main__":
    main()
