"""A push is judged against what stands when it moves, and moves all its branches or none."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from push_on_nodes import N4, as_node
from pushes import ZERO, World, run, shared_lab
from toys import airesearch, git, lr, toy

MAIN = "refs/heads/main"


def send(world: World, *commands: tuple[str, str, str], atomic: bool = False) -> str:
    """Push as a client that says what it likes of the old values; what the server reports."""
    new = "\n".join(new for _, new, _ in commands if new != ZERO)
    argv = ["git", "-C", world.lab, "pack-objects", "--revs", "--stdout", "-q"]
    pack = subprocess.run(argv, input=new.encode(), capture_output=True, check=True).stdout
    lines = [f"{old} {new} {ref}".encode() for old, new, ref in commands]
    lines[0] += b"\0report-status" + (b" atomic" if atomic else b"")
    text = b"".join(b"%04x%s" % (len(line) + 4, line) for line in lines) + b"0000" + pack
    done = subprocess.run(
        ["git", "receive-pack", world.shared], input=text, capture_output=True, check=False
    )
    return (done.stdout + done.stderr).decode("utf-8", "replace")


def forged_promotion(world: World) -> tuple[str, str]:
    """Another telling of node 2, which was discarded, and trunk with that promoted."""
    told = world.message("node/000002").replace("Verdict: discard", "Verdict: keep")
    tip = world.forge("node/000002", "node/000002^", message=told)
    text = world.message("main").replace("Node: 4\n", "Node: 2\n", 1)
    onto = git(world.shared, "rev-parse", "main").strip()
    return tip, world.forge("main", onto, tip, message=text, tree=f"{tip}^{{tree}}")


@pytest.mark.parametrize("atomic", [False, True])
@pytest.mark.parametrize("old", ["nothing", "another's", "its parent"])
def test_the_client_s_word_for_what_stands_is_not_believed(
    world: World, old: str, atomic: bool
) -> None:
    before = world.shared_refs()
    tip, trunk = forged_promotion(world)
    told = {"nothing": ZERO, "another's": world.at("node/000001"),
            "its parent": world.at("node/000002^")}[old]  # fmt: skip
    main = git(world.shared, "rev-parse", "main").strip()
    said = send(world, (told, tip, "refs/heads/node/000002"), (main, trunk, MAIN), atomic=atomic)
    assert "refs/heads/node/000002 is at" in said
    assert "ok refs" not in said
    assert world.shared_refs() == before


@pytest.mark.parametrize("ref", ["refs/heads/main", "refs/tags/v1", "refs/heads/idea",
                                 "refs/airesearch/lease/000009"])  # fmt: skip
def test_nor_for_any_other_ref(world: World, ref: str) -> None:
    git(world.lab, "push", "-q", str(world.shared), "main^:refs/heads/idea", "main^:refs/tags/v1")
    before = world.shared_refs()
    assert " is " in (said := send(world, (world.at("main~2"), world.at("main~3"), ref)))
    assert "ng " in said
    assert world.shared_refs() == before


def hooked(folder: Path, name: str, text: str) -> None:
    hook = folder / "hooks" / name
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\n{text}\n")
    hook.chmod(0o755)


@pytest.mark.parametrize("words", [("node/000004", "main"), ("main", "node/000004"),
                                   ("--atomic", "main", "node/000004"), ("--all",)])  # fmt: skip
def test_a_node_that_another_took_meanwhile_keeps_trunk_where_it_is(
    world: World, tmp_path: Path, words: tuple[str, ...]
) -> None:
    """By mere race: another node 4 comes after the client looked, and before it sent."""
    second = tmp_path / "second"
    git(tmp_path, "clone", "-q", str(world.shared), "second")
    with (second / "README").open("w") as file:
        file.write("a person's note\n")
    git(second, "add", "README")
    git(second, "commit", "-qm", "A note")
    git(second, "switch", "-q", "-c", "mine")
    git(second, "switch", "-q", "main")
    run(second, 1)
    node = git(second, "rev-parse", "node/000004").strip()
    push = f"git push -q {world.shared} node/000004"
    clean = "unset $(git rev-parse --local-env-vars)"
    hooked(world.lab / ".git", "pre-push", f"{clean}; cd {second} && {push} main")
    main_before = git(world.shared, "rev-parse", "main").strip()
    done = world.push(*words)
    assert done.returncode != 0
    assert git(world.shared, "rev-parse", "node/000004").strip() == node
    main = git(world.shared, "rev-parse", "main").strip()
    assert main in (main_before, git(second, "rev-parse", "main").strip())
    assert airesearch(world.shared, "verify").code == 0


@pytest.mark.parametrize("transport", ["file", "path", "daemon", "http"])
def test_a_lock_on_the_node_keeps_trunk_where_it_is(
    world: World, transport: str, tmp_path: Path
) -> None:
    """Whatever keeps git from moving the node: a lock that a killed process left."""
    from_here = {"path": str(world.shared), "file": world.shared.as_uri()}
    lock = world.shared / "refs" / "heads" / "node" / "000004.lock"
    lock.touch()
    before = world.shared_refs()
    with Served(world.shared, transport, tmp_path) as url:
        words = ["git", "-C", world.lab, "push", from_here.get(transport, url), N4, "main"]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        assert done.returncode != 0, done.stderr
        assert world.shared_refs() == before
        lock.unlink()
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    assert git(world.shared, "rev-parse", "main").strip() == world.at("main")


class Served:
    """The shared lab behind `git daemon` or `git http-backend`, on loopback."""

    def __init__(self, shared: Path, transport: str, tmp_path: Path) -> None:
        self._shared, self._transport = shared, transport
        self._log = tmp_path / "log"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> str:
        if self._transport not in ("daemon", "http"):
            return ""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        base = str(self._shared.parent)
        if self._transport == "daemon":
            argv = ["git", "daemon", "--reuseaddr", "--export-all", "--enable=receive-pack",
                    "--listen=127.0.0.1", f"--port={port}",
                    f"--base-path={base}", base]  # fmt: skip
            url = f"git://127.0.0.1:{port}/{self._shared.name}"
        else:
            git(self._shared, "config", "http.receivepack", "true")
            argv = [sys.executable, str(Path(__file__).parents[2] / "support" / "http_git.py"),
                    str(port), base]  # fmt: skip
            url = f"http://127.0.0.1:{port}/{self._shared.name}"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(argv, stdout=log, stderr=log, start_new_session=True)
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return url
            time.sleep(0.05)
        raise AssertionError(self._log.read_text())

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGTERM)
            self._process.wait()


def test_a_clash_of_names_among_people_s_branches_moves_none(world: World) -> None:
    before = world.shared_refs()
    done = world.push("main~4:refs/heads/x", "main~4:refs/heads/x/y", N4, "main")
    assert done.returncode != 0
    assert world.shared_refs() == before


def test_what_was_pushed_while_a_push_was_judged_is_judged_too(world: World) -> None:
    """Two pushes, each true alone and not with the other: the second is judged again."""
    hook = world.shared / "hooks" / "proc-receive"
    real = hook.with_name("real")
    hook.rename(real)
    other = f"git --git-dir {world.shared} update-ref refs/heads/node/000004 {world.at('main~2')}"
    hooked(world.shared, "proc-receive", f'env -u GIT_DIR {other}; exec "{real}"')
    done = world.push("main~4:refs/heads/idea", "main~4:refs/heads/other")
    assert done.returncode == 0, done.stderr  # still true
    git(world.shared, "update-ref", "-d", "refs/heads/node/000004")
    hooked(world.shared, "proc-receive",
           f'env -u GIT_DIR git --git-dir {world.shared} update-ref -d refs/heads/node/000003; '
           f'exec "{real}"')  # fmt: skip
    before = git(world.shared, "rev-parse", "main")
    done = world.push(N4, "main")
    assert "does not fit to what others pushed meanwhile" in done.stderr
    assert "its Parent-Node 3 is not here" in done.stderr
    assert git(world.shared, "rev-parse", "main") == before


def test_an_update_hook_still_has_its_say(world: World) -> None:
    before = world.shared_refs()
    hooked(world.shared, "update", 'echo "$1 $2 $3" >> asked; test "$1" != refs/heads/main')
    done = world.push(N4, "main")
    assert "the update hook declined refs/heads/main" in done.stderr
    assert world.shared_refs() == before
    hooked(world.shared, "update", "exit 0")
    assert world.push(N4, "main").returncode == 0


@pytest.mark.parametrize(("key", "words", "said"), [
    ("denyDeletes", (":refs/heads/idea",), "receive.denyDeletes"),
    ("denyNonFastForwards", ("+main~4:refs/heads/idea",), "receive.denyNonFastForwards"),
])  # fmt: skip
def test_the_settings_of_git_are_heeded(
    world: World, key: str, words: tuple[str, ...], said: str
) -> None:
    git(world.lab, "push", "-q", str(world.shared), "main^:refs/heads/idea")
    git(world.shared, "config", f"receive.{key}", "true")
    assert said in world.push(*words).stderr
    git(world.shared, "config", f"receive.{key}", "false")
    assert world.push(*words).returncode == 0


def test_a_branch_that_a_worktree_has_checked_out(world: World, tmp_path: Path) -> None:
    git(world.lab, "push", "-q", str(world.shared), "main~4:refs/heads/idea")
    git(world.shared, "worktree", "add", "-q", str(tmp_path / "tree"), "idea")
    assert "checked out in a worktree" in world.push("main^:refs/heads/idea").stderr


def test_a_ref_that_leads_to_another(world: World) -> None:
    """Git would move the trunk through it."""
    git(world.shared, "symbolic-ref", "refs/heads/alias", "refs/heads/main")
    before = world.shared_refs()
    assert world.push("+main~3:refs/heads/alias").returncode != 0
    assert world.shared_refs() == before


def test_a_node_that_trunk_has_otherwise(world: World) -> None:
    """The branch is gone from the shared lab: only what was promoted may come back."""
    git(world.shared, "update-ref", "-d", "refs/heads/node/000003")
    other = world.forge("node/000003~2", "node/000003~3")
    said = world.push(*as_node(world, other, 3)).stderr
    assert "trunk has" in said
    assert "which is not on this branch" in said
    done = world.push("node/000003")
    assert done.returncode == 0, done.stderr


def test_a_shared_lab_of_an_earlier_version_goes_on(world: World) -> None:
    """With pre-receive alone; `hook install` and `doctor` add what it lacks."""
    (world.shared / "hooks" / "proc-receive").unlink()
    git(world.shared, "config", "--unset-all", "receive.procReceiveRefs")
    done = world.push(N4)
    assert done.returncode == 0, done.stderr
    airesearch(world.shared, "doctor")
    assert (world.shared / "hooks" / "proc-receive").exists()
    assert git(world.shared, "config", "--get-all", "receive.procReceiveRefs").split() == [
        "refs/heads", "refs/tags"]  # fmt: skip
    assert world.push("main").returncode == 0


def test_a_proc_receive_of_the_user_s_is_left(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "--bare", "-b", "main", "s.git")
    hooked(tmp_path / "s.git", "proc-receive", "exit 1")
    said = airesearch(tmp_path / "s.git", "hook", "install")
    assert "is yours, and git asks one only" in said.out
    lab = toy(tmp_path / "lab", [lr(0.2)])
    assert World(lab, tmp_path / "s.git").push("--all").returncode == 0


def test_many_pushers_at_once_lose_nothing(world: World, tmp_path: Path) -> None:
    clones = [tmp_path / f"c{number}" for number in range(4)]
    for number, clone in enumerate(clones):
        git(tmp_path, "clone", "-q", str(world.shared), clone.name)
        git(clone, "switch", "-q", "-c", f"idea{number}")
        git(clone, "commit", "-q", "--allow-empty", "-m", "An idea")
        git(clone, "tag", f"v{number}")
    running = [
        subprocess.Popen(["git", "-C", clone, "push", "-q", world.shared, f"idea{number}",
                          f"v{number}"], stderr=subprocess.PIPE)
        for number, clone in enumerate(clones)
    ]  # fmt: skip
    ends = [process.communicate()[1].decode() for process in running]
    assert [process.returncode for process in running] == [0] * 4, ends
    there = git(world.shared, "for-each-ref", "--format=%(refname:short)").split()
    assert {f"idea{n}" for n in range(4)} | {f"v{n}" for n in range(4)} <= set(there)


def test_a_fresh_lab_takes_all_in_one(world: World, tmp_path: Path) -> None:
    fresh = World(world.lab, shared_lab(tmp_path / "fresh.git"))
    done = fresh.push("--mirror")
    assert done.returncode == 0, done.stderr
    assert not list((fresh.shared / "airesearch" / "judged").iterdir())
