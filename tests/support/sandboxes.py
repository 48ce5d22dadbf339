"""A process in each sandbox that this machine has, and what a trial of its own would be given.

A test file that imports `kind` and `spec` has the fixtures.
"""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from airesearch.agents.executors.local.process import Limits, ProcessResult, run
from airesearch.agents.executors.local.sandbox import (
    Kind,
    SandboxSpec,
    confined,
    has_own_files,
    landlock,
    tools_for,
)
from airesearch.agents.executors.local.sandbox.bubblewrap import fault

MB = 2**20
ROOMY = Limits(seconds=30, memory=600 * MB, output=64 * MB)
NEEDS = {
    "bwrap": pytest.mark.skipif(bool(fault()), reason=f"no bubblewrap here: {fault()}"),
    "landlock": pytest.mark.skipif(not landlock.abi(), reason="this kernel has no Landlock"),
    "alone": pytest.mark.skipif(not landlock.abi(), reason="this kernel has no Landlock"),
}
TRIED = """\
import sys
def tried(act):
    try:
        return act()
    except OSError as error:
        return type(error).__name__
"""


@pytest.fixture(params=[pytest.param(kind, marks=NEEDS[kind]) for kind in NEEDS])
def kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Kind:
    """Each means that works here; the others are skipped by name.

    `alone` is Landlock where there are no user namespaces.
    """
    if request.param == "alone":
        monkeypatch.setattr(landlock, "has_room", lambda: False)
        return "landlock"
    found: Kind = request.param
    return found


@pytest.fixture
def spec(tmp_path: Path) -> Iterator[SandboxSpec]:
    """A candidate's spec, beside a file it must not see."""
    (tmp_path / "secret").write_text("sealed")
    yield spec_in(tmp_path)
    assert psutil.Process().children() == []


def spec_in(folder: Path) -> SandboxSpec:
    """What a candidate in a new folder below `folder` may touch."""
    own = folder / "trial"
    own.mkdir()
    tools = tools_for(sys.executable, os.environ["PATH"])
    return SandboxSpec(own, Path("/candidate"), writable=True, memory=600 * MB, tools=tools)


def python(kind: Kind, spec: SandboxSpec, script: str, limits: Limits = ROOMY) -> ProcessResult:
    argv = [spec.tools.program, "-c", TRIED + script]
    env = {"PATH": os.environ["PATH"], "TMPDIR": str(spec.scratch or spec.folder)}
    if has_own_files(kind):
        env["TMPDIR"] = "/tmp"
    with confined(kind, spec, argv) as start:
        ran = run(start.argv, folder=spec.folder, env=env, limits=limits, inherits=start.inherits)
        assert ran.stopped or start.has_begun()
    return ran


def said(kind: Kind, spec: SandboxSpec, script: str) -> list[str]:
    ran = python(kind, spec, script)
    assert ran.code == 0, ran
    return ran.log.decode().splitlines()
