"""A sandbox that fails is the machine's fault: nothing is recorded, and none goes weaker unsaid."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest
from airesearch.agents.executors.local.process import Limits, run
from airesearch.agents.executors.local.sandbox import SandboxSpec, confined, landlock
from airesearch.agents.executors.local.sandbox.bubblewrap import fault
from sandboxes import spec as spec
from test_sandbox_lab import without_bubblewrap
from toys import airesearch, git, lr, toy

bwrap_only = pytest.mark.skipif(bool(fault()), reason=f"no bubblewrap here: {fault()}")
landlock_only = pytest.mark.skipif(not landlock.abi(), reason="this kernel has no Landlock")
PROBE = '*" / / "*) exec @BWRAP@ "$@";;'
# What bubblewrap does in the middle of a run, where its first try went well.
FAILURES = {
    "no more namespaces": "echo 'bwrap: Creating new namespace failed: Resource temporarily "
    "unavailable' >&2; exit 1",
    "no more space": 'exec @BWRAP@ --bind /no/such/place /x "$@"',
    "no memory for it": "kill -9 $$",
    "an old one": "echo 'bwrap: Unknown option --json-status-fd' >&2; exit 1",
    "no word": "exit 0",
    "a word that is no word of its": "echo '\"exit-code\"'; exit 1",
}


def failing(folder: Path, how: str, probe: str = PROBE) -> Mapping[str, str]:
    """An environment in which bubblewrap works until a trial needs it."""
    folder.mkdir()
    program = folder / "bwrap"
    text = f'#!/bin/sh\ncase " $* " in {probe} esac\n{FAILURES[how]}\n'
    program.write_text(text.replace("@BWRAP@", shutil.which("bwrap") or ""))
    program.chmod(0o755)
    return {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return toy(tmp_path_factory.mktemp("template") / "lab", [lr(0.2), lr(0.15)])


@pytest.fixture
def lab(template: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(template, tmp_path / "lab", symlinks=True))


@bwrap_only
@pytest.mark.parametrize("how", FAILURES)
def test_a_sandbox_that_fails_is_no_trial(lab: Path, tmp_path: Path, how: str) -> None:
    said = airesearch(lab, "run", "--trials", "1", env=failing(tmp_path / "bin", how))
    assert said.code == 1
    assert "the sandbox does not work" in said.err
    assert "airesearch doctor" in said.err
    assert "Traceback" not in said.err
    assert "Measure" not in git(lab, "log", "--format=%B", "main..node/000001")
    assert airesearch(lab, "run", "--trials", "1").code == 0
    (node,) = [n for n in airesearch(lab, "log", "--json").json() if n["node"] == 1]
    assert (node["status"], node["verdict"]) == ("ok", "keep")


@landlock_only
def test_landlock_that_fails_to_begin_is_told_from_the_program(spec: SandboxSpec) -> None:
    limits = Limits(20, 1 << 29, 1 << 20)
    env = {"PATH": os.environ["PATH"]}
    for program, begun in (("/bin/false", True), ("/no/such/program", True)):
        with confined("landlock", spec, [program]) as start:
            ran = run(
                start.argv, folder=spec.folder, env=env, limits=limits, inherits=start.inherits
            )
            assert (ran.code != 0, start.has_begun()) == (True, begun)
    if not landlock.has_room():
        pytest.skip("there are no user namespaces to run out of")
    none_left = ["unshare", "-Ur", "sh", "-ec", 'echo 0 > /proc/sys/user/max_user_namespaces; "$@"']
    with confined("landlock", spec, ["/bin/true"]) as start:
        argv = [*none_left, "sh", *start.argv]
        ran = run(argv, folder=spec.folder, env=env, limits=limits, inherits=start.inherits)
        assert (ran.code, start.has_begun()) == (1, False)
    assert b"No space left on device" in ran.log


@bwrap_only
def test_a_program_that_is_not_there_is_the_candidates_fault(tmp_path: Path) -> None:
    turn = {"subject": "s", "write": {"train.py": "import os; os.execv('/no/such', ['x'])\n"}}
    lab = toy(tmp_path / "lab", [turn])
    assert airesearch(lab, "step", "--json").json()["status"] == "crash"


@bwrap_only
@landlock_only
def test_another_sandbox_than_before_is_said(lab: Path, tmp_path: Path) -> None:
    assert airesearch(lab, "step").err == ""
    said = airesearch(lab, "step", env=without_bubblewrap(tmp_path / "bin"))
    assert said.code == 0
    assert "trials are held by landlock here, and the last by bwrap" in said.err
    assert "sandbox: bwrap" in said.err


DEMANDS = {"bwrap": "bubblewrap is not installed", "landlock": "this kernel has no Landlock"}


@bwrap_only
def test_a_demand_is_met_or_nothing_is_run(tmp_path: Path) -> None:
    lab = toy(tmp_path / "lab", [lr(0.2)], sandbox="bwrap")
    before = git(lab, "for-each-ref")
    without = without_bubblewrap(tmp_path / "bin")
    said = airesearch(lab, "run", "--trials", "1", env=without)
    assert (said.code, git(lab, "for-each-ref")) == (1, before)
    assert "the task wants trials in bwrap: bubblewrap is not installed" in said.err
    assert "apt-get install bubblewrap" in said.err
    found = airesearch(lab, "doctor", "--json", env=without)
    assert found.code == 1
    assert '"the task wants trials in bwrap: bubblewrap is not installed"' in found.out
    assert airesearch(lab, "run", "--trials", "1").code == 0
    assert "Sandbox: bwrap" in git(lab, "log", "-2", "node/000001")
    assert airesearch(lab, "verify").code == 0


@landlock_only
def test_landlock_is_taken_where_it_is_demanded(tmp_path: Path) -> None:
    lab = toy(tmp_path / "lab", [lr(0.2)], sandbox="landlock")
    assert airesearch(lab, "step").code == 0
    assert "Sandbox: landlock" in git(lab, "log", "-2", "node/000001")
    assert airesearch(lab, "verify").code == 0


# So far a trial's sandbox works, and the room's begins as the probe does.
FIRST_TRY = '*" -- true "*|*" --unshare-net "*) exec @BWRAP@ "$@";;'


def agent_lab(folder: Path) -> Path:
    """A lab whose agent is a program that says where it ran."""
    (folder / "bin").mkdir(parents=True)
    agent = folder / "bin" / "agent"
    agent.write_text(f"#!/bin/sh\ntouch {folder}/ran\necho 'LR = 0.3' >> train.py\n")
    agent.chmod(0o755)
    team = {"prog": {"backend": "command", "command": str(agent)}}
    return toy(folder / "lab", [], team=team)


@bwrap_only
@pytest.mark.parametrize("how", FAILURES)
def test_an_agent_that_was_to_have_a_room_never_runs_without(tmp_path: Path, how: str) -> None:
    lab = agent_lab(tmp_path / "top")
    env = failing(tmp_path / "bin", how, FIRST_TRY)
    said = airesearch(lab, "run", "--trials", "1", env=env)
    assert said.code == 1, said.out
    assert "prog was to work in a room, and bubblewrap does not work any more" in said.err
    assert "Traceback" not in said.err
    assert not (tmp_path / "top" / "ran").exists()
    assert "node/000001" not in git(lab, "branch", "--list")
    assert airesearch(lab, "run", "--trials", "1").code == 0


@bwrap_only
def test_an_agent_whose_room_is_gone_between_commands_is_named(tmp_path: Path) -> None:
    lab = agent_lab(tmp_path / "top")
    said = airesearch(lab, "run", "--trials", "1", env=without_bubblewrap(tmp_path / "none"))
    assert "prog may do here what you may: there is no room" in said.err
