"""A remote's refs move by compare-and-swap, whatever fails, and nobody is asked for anything."""

import os
import pty
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pygit2
import pytest
from airesearch.gitlab.errors import AiresearchError, RefMoved, Refused
from airesearch.gitlab.remote import publish as wire
from airesearch.gitlab.remote import transport
from airesearch.gitlab.remote.behind import Lagging, lagging
from airesearch.gitlab.remote.publish import Wire
from airesearch.gitlab.store.refs import target
from airesearch.gitlab.store.trees import Oid
from remotes import BASIC, PASSWORD, USER, Daemon, guarded, served
from toys import git, repository

NODE = "refs/heads/node/000005"
LEASE = "refs/airesearch/lease/000005"


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    repository(tmp_path / "first", {"a": "1"})
    git(tmp_path, "clone", "-q", "--bare", "first", "shared.git")
    with served(tmp_path) as found:
        yield found


@pytest.fixture
def shared(daemon: Daemon, tmp_path: Path) -> Path:
    return tmp_path / "shared.git"


@pytest.fixture
def clone(daemon: Daemon, tmp_path: Path) -> Path:
    git(tmp_path, "clone", "-q", daemon.url("shared.git"), "clone")
    return tmp_path / "clone"


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (transport, wire):
        monkeypatch.setattr(module, "PAUSES", (0.05, 0.05))


def opened(folder: Path) -> Wire:
    return Wire(pygit2.Repository(folder))


def commit(folder: Path, parent: str = "main", text: str = "") -> Oid:
    """A commit on `parent` that no branch names."""
    message = text or f"a commit at {time.time_ns()}"
    return Oid(hex=git(folder, "commit-tree", f"{parent}^{{tree}}", "-p", parent, "-m", message)
               .strip())  # fmt: skip


def at(folder: Path, ref: str) -> Oid | None:
    return target(pygit2.Repository(folder), ref)


def test_a_branch_is_made_and_grows(clone: Path, shared: Path) -> None:
    here = opened(clone)
    first = commit(clone)
    here.publish(NODE, None, first)
    assert at(shared, NODE) == at(clone, "refs/remotes/origin/node/000005") == first
    second = commit(clone, str(first))
    here.publish(NODE, first, second)
    assert at(shared, NODE) == at(clone, "refs/remotes/origin/node/000005") == second
    assert git(shared, "fsck", "--strict") == ""


@pytest.mark.parametrize("old", ["nothing", "another", "an older"])
def test_what_is_not_as_expected_does_not_move(clone: Path, shared: Path, old: str) -> None:
    here = opened(clone)
    first = commit(clone)
    second = commit(clone, str(first))
    here.publish(NODE, None, first)
    here.publish(NODE, first, second)
    expected = {"nothing": None, "another": commit(clone), "an older": first}[old]
    with pytest.raises(RefMoved):
        here.publish(NODE, expected, commit(clone, str(expected or "main")))
    assert at(shared, NODE) == at(clone, "refs/remotes/origin/node/000005") == second


def test_what_was_there_and_is_not_is_not_made_again(clone: Path, shared: Path) -> None:
    first = commit(clone)
    with pytest.raises(RefMoved):
        opened(clone).publish(NODE, first, commit(clone, str(first)))
    assert at(shared, NODE) is None


@pytest.mark.parametrize("to", ["an older", "a stranger", "nothing"])
def test_a_branch_is_never_rewritten(clone: Path, shared: Path, to: str) -> None:
    here = opened(clone)
    first = commit(clone)
    here.publish(NODE, None, first)
    new = {"an older": at(clone, "refs/heads/main"), "a stranger": commit(clone), "nothing": None}
    with pytest.raises(AiresearchError, match="only grows"):
        here.publish(NODE, first, new[to])
    assert at(shared, NODE) == first


def test_a_lease_comes_changes_and_goes_with_its_blob(clone: Path, shared: Path) -> None:
    here = opened(clone)
    one, two = (here.repo.create_blob(text) for text in (b"one", b"two"))
    here.publish(LEASE, None, one)
    assert git(shared, "cat-file", "blob", LEASE) == "one"
    with pytest.raises(RefMoved):
        here.publish(LEASE, None, two)
    here.publish(LEASE, one, two)
    assert git(shared, "cat-file", "blob", LEASE) == "two"
    with pytest.raises(RefMoved):
        here.publish(LEASE, one, None)
    here.publish(LEASE, two, None)
    assert git(shared, "for-each-ref", "refs/airesearch") == ""
    with pytest.raises(RefMoved):
        here.publish(LEASE, two, one)


def test_a_push_whose_answer_was_lost_is_done(clone: Path, shared: Path) -> None:
    here, first = opened(clone), commit(clone)
    here.publish(NODE, None, first)
    here.publish(NODE, None, first)
    blob = here.repo.create_blob(b"x")
    here.publish(LEASE, None, blob)
    here.publish(LEASE, blob, None)
    here.publish(LEASE, blob, None)
    assert at(shared, NODE) == first and at(shared, LEASE) is None


def test_a_clone_of_one_branch_sees_the_nodes(daemon: Daemon, clone: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "-q", "--single-branch", daemon.url("shared.git"), "single")
    first = commit(clone)
    opened(clone).publish(NODE, None, first)
    here = opened(tmp_path / "single")
    here.fetch("main")
    assert at(tmp_path / "single", "refs/remotes/origin/node/000005") == first
    second = commit(tmp_path / "single", str(first))
    here.publish(NODE, first, second)
    assert at(tmp_path / "single", "refs/remotes/origin/node/000005") == second


def test_only_the_lab_is_fetched(clone: Path, shared: Path) -> None:
    for name in ("node/000005", "idea"):
        git(shared, "branch", name, "main")
    git(shared, "tag", "v1", "main")
    opened(clone).fetch("main")
    refs = git(clone, "for-each-ref", "--format=%(refname)").split()
    assert "refs/remotes/origin/node/000005" in refs
    assert not {"refs/tags/v1", "refs/remotes/origin/idea"} & set(refs)
    assert not (clone / ".git" / "FETCH_HEAD").exists()


def test_branches_here_that_lag(clone: Path, shared: Path) -> None:
    here = opened(clone)
    first = commit(clone)
    here.publish(NODE, None, first)
    git(clone, "branch", "--no-track", "node/000005", str(first))
    assert list(lagging(here.repo, "origin", "main")) == []
    second = commit(clone, str(first))
    here.publish(NODE, first, second)
    assert list(lagging(here.repo, "origin", "main")) == [Lagging("node/000005", first, second)]


@pytest.mark.parametrize("branch", ["main", "node/000005"])
def test_what_is_not_published_is_said_and_the_mend_works(
    clone: Path, shared: Path, branch: str
) -> None:
    here = opened(clone)
    git(clone, "update-ref", f"refs/heads/{branch}", str(commit(clone)))
    with pytest.raises(AiresearchError, match=f"{branch} holds commits that origin lacks") as told:
        list(lagging(here.repo, "origin", "main"))
    git(clone, "update-ref", "refs/heads/node/000007", "main")
    _type(clone, told.value.mend.partition(": ")[2])
    assert list(lagging(here.repo, "origin", "main")) == []
    assert at(shared, f"refs/heads/{branch}") == at(clone, f"refs/heads/{branch}")


@pytest.mark.parametrize("branch", ["main", "node/000005"])
def test_what_went_two_ways_is_said_and_the_mend_works(
    clone: Path, shared: Path, branch: str
) -> None:
    here = opened(clone)
    ref = f"refs/heads/{branch}"
    git(shared, "update-ref", ref, str(commit(shared, text="theirs")))
    git(clone, "update-ref", ref, str(commit(clone)))
    here.fetch("main")
    with pytest.raises(AiresearchError, match=f"{branch} (went one way|is one node) here") as told:
        list(lagging(here.repo, "origin", "main"))
    for command in told.value.mend.split("; then: "):
        _type(clone, command.partition(": ")[2] or command)
    assert [one.branch for one in lagging(here.repo, "origin", "main")] == []


def _type(folder: Path, command: str) -> None:
    done = subprocess.run(["sh", "-c", command], cwd=folder, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()


def test_a_hook_s_words_are_shown_and_cannot_steer_a_terminal(clone: Path, shared: Path) -> None:
    hook = shared / "hooks" / "pre-receive"
    hook.write_text(
        "#!/bin/sh\nprintf 'no: \\033[31mon Sundays\\n  nor on Mondays\\n' >&2\nexit 1\n"
    )
    hook.chmod(0o755)
    with pytest.raises(Refused) as told:
        opened(clone).publish(NODE, None, commit(clone))
    assert "does not take refs/heads/node/000005: pre-receive hook declined" in told.value.what
    assert "on Sundays\n  nor on Mondays" in told.value.mend
    assert "\033" not in str(told.value)
    assert at(shared, NODE) is at(clone, "refs/remotes/origin/node/000005") is None


def test_a_remote_that_hides_a_folder_of_refs(clone: Path, shared: Path) -> None:
    git(shared, "config", "receive.hideRefs", "refs/airesearch")
    here = opened(clone)
    with pytest.raises(Refused, match="deny updating a hidden ref"):
        here.publish(LEASE, None, here.repo.create_blob(b"x"))


def test_no_remote(tmp_path: Path) -> None:
    with pytest.raises(AiresearchError) as told:
        opened(repository(tmp_path / "alone", {"a": "1"}))
    assert told.value.mend == "name it: git remote add origin URL"


@pytest.mark.usefixtures("hasty")
def test_a_remote_that_is_gone(daemon: Daemon, clone: Path) -> None:
    here, first = opened(clone), commit(clone)
    daemon.stop()
    for act in (lambda: here.fetch("main"), lambda: here.publish(NODE, None, first)):
        with pytest.raises(AiresearchError, match="Connection refused") as told:
            act()
        assert "git ls-remote origin" in told.value.mend
        assert not isinstance(told.value, RefMoved | Refused)
    daemon.start()
    here.publish(NODE, None, first)


def test_a_remote_that_is_gone_for_a_moment(daemon: Daemon, clone: Path, shared: Path) -> None:
    here, first = opened(clone), commit(clone)
    daemon.stop()
    argv = [sys.executable, "-c", PUBLISH, str(clone), NODE, str(first)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        time.sleep(0.5)
        daemon.start()
        assert process.communicate()[0] == "done\n"
    assert at(shared, NODE) == first
    here.fetch("main")


def test_a_remote_that_takes_no_pushes(
    tmp_path: Path, clone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with served(tmp_path, "--informative-errors") as closed:
        git(clone, "remote", "set-url", "origin", closed.url("shared.git"))
        monkeypatch.setattr(wire, "PAUSES", (3600.0,))  # it is not asked again
        with pytest.raises(AiresearchError, match="service not enabled") as told:
            opened(clone).publish(NODE, None, commit(clone))
        assert "docs/ci.md" in told.value.mend


def test_a_trunk_that_is_not_there_yet(daemon: Daemon, tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "--bare", "-b", "main", "empty.git")
    lab = repository(tmp_path / "lab", {"a": "1"})
    git(lab, "remote", "add", "origin", daemon.url("empty.git"))
    with pytest.raises(AiresearchError) as told:
        opened(lab).fetch("main")
    _type(lab, told.value.mend.partition(": ")[2])
    opened(lab).fetch("main")


PUBLISH = """
import sys, pygit2
from airesearch.gitlab.errors import RefMoved
from airesearch.gitlab.store.trees import Oid
from airesearch.gitlab.remote.publish import Wire
try:
    Wire(pygit2.Repository(sys.argv[1])).publish(sys.argv[2], None, Oid(hex=sys.argv[3]))
    print("done")
except RefMoved:
    print("moved")
"""


def test_of_many_that_push_at_once_one_wins(daemon: Daemon, shared: Path, tmp_path: Path) -> None:
    clones = []
    for name in "abcd":
        git(tmp_path, "clone", "-q", daemon.url("shared.git"), name)
        clones.append(tmp_path / name)
    for round_ in range(6):
        ref = f"refs/heads/node/{round_:06d}"
        new = [commit(clone, text=f"{clone.name} {round_}") for clone in clones]
        pushes = [
            subprocess.Popen([sys.executable, "-c", PUBLISH, str(clone), ref, str(oid)],
                             stdout=subprocess.PIPE, text=True)
            for clone, oid in zip(clones, new, strict=True)
        ]  # fmt: skip
        said = [push.communicate()[0].strip() for push in pushes]
        assert sorted(said) == ["done", "moved", "moved", "moved"]
        assert at(shared, ref) == new[said.index("done")]


def test_workers_of_one_clone_do_not_take_each_other_s_refs_back(clone: Path, shared: Path) -> None:
    """A fetch that is slower than a push does not undo what the push has told."""
    fetching = (
        "import sys, pygit2\nfrom airesearch.gitlab.remote.publish import Wire\n"
        "here = Wire(pygit2.Repository(sys.argv[1]))\n"
        "while True: here.fetch('main')\n"
    )
    others = [subprocess.Popen([sys.executable, "-c", fetching, str(clone)]) for _ in range(3)]
    here, tip = opened(clone), commit(clone)
    here.publish(NODE, None, tip)
    try:
        for _ in range(25):
            new = commit(clone, str(tip))
            here.publish(NODE, tip, new)
            tip = new
            for _ in range(5):
                assert at(clone, "refs/remotes/origin/node/000005") == tip
    finally:
        for one in others:
            one.kill()
            one.wait()


def test_git_s_own_variables_do_not_lead_elsewhere(
    clone: Path, shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = commit(clone)
    for name, value in {"GIT_DIR": "first/.git", "GIT_WORK_TREE": "first", "GIT_NAMESPACE": "x",
                        "GIT_INDEX_FILE": "no", "GIT_OBJECT_DIRECTORY": "no"}.items():  # fmt: skip
        monkeypatch.setenv(name, str(tmp_path / value))
    opened(clone).publish(NODE, None, first)
    assert at(shared, NODE) == first


@pytest.fixture
def closed(tmp_path: Path, clone: Path) -> Iterator[str]:
    git(tmp_path / "shared.git", "config", "http.receivepack", "true")
    with guarded(tmp_path) as address:
        git(clone, "remote", "set-url", "origin", f"{address}/shared.git")
        yield address


def test_http_without_credentials_is_an_error_and_no_question(clone: Path, closed: str) -> None:
    here = opened(clone)
    for act in (lambda: here.fetch("main"), lambda: here.publish(NODE, None, commit(clone))):
        with pytest.raises(AiresearchError, match="could not read Username") as told:
            act()
        assert "docs/ci.md" in told.value.mend


def test_nobody_is_asked_at_a_terminal_either(clone: Path, closed: str) -> None:
    fetch = "import sys, pygit2\nfrom airesearch.gitlab.remote.publish import Wire\n" \
            "Wire(pygit2.Repository(sys.argv[1])).fetch('main')\n"  # fmt: skip
    child, terminal = pty.fork()
    if child == 0:
        os.execv(sys.executable, [sys.executable, "-c", fetch, str(clone)])
    said = b""
    with suppress(OSError):  # the terminal closes with its last user
        while not said.endswith(b"': ") and (more := os.read(terminal, 1000)):
            said += more
    os.close(terminal)
    os.waitpid(child, 0)
    assert b"terminal prompts disabled" in said


def test_http_with_false_credentials_does_not_tell_them(clone: Path, closed: str) -> None:
    url = closed.replace("//", "//ci:s3cret@")
    git(clone, "remote", "set-url", "origin", f"{url}/shared.git")
    with pytest.raises(AiresearchError, match="Authentication failed") as told:
        opened(clone).fetch("main")
    assert "s3cret" not in str(told.value)


@pytest.mark.parametrize("way", ["url", "header", "included header", "helper", "variable"])
def test_http_with_what_ci_gives(
    clone: Path, closed: str, shared: Path, tmp_path: Path, way: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    header = f"http.{closed}/.extraheader"
    if way == "url":
        url = closed.replace("//", f"//{USER}:{PASSWORD}@")
        git(clone, "remote", "set-url", "origin", f"{url}/shared.git")
    elif way == "header":
        git(clone, "config", header, f"AUTHORIZATION: basic {BASIC}")
    elif way == "included header":
        apart = tmp_path / "credentials.config"
        git(clone, "config", "-f", str(apart), header, f"AUTHORIZATION: basic {BASIC}")
        git(clone, "config", f"includeIf.gitdir:{clone}/.git.path", str(apart))
    elif way == "helper":
        words = f"echo username={USER}; echo password={PASSWORD}"
        helper = f'!f() {{ test "$1" = get && {{ {words}; }}; }}; f'
        git(clone, "config", "credential.helper", helper)
    else:
        setting = {"COUNT": "1", "KEY_0": header, "VALUE_0": f"authorization: basic {BASIC}"}
        for name, value in setting.items():
            monkeypatch.setenv(f"GIT_CONFIG_{name}", value)
    here, first = opened(clone), commit(clone)
    here.fetch("main")
    here.publish(NODE, None, first)
    assert at(shared, NODE) == first


@pytest.mark.parametrize("way", ["found", "variable", "setting"])
def test_ssh_with_what_ci_gives(
    clone: Path, shared: Path, tmp_path: Path, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Git calls a program as ssh; this one runs what it is told on this machine, and notes it."""
    ssh = tmp_path / "bin" / ("ssh" if way == "found" else "own-ssh")
    ssh.parent.mkdir()
    ssh.write_text(
        f'#!/bin/sh\necho "$*" >> {tmp_path}/called\nfor last; do :; done\neval "$last"\n'
    )
    ssh.chmod(0o755)
    git(clone, "remote", "set-url", "origin", f"ssh://git@lab.example{shared}")
    if way == "found":
        monkeypatch.setenv("PATH", f"{ssh.parent}:{os.environ['PATH']}")
    elif way == "variable":
        monkeypatch.setenv("GIT_SSH_COMMAND", f"{ssh} -i key")
    else:
        git(clone, "config", "core.sshCommand", f"{ssh} -i key")
    here, first = opened(clone), commit(clone)
    here.fetch("main")
    here.publish(NODE, None, first)
    assert at(shared, NODE) == first
    for line in (tmp_path / "called").read_text().splitlines():
        assert ("-o BatchMode=yes" if way == "found" else "-i key") in line
