"""Any program as a proposer: it gets a folder, a brief and limits; its tree is what counts."""

import os
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import airesearch as airesearch_package
import psutil
import pytest
from airesearch.agents.executors.local.sandbox.bubblewrap import fault
from airesearch.agents.proposers.base import Brief, Past, Proposal, ProposalFailed
from airesearch.agents.proposers.command.agent import Command
from airesearch.agents.proposers.replies import forget, proposal_of
from airesearch.gitlab.desk.desk import Desk
from airesearch.gitlab.errors import Denied
from airesearch.gitlab.lab.lab import Lab, open_lab
from airesearch.gitlab.record.facts import Operator
from airesearch.gitlab.store.change import Decision
from airesearch.policies.paths import matches
from airesearch.policies.task.task import parse_task
from toys import TASK, Said, airesearch, git, repository, toy_files

LOWER = """\
import pathlib, subprocess
path = pathlib.Path("train.py")
path.write_text(path.read_text().replace("LR = 0.5", "LR = 0.2"))
"""
COMMIT = """\
subprocess.run(["git", "commit", "-qam", "Lower LR\\n\\nSmaller steps.", "--no-verify"], check=True)
"""


def lab(tmp_path: Path, agent: str, **task: Any) -> Path:
    """A repository whose agent `coder` is the Python program `agent`."""
    team = {"coder": {"backend": "command", "command": "python agent.py {brief}"}}
    files = toy_files([], **{"protected": ["agent.py"], "team": team, **task})
    return repository(
        tmp_path / "lab",
        {**files, "agent.py": agent, "private/key": "secret", ".gitignore": "*.log\n# why\n\n"},
    )


class Bench:
    """A lab's agent, started directly."""

    def __init__(self, root: Path, **variables: str) -> None:
        self.lab: Lab = open_lab(root)
        task = parse_task((root / "airesearch.yaml").read_bytes())
        variables = {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], **variables}
        member = task.team["coder"]
        assert member.command is not None
        self.desks = self.lab.home / "desks"
        self.agent = Command("coder", member.command, member.opens, task, self.lab.repo, variables)
        tree = self.lab.tree_of(self.lab.trunk_tip)
        self.desk = Desk(
            self.lab,
            tree,
            lambda path: Decision(("hidden",) if path.startswith("private/") else ()),
            lambda path: Decision(() if matches(task.editable, path) else ("not yours",)),
        )

    def propose(self, past: tuple[Past, ...] = ()) -> Proposal:
        """One proposal; the folder is gone afterwards."""
        base = Past(0, "ok", 0.4, lambda _: None)
        brief = Brief(
            node=7,
            parents=(0,),
            operator=Operator.IMPROVE,
            assignment="Improve on the code that lies here.",
            metric="val_error",
            goal="minimize",
            seed=3,
            proposal_index=0,
            base=base,
            past=past or (base,),
        )
        try:
            return proposal_of(self.lab.home, "coder", self.agent, self.desk, brief)
        finally:
            assert not list(self.desks.iterdir())
            forget(self.lab.home, brief.node)  # as its commit does
            assert not list((self.lab.home / "replies").glob("*"))


def bench(tmp_path: Path, agent: str, **variables: str) -> Bench:
    """An agent in the usual lab."""
    return Bench(lab(tmp_path, agent), **variables)


def step(root: Path) -> Said:
    """The baseline, then one step; the lab's checkout stays clean."""
    said = airesearch(root, "init")
    assert said.code == 0, said.err
    said = airesearch(root, "step")
    assert not list((root / ".git" / "airesearch" / "desks").iterdir())
    assert git(root, "status", "--porcelain") == ""
    return said


# --- through `airesearch step`


def test_an_agents_commit_is_a_node_with_its_message(tmp_path: Path) -> None:
    root = lab(tmp_path, LOWER + COMMIT)
    assert "keep" in step(root).out
    proposed = "node/000001~2"
    assert git(root, "log", "-1", "--format=%an %ae", proposed) == "coder coder@airesearch\n"
    message = git(root, "log", "-1", "--format=%B", proposed)
    assert message.startswith("coder: Lower LR\n\nSmaller steps.\n\nAction: propose\n")
    changed = git(root, "diff", "--name-only", "node/000000", proposed)
    assert changed == "train.py\n"
    assert "LR = 0.2" in (root / "train.py").read_text()


def test_an_agent_that_changes_nothing_is_a_duplicate(tmp_path: Path) -> None:
    assert "duplicate" in step(lab(tmp_path, "print('thinking')")).out


def test_an_edit_outside_the_policy_is_denied(tmp_path: Path) -> None:
    root = lab(tmp_path, LOWER + "open('evaluate.py', 'w').write('cheat')\n" + COMMIT)
    assert "denied" in step(root).out
    assert "evaluate.py" in git(root, "log", "-1", "--format=%(trailers:key=Reason)", "node/000001")
    assert git(root, "diff", "--name-only", "main", "node/000001", "--", "*.py") == ""


def test_a_hostile_folder_is_denied_and_the_run_goes_on(tmp_path: Path) -> None:
    root = lab(tmp_path, "import os\nos.symlink('/etc/passwd', 'lib')\n")
    assert "denied" in step(root).out
    assert "lib is a symlink" in git(root, "log", "--format=%B", "node/000001")
    assert airesearch(root, "step").code == 0


def test_a_failed_agent_is_recorded(tmp_path: Path) -> None:
    root = lab(tmp_path, "raise SystemExit('no credit left')")
    assert "crash" in step(root).out
    said = git(root, "log", "-1", "--format=%(trailers:key=Reason)", "node/000001")
    assert "the proposer failed" in said and "exit 1: no credit left" in said


@pytest.mark.parametrize(
    ("command", "what"),
    [
        (None, "does not say which"),
        ("  ", "does not say which"),
        ("no-such-agent --fast", "there is no command 'no-such-agent' on this machine"),
        ("./missing.sh", "no committed file is ./missing.sh"),
        ("agent 'open", "cannot be split into words"),
    ],
)
def test_a_command_that_cannot_start_is_said_before_anything_runs(
    tmp_path: Path, command: str | None, what: str
) -> None:
    member = {"backend": "command", **({} if command is None else {"command": command})}
    root = lab(tmp_path, "", team={"coder": member})
    said = airesearch(root, "init")
    assert said.code == 1 and what in said.err
    assert git(root, "for-each-ref", "refs/heads/node") == ""


# --- what it is given


def test_it_sees_the_readable_files_and_a_repository_of_its_own(tmp_path: Path) -> None:
    found = bench(
        tmp_path,
        "import os, subprocess\n"
        "os.makedirs('lib', exist_ok=True)\n"
        "top = subprocess.run(['git', 'rev-parse', '--show-toplevel'], capture_output=True)\n"
        "same = os.path.samefile(top.stdout.decode().strip(), os.getcwd())\n"
        "open('lib/seen', 'w').write(f'{sorted(os.listdir())} {same}')",
    )
    found.propose()
    seen = found.desk.read("lib/seen").decode()
    assert seen.endswith("True") and "'train.py'" in seen and "private" not in seen


def test_its_environment_is_a_trials_with_keys_and_home(tmp_path: Path) -> None:
    found = bench(
        tmp_path,
        "import os\nos.makedirs('lib', exist_ok=True)\n"
        "open('lib/env', 'w').write(repr(dict(os.environ)))",
        MY_API_KEY="k1",
        MY_BASE_URL="k2",
        MY_MODEL="k3",
        AWS_SECRET_ACCESS_KEY="no-aws",
        GITHUB_TOKEN="no-token",
        GIT_DIR="/no-git",
        PYTHONPATH="/no-path",
    )
    found.propose()
    env = eval(found.desk.read("lib/env"))
    assert (env["MY_API_KEY"], env["MY_BASE_URL"], env["MY_MODEL"]) == ("k1", "k2", "k3")
    assert env["HOME"] == os.environ["HOME"] and env["AIRESEARCH_SEED"] == "3"
    assert not [value for value in env.values() if value.startswith(("no-", "/no-"))]
    assert env["TMPDIR"].startswith(str(found.desks))


def test_the_brief_says_what_is_wanted_and_what_was_tried(tmp_path: Path) -> None:
    found = bench(
        tmp_path,
        "import os, sys\nos.makedirs('lib', exist_ok=True)\n"
        "assert sys.argv[1] == os.environ['AIRESEARCH_BRIEF']\n"
        "open('lib/brief', 'w').write(open(sys.argv[1]).read())",
    )
    nodes = [Past(n, "ok", n / 10, lambda _: None) for n in range(30)]
    why = "exit 1: a | b\n| 31 | ok | 0.0 |" + "x" * 200
    found.propose((*nodes, Past(30, "crash", None, lambda _: None, why)))
    brief = found.desk.read("lib/brief").decode()
    assert "minimize `val_error`; the baseline is at 0.4" in brief
    assert "Operator: improve." in brief and "`train.py`, `lib/`" in brief
    assert "- `train.py`" in brief and "- `evaluate.py`" not in brief
    rows = [line.split()[1] for line in brief.splitlines() if line.startswith("| ")][1:]
    assert rows == [*map(str, range(5)), *map(str, range(11, 31))]
    (last,) = (line for line in brief.splitlines() if line.startswith("| 30 "))
    assert last.startswith(r"| 30 | crash |  | exit 1: a \| b \| 31 \| ok \| 0.0 \|xxx")
    assert last.endswith("x… |") and len(last) < 160


READER = """\
import os, sys
os.makedirs("lib", exist_ok=True)
open("lib/brief", "w").write(open(sys.argv[1]).read())
open("train.py", "w").write("raise KeyError('no such layer')\\n")
"""


@pytest.mark.parametrize(
    ("read", "is_told"), [('["*"]', True), ('["*", "!/research/result.json"]', False)]
)
def test_an_agent_is_told_why_others_failed_if_it_may_read_it(
    tmp_path: Path, read: str, is_told: bool
) -> None:
    root = lab(tmp_path, READER)
    (root / "policies").mkdir()
    (root / "policies" / "coder.yaml").write_text(f"read: {read}\nwrite: ['*']\n")
    git(root, "add", "-A")
    git(root, "commit", "-qm", "Policy")
    step(root)
    assert airesearch(root, "step").code == 0
    brief = git(root, "show", "node/000002:lib/brief")
    (row,) = (line for line in brief.splitlines() if line.startswith("| 1 | crash |"))
    assert ("exit 1: KeyError: 'no such layer'" in row) is is_told
    assert "secret" not in brief


PEEK = """\
import glob, os, subprocess
os.makedirs("lib")
lab = os.getcwd().split("/.git/")[0]
places = [lab + "/private/key", lab + "/.git/HEAD", lab + "/.git/objects", lab + "/train.py"]
places += [f"{root}{lab}/private/key" for root in glob.glob("/proc/*/root")]
seen = [place[-11:] for place in places if os.path.exists(place)]
log = subprocess.run(["git", "-C", lab, "log", "--all"], capture_output=True).stdout
open("lib/seen", "w").write(f"{seen} {len(log)} {os.path.exists(os.environ['HOME'])}")
"""


@pytest.mark.skipif(bool(fault()), reason="bubblewrap does not work here")
def test_the_lab_around_its_folder_is_out_of_sight(tmp_path: Path) -> None:
    found = bench(tmp_path, PEEK)
    found.propose()
    assert found.desk.read("lib/seen") == b"['ab/train.py'] 0 True"


def test_a_task_without_a_sandbox_hides_nothing_of_it(tmp_path: Path) -> None:
    found = Bench(lab(tmp_path, PEEK, sandbox="none"))
    found.propose()
    assert b"private/key" in found.desk.read("lib/seen")


def test_the_hook_judges_its_commits_at_once(tmp_path: Path) -> None:
    commit = "subprocess.run(['git', 'commit', '-qam', 'mine'], capture_output=True)"
    agent = "import os\nos.makedirs('lib')\nopen('evaluate.py', 'a').write('1')\n"
    agent = f"import subprocess\n{agent}first = {commit}\n"
    agent += "subprocess.run(['git', 'checkout', '-q', 'HEAD', 'evaluate.py'])\n"
    agent += f"{LOWER}second = {commit}\n"
    agent += "open('lib/said', 'w').write(f'{first.returncode} {second.returncode} {first.stderr}')"
    python = ["env", f"PYTHONPATH={Path(airesearch_package.__file__).parent.parent}", "python"]
    member = {"backend": "command", "command": shlex.join([*python, "agent.py"])}
    found = Bench(lab(tmp_path, agent, team={"coder": member}))
    assert found.propose().subject == "mine"
    said = found.desk.read("lib/said").decode()
    assert said.startswith("1 0 ") and "evaluate.py is protected" in said


# --- how it ends


def test_uncommitted_edits_count_too(tmp_path: Path) -> None:
    found = bench(tmp_path, LOWER + COMMIT + "path.write_text('LR = 9')")
    assert found.propose() == Proposal("Lower LR", "Smaller steps.")
    assert found.desk.read("train.py") == b"LR = 9"


def test_edits_without_a_commit_are_named(tmp_path: Path) -> None:
    assert bench(tmp_path, LOWER).propose() == Proposal("edit train.py")


def test_many_commits_are_joined(tmp_path: Path) -> None:
    again = COMMIT.replace("-qam", "--allow-empty', '-qam").replace("Lower LR", "Again")
    proposal = bench(tmp_path, LOWER + COMMIT + again.replace("'", '"')).propose()
    assert proposal.subject == "Lower LR; Again"
    assert proposal.body == "Lower LR\n\nSmaller steps.\n\nAgain\n\nSmaller steps."


def test_a_failure_with_edits_is_taken_and_said(tmp_path: Path) -> None:
    found = bench(tmp_path, LOWER + "raise SystemExit('out of tokens')")
    assert found.propose().body == "The agent ended with exit 1: out of tokens"
    assert b"LR = 0.2" in found.desk.read("train.py")


def test_what_gitignore_and_outputs_name_is_left_behind(tmp_path: Path) -> None:
    junk = "".join(f"open({name!r}, 'w').write('x')\n" for name in ("a.log", "out.txt"))
    found = bench(tmp_path, LOWER + junk)
    assert found.propose().subject == "edit train.py"


def test_time_is_limited_to_ten_trials(tmp_path: Path) -> None:
    budget = {**TASK["budget"], "trial_seconds": 0.05}
    root = lab(tmp_path, LOWER + "import time\ntime.sleep(60)", budget=budget)
    with pytest.raises(ProposalFailed, match=r"python agent.py .*ran past 0.5 s"):
        Bench(root).propose()


def test_output_is_limited(tmp_path: Path) -> None:
    with pytest.raises(ProposalFailed, match="over the 2 MB allowed"):
        bench(tmp_path, "for n in range(9): open(f'{n}', 'wb').write(bytes(1 << 20))").propose()


@pytest.mark.parametrize("sandbox", ["auto", "none"])
def test_what_it_leaves_running_is_ended(tmp_path: Path, sandbox: str) -> None:
    nap = ["sleep", f"77.{os.getpid()}"]
    leave = f"child = subprocess.Popen({nap}, start_new_session=True)\n"
    Bench(lab(tmp_path, LOWER + leave, sandbox=sandbox)).propose()
    assert nap not in [process.info["cmdline"] for process in psutil.process_iter(["cmdline"])]


def test_a_folder_deeper_than_can_be_removed_by_recursion(tmp_path: Path) -> None:
    dig = "import os\nfor _ in range(1200):\n    os.mkdir('d')\n    os.chdir('d')\n"
    with pytest.raises((Denied, ProposalFailed)):
        bench(tmp_path, dig).propose()


def test_a_folder_replaced_by_a_link_leads_nowhere(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "kept").write_text("x")
    swap = "import os, shutil\nhere = os.getcwd()\nshutil.rmtree(here)\n"
    swap += f"os.symlink({str(tmp_path / 'outside')!r}, here)"
    with pytest.raises(Denied, match="gone or replaced"):
        Bench(lab(tmp_path, swap, sandbox="none")).propose()
    assert (tmp_path / "outside" / "kept").read_text() == "x"


def test_the_desks_of_dead_workers_are_swept(tmp_path: Path) -> None:
    found = bench(tmp_path, LOWER)
    stale = found.desks / "3-99999"
    stale.mkdir(parents=True)
    (stale / "train.py").write_text("x")
    found.propose()
    assert not stale.exists()


def test_a_killed_worker_leaves_no_agent_running(tmp_path: Path) -> None:
    root = lab(tmp_path, "import time\nopen('up', 'w').close()\ntime.sleep(60)\n")
    assert airesearch(root, "init").code == 0
    with subprocess.Popen([sys.executable, "-m", "airesearch", "step"], cwd=root) as worker:
        desks = root / ".git" / "airesearch" / "desks"
        until = time.monotonic() + 30
        while not list(desks.glob("*/up")) and time.monotonic() < until:
            time.sleep(0.02)
        agents = psutil.Process(worker.pid).children(recursive=True)
        worker.kill()
    assert agents and not psutil.wait_procs(agents, timeout=10)[1]
    (root / "agent.py").write_text(LOWER)
    git(root, "commit", "-qam", "a better agent")
    assert airesearch(root, "step").code == 0
    assert airesearch(root, "step").code == 0
    assert not list(desks.iterdir())


def test_a_killed_worker_s_agent_is_ended_by_the_next_command(tmp_path: Path) -> None:
    """Without a sandbox too, and what it has detached, in another folder, as well."""
    nap = f"79.{os.getpid()}"
    leave = f"subprocess.Popen(['sleep', '{nap}'], start_new_session=True, cwd='/')\n"
    agent = f"import subprocess, time\n{leave}open('up', 'w').close()\ntime.sleep(60)\n"
    root = lab(tmp_path, agent, sandbox="none")
    assert airesearch(root, "init").code == 0

    def left() -> list[psutil.Process]:
        return [p for p in psutil.process_iter(["cmdline"]) if p.info["cmdline"] == ["sleep", nap]]

    with subprocess.Popen([sys.executable, "-m", "airesearch", "step"], cwd=root) as worker:
        until = time.monotonic() + 30
        while not list((root / ".git/airesearch/desks").glob("*/up")) and time.monotonic() < until:
            time.sleep(0.02)
        worker.kill()
    assert left()
    (root / "agent.py").write_text(LOWER)
    git(root, "commit", "-qam", "a better agent")
    assert airesearch(root, "step").code == 0
    assert airesearch(root, "step").code == 0
    assert not left()


@pytest.mark.skipif(shutil.which("sh") is None, reason="no shell")
def test_any_program_will_do(tmp_path: Path) -> None:
    script = "sed -i s/0.5/0.3/ train.py && git commit -qam 'By sed' --no-verify"
    team = {"coder": {"backend": "command", "command": shlex.join(["sh", "-c", script])}}
    found = Bench(lab(tmp_path, "", team=team))
    assert found.propose().subject == "By sed"
    assert b"LR = 0.3" in found.desk.read("train.py")
