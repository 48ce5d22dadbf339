"""A shared lab on a git daemon, clones of it, and jobs that publish from them."""

import json
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pygit2
import warm
from airesearch.gitlab.leases.lease import clock, live
from remotes import Daemon
from toys import Said, airesearch, git

Trials = list[str]


@dataclass(frozen=True)
class Shared:
    """A bare lab `lab.git` in `folder` that `daemon` serves; clones are made beside it."""

    folder: Path
    daemon: Daemon

    @property
    def bare(self) -> Path:
        """The shared lab itself."""
        return self.folder / "lab.git"

    def clone(self, name: str, *words: str) -> Path:
        """A fresh clone."""
        git(self.folder, "clone", "-q", *words, self.daemon.url("lab.git"), name)
        return self.folder / name

    def hook(self, name: str, script: str) -> None:
        """Install a hook of the host's own, in sh; it runs in the bare lab."""
        path = self.bare / "hooks" / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def refs(self, below: str = "refs") -> dict[str, str]:
        """Every ref of the shared lab, and where it stands."""
        lines = git(self.bare, "for-each-ref", "--format=%(refname) %(objectname)", below)
        return dict(line.split() for line in lines.splitlines())

    def values(self, key: str, *where: str) -> list[str]:
        """The values of a trailer in the shared lab, oldest first, of all branches or `where`."""
        form = f"--format=%(trailers:key={key},valueonly,separator=%x0a)"
        return git(self.bare, "log", "--reverse", form, *(where or ("--branches",))).split()

    def check(self, name: str = "check") -> None:
        """Fails the test where a fresh clone is not whole and true, or a node is still held."""
        fresh = self.clone(name)
        said = airesearch(fresh, "verify")
        assert said.code == 0, said.out + said.err
        for place in (fresh, self.bare):  # the blobs of leases that ended dangle
            assert git(place, "fsck", "--strict", "--no-dangling") == ""
        repo = pygit2.Repository(self.bare)
        assert live(repo, clock(repo)) == frozenset()
        trials = self.values("Trial")
        assert len(trials) == len(set(trials))


@dataclass
class Job:
    """A command that runs beside the test, which may kill it."""

    folder: Path
    words: tuple[str, ...]
    process: warm.Command | subprocess.Popen[bytes] = field(init=False)

    def __post_init__(self) -> None:
        self.process = warm.begin(self.folder, *self.words)

    def said(self) -> Said:
        """What it answered in the end."""
        out, err = self.process.communicate()
        return Said(self.process.returncode, out.decode(), err.decode())


def trials_of(said: Said) -> Trials:
    """The trials that `run --json` told of; fails the test where it failed."""
    assert said.code == 0, said.err
    steps: list[dict[str, Any]] = [json.loads(line) for line in said.out.splitlines()]
    return [str(step["trial"]) for step in steps]
