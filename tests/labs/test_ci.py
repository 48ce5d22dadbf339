"""Jobs in clones that publish: they share the work, and lose none of it, whatever happens."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from chaos_tally import FULL
from ci import Job, Shared, trials_of
from remotes import served
from toys import TASK, airesearch, git, lr, toy

DOCS = Path(__file__).parents[2] / "docs" / "ci"
TURNS = [lr(value) for value in (0.3, 0.2, 0.25, 0.15, 0.6, 0.12, 0.11, 0.7, 0.105, 0.4)]
SHORT = 7
RUN = ("run", "--publish", "--json", "--trials")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return toy(
        tmp_path_factory.mktemp("lab") / "lab", TURNS, budget={**TASK["budget"], "trials": 11}
    )


@pytest.fixture(scope="module")
def made_short(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a budget that is soon spent."""
    budget = {**TASK["budget"], "trials": SHORT}
    return toy(tmp_path_factory.mktemp("short") / "lab", TURNS, budget=budget)


@pytest.fixture
def shared(made: Path, tmp_path: Path) -> Iterator[Shared]:
    """The lab with its baseline, on a daemon."""
    yield from on_a_daemon(made, tmp_path)


@pytest.fixture
def short(made_short: Path, tmp_path: Path) -> Iterator[Shared]:
    yield from on_a_daemon(made_short, tmp_path)


def on_a_daemon(lab: Path, folder: Path) -> Iterator[Shared]:
    git(folder, "clone", "-q", "--bare", str(lab), "lab.git")
    with served(folder) as daemon:
        yield Shared(folder, daemon)


def guard(shared: Shared) -> None:
    assert airesearch(shared.bare, "hook", "install").code == 0


def wait_for(path: Path) -> None:
    until = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < until, f"{path} did not come"
        time.sleep(0.02)


@pytest.mark.parametrize("guarded", [False, True], ids=["open", "guarded"])
def test_two_clones_race_to_the_end_of_the_budget(short: Shared, guarded: bool) -> None:
    if guarded:
        guard(short)
    jobs = [Job(short.clone(name), (*RUN, "50")) for name in ("one", "two")]
    told = [trials_of(job.said()) for job in jobs]
    assert all(told)
    assert sorted([*told[0], *told[1], "0.1"]) == sorted(short.values("Trial"))
    assert len(short.refs("refs/heads/node")) == len(set(short.values("Node"))) == SHORT
    short.check()
    for job in jobs:
        assert short.refs("refs/airesearch") == {}
        assert git(job.folder, "status", "--porcelain") == ""
        spent = airesearch(job.folder, "step", "--publish")
        assert (spent.code, spent.out) == (3, ""), spent.err
        assert git(job.folder, "rev-parse", "HEAD").strip() == short.refs()["refs/heads/main"]


def test_workers_of_one_clone_and_of_another(shared: Shared) -> None:
    one = Job(shared.clone("one"), (*RUN, "5", "--jobs", "2"))
    two = Job(shared.clone("two"), (*RUN, "3"))
    told = [*trials_of(one.said()), *trials_of(two.said())]
    assert sorted([*told, "0.1"]) == sorted(shared.values("Trial"))
    shared.check()


def test_nobody_but_one_measures_the_baseline(made: Path, shared: Shared) -> None:
    """Two jobs in a lab of which only the trunk was pushed."""
    for ref in ("refs/heads/node/000000", "refs/heads/main"):
        start = git(made, "rev-list", "--max-parents=0", "main").strip()
        words = ["update-ref", ref, start] if ref.endswith("main") else ["update-ref", "-d", ref]
        git(shared.bare, *words)
    adopted = git(made, "log", "--format=%H", "--first-parent", "main").split()[1]
    git(shared.bare, "update-ref", "refs/heads/main", adopted)
    jobs = [Job(shared.clone(name), (*RUN, "2")) for name in ("one", "two")]
    told = [trial for job in jobs for trial in trials_of(job.said())]
    assert sorted(told) == sorted(shared.values("Trial"))
    assert told.count("0.1") == 1
    assert shared.values("Operator").count("draft") == 1
    shared.check()


STAGES = {1: "", 2: "propose", 3: "measure", 4: "judge", 5: "judge", 6: "judge"}
KILL = """
count=$(($(cat pushes 2>/dev/null || echo 0) + 1))
echo $count > pushes
test $count != {at} || kill -9 $(cat worker)
"""
KILLS = [(when, at) for at in STAGES for when in ("pre-receive", "post-receive")]


@pytest.mark.parametrize(("when", "at"), KILLS if FULL else [*KILLS[1::4], *KILLS[2::4]])
def test_a_killed_job_is_adopted_at_its_stage(shared: Shared, at: int, when: str) -> None:
    """Killed by the remote at its first, second … push: lease, propose, measure, judge, promote,
    and the lease again; before or after it has taken that in. With AIRESEARCH_CHAOS=full each both.
    """
    shared.hook(when, KILL.format(at=at))
    (shared.bare / "worker").write_text("none")
    job = Job(shared.clone("first"), ("step", "--publish"))
    (shared.bare / "worker").write_text(str(job.process.pid))
    assert job.said().code == -9
    (shared.bare / "hooks" / when).unlink()
    _settle(shared)
    before = shared.refs("refs/heads")
    # A push that was on its way when its worker was killed arrives.
    stage = shared.values("Action", "node/000001") if at > 1 else [""]
    assert stage[-1] == STAGES[at]
    assert len(shared.refs("refs/airesearch")) == (at < 6)
    shutil.rmtree(job.folder)  # the machine is gone
    said = airesearch(shared.clone("second"), "step", "--publish")
    assert said.code == 0, said.err
    after = shared.refs("refs/heads")
    for ref, tip in before.items():  # what was there is built on
        git(shared.bare, "merge-base", "--is-ancestor", tip, after[ref])
    assert shared.values("Trial").count("1.1") == 1
    assert shared.values("Verdict", "node/000001")[-1] == "keep"
    assert 1 in [int(node) for node in shared.values("Node", "main", "--first-parent")]
    shared.check()


def _settle(shared: Shared) -> None:
    """Wait until the push whose worker was killed has come to its end on the remote."""
    seen = None
    while seen != (seen := shared.refs()):
        time.sleep(0.3)


HOLD = """
while read -r old new ref; do
    test "$ref" = refs/heads/main || continue
    mkdir held 2>/dev/null || continue
    while ! test -e go; do sleep 0.05; done
done
"""


def test_the_loser_of_a_promotion_judges_anew(shared: Shared) -> None:
    """One job's promotion is on its way when another's arrives."""
    shared.hook("pre-receive", HOLD)
    slow = Job(shared.clone("slow"), ("step", "--publish"))
    wait_for(shared.bare / "held")
    quick = airesearch(shared.clone("quick"), "step", "--publish", "--json").json()
    assert quick["promoted"] and quick["node"] == 2
    (shared.bare / "go").touch()
    said = slow.said()
    assert said.code == 0, said.err
    # Node 1 (LR 0.3) was better than the baseline, and is no better than node 2 (LR 0.2).
    assert shared.values("Incumbent", "node/000001") == ["0", "2"]
    assert shared.values("Verdict", "node/000001")[-2:] == ["keep", "discard"]
    assert shared.values("Node", "--first-parent", "main") == ["0", "2"]
    shared.check()


STALL = """
grep -q refs/heads/node || exit 0
mkdir held 2>/dev/null || exit 0
while ! test -e go; do sleep 0.05; done
"""


def test_the_remote_goes_away_in_the_middle(shared: Shared) -> None:
    shared.hook("post-receive", STALL)
    clone = shared.clone("one")
    job = Job(clone, ("step", "--publish"))
    wait_for(shared.bare / "held")
    shared.daemon.stop()
    (shared.bare / "go").touch()
    said = job.said()
    assert said.code == 1
    assert "origin cannot be used" in said.err and "git ls-remote origin" in said.err
    assert "Traceback" not in said.err
    shared.daemon.start()
    assert shared.values("Trial") == ["0.1"]
    done = airesearch(clone, "step", "--publish", "--json").json()
    assert done["trial"] == "1.1"
    shared.check()


def test_a_hook_refuses(shared: Shared) -> None:
    guard(shared)
    git(shared.bare, "config", "airesearch.pusher", "somebody-else: scripted")
    clone, before = shared.clone("one"), shared.refs()
    branches = ("for-each-ref", "refs/heads", "refs/remotes")
    here = git(clone, *branches)
    said = airesearch(clone, "step", "--publish")
    assert said.code == 1
    assert "origin does not take refs/heads/node/000001: pre-receive hook declined" in said.err
    assert "may not push commits of scripted" in said.err
    assert shared.refs() == before and git(clone, *branches) == here


def test_a_host_that_takes_branches_only(shared: Shared) -> None:
    git(shared.bare, "config", "receive.hideRefs", "refs/airesearch")
    jobs = [Job(shared.clone(name), (*RUN, "3")) for name in ("one", "two")]
    said = [job.said() for job in jobs]
    told = [trial for one in said for trial in trials_of(one)]
    assert sorted([*told, "0.1"]) == sorted(shared.values("Trial"))
    for one in said:
        assert one.err.count("does not take refs/airesearch/lease") == 1
    shared.check()


def far(shared: Shared, node: int, seconds: int) -> None:
    """The lease of a worker on another machine, good for so many seconds from now."""
    facts = {"worker": "w", "host": "far away", "boot": "b", "pid": 1, "started": 1, "turn": 0,
             "deadline": int(time.time()) + seconds}  # fmt: skip
    done = subprocess.run(
        ["git", "-C", shared.bare, "hash-object", "-w", "--stdin"],
        input=json.dumps(facts).encode(), capture_output=True, check=True,
    )  # fmt: skip
    git(
        shared.bare, "update-ref", f"refs/airesearch/lease/{node:06d}", done.stdout.decode().strip()
    )


@pytest.mark.parametrize(("seconds", "node"), [(100, 2), (-1, 1)], ids=["alive", "dead"])
def test_a_lease_of_another_machine_counts_to_its_deadline(
    shared: Shared, seconds: int, node: int
) -> None:
    """A node that was proposed is left to who holds it, or adopted."""
    shared.hook("post-receive", KILL.format(at=2))
    (shared.bare / "worker").write_text("none")
    job = Job(shared.clone("first"), ("step", "--publish"))
    (shared.bare / "worker").write_text(str(job.process.pid))
    assert job.said().code == -9
    (shared.bare / "hooks" / "post-receive").unlink()
    far(shared, 1, seconds)
    done = airesearch(shared.clone("second"), "step", "--publish", "--json").json()
    assert done["node"] == node
    assert len(shared.refs("refs/airesearch")) == (node == 2)


def test_clones_that_lag_catch_up(shared: Shared) -> None:
    """With nodes of its own from before, and its trunk checked out."""
    one, two = shared.clone("one"), shared.clone("two")
    git(one, "branch", "node/000000", "origin/node/000000")
    for clone in (one, two, one, two):
        assert airesearch(clone, "step", "--publish").code == 0
        head = git(clone, "rev-parse", "HEAD").strip()
        assert head == shared.refs()["refs/heads/main"]
        assert git(clone, "status", "--porcelain") == ""
    shared.check()


def test_what_was_not_published_is_said(shared: Shared) -> None:
    clone = shared.clone("one")
    assert airesearch(clone, "step").code == 0
    said = airesearch(clone, "step", "--publish")
    assert said.code == 1
    command = re.search(r"publish them: (git push .*)", said.err)
    assert command is not None
    subprocess.run(["sh", "-c", command[1]], cwd=clone, capture_output=True, check=True)
    assert airesearch(clone, "step", "--publish").code == 0
    shared.check()


def test_clones_that_do_not_do(made: Path, shared: Shared) -> None:
    shallow = airesearch(shared.clone("shallow", "--depth=1"), "step", "--publish")
    assert shallow.code == 1 and "git fetch --unshallow" in shallow.err
    alone = airesearch(made, "step", "--publish")
    assert alone.code == 1 and "git remote add origin URL" in alone.err
    single = airesearch(shared.clone("single", "--single-branch"), "step", "--publish")
    assert single.code == 0, single.err
    shared.check()


def test_a_person_s_commit_meanwhile_is_a_new_base(shared: Shared) -> None:
    clone, person = shared.clone("one"), shared.clone("person")
    assert airesearch(clone, "step", "--publish").code == 0
    git(person, "pull", "-q")
    (person / "README").write_text("hello\n")
    git(person, "add", "README")
    git(person, "commit", "-qm", "A word to the reader")
    git(person, "push", "-q", "origin", "main")
    done = airesearch(clone, "step", "--publish", "--json").json()
    assert (done["parent"], done["promoted"]) == (None, True)
    assert (clone / "README").read_text() == "hello\n"
    shared.check()


@pytest.fixture
def bin_(tmp_path: Path) -> Path:
    """A PATH with this airesearch, and a `pip` that notes what it is to install."""
    folder = tmp_path / "bin"
    folder.mkdir()
    scripts = {"airesearch": f'exec "{sys.executable}" -m airesearch "$@"',
               "pip": f'echo "$*" >> "{tmp_path}/installed"'}  # fmt: skip
    for name, line in scripts.items():
        (folder / name).write_text(f"#!/bin/sh\n{line}\n")
        (folder / name).chmod(0o755)
    return folder


def play(lines: list[str], folder: Path, bin_: Path, **variables: str) -> None:
    """Run a job's lines as a runner does: in one shell each, which ends at the first that fails."""
    env = {**os.environ, **variables, "PATH": f"{bin_}:{os.environ['PATH']}", "CI": "true"}
    for line in lines:
        done = subprocess.run(["bash", "-e", "-o", "pipefail", "-c", line], cwd=folder, env=env,
                              capture_output=True, check=False)  # fmt: skip
        assert done.returncode == 0, line + done.stderr.decode()


def checked_out(shared: Shared, name: str, depth: str, branch: str) -> Path:
    """A clone as both hosts' runners make it: a remote, a fetch of that depth, a checkout."""
    folder = shared.folder / name
    folder.mkdir()
    git(folder, "init", "-q")
    git(folder, "remote", "add", "origin", shared.daemon.url("lab.git"))
    whole = depth == "0"
    refs = ["+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*"]
    few = [f"--depth={depth}", "+refs/heads/main:refs/remotes/origin/main"]
    git(folder, "fetch", "-q", "origin", *(refs if whole else few))
    how = ["-B", branch, "refs/remotes/origin/main"] if branch else ["-f", "origin/main"]
    git(folder, "checkout", "-q", *how)
    return folder


def test_the_github_example(short: Shared, bin_: Path, tmp_path: Path) -> None:
    workflow: dict[str, Any] = yaml.safe_load((DOCS / "github-actions.yml").read_text())
    assert workflow["permissions"] == {"contents": "write"}
    steps = workflow["jobs"]["research"]["steps"]
    checkout = next(s["with"] for s in steps if s.get("uses", "").startswith("actions/checkout"))
    lines = [step["run"] for step in steps if "run" in step]
    for worker in workflow["jobs"]["research"]["strategy"]["matrix"]["worker"]:
        depth = str(checkout["fetch-depth"])
        folder = checked_out(short, f"worker{worker}", depth, "main")
        play(lines, folder, bin_)
    assert (tmp_path / "installed").read_text() == "install airesearch\n" * 2
    # The second had nothing left to do, and is no failure.
    assert len(short.values("Trial")) == SHORT
    short.check()


def test_the_gitlab_example(short: Shared, bin_: Path) -> None:
    job: dict[str, Any] = yaml.safe_load((DOCS / "gitlab-ci.yml").read_text())["research"]
    git(short.bare, "branch", "idea", "main")
    for worker in range(job["parallel"]):
        folder = checked_out(short, f"worker{worker}", job["variables"]["GIT_DEPTH"], "")
        play(job["script"], folder, bin_, CI_DEFAULT_BRANCH="main")
    assert len(short.values("Trial")) == SHORT
    short.check()
