"""No name that is pushed is one that git, a clone or a file system takes for another."""

import subprocess
from pathlib import Path

import pytest
from airesearch.agents.trunk.tree import load_tree
from airesearch.gitlab.lab.lab import open_lab
from airesearch.gitlab.names import like_a_labs, mistakable, node_at, node_of, node_places
from airesearch.gitlab.store.refs import node_tips
from forging import audited
from pushes import World, new_world
from toys import airesearch, git, lr, toy

LIKE_OURS = "is named like the trunk or a node's branch"
NODES = "has a node's name in it"
BELOW = "begins like the branches that git has below"
GITS = "is a name that git keeps for itself"
COMMITS = "could be taken for a commit's name"
HIDDEN = "holds characters that cannot be shown"
GAP = "would leave a gap: node 4 is not here, nor a lease on it"
IN_THE_WAY = "would be in the way of main"
NO_NODE = "is no node's name"

NAMES = {
    "tags/origin/main": BELOW,
    "tags/origin/node/000003": NODES,
    "tags/heads/main": BELOW,
    "tags/tags/v1": BELOW,
    "tags/remotes/origin/main": BELOW,
    "tags/refs/heads/main": BELOW,
    "tags/upstream/main": BELOW,
    "tags/Origin/main": BELOW,
    "heads/origin/main": BELOW,
    "heads/refs/heads/main": BELOW,
    "heads/foo/node/000009": NODES,
    "heads/foo/NODE/000009": NODES,
    "heads/foo/node/000009/x": NODES,
    "heads/foo/node/٠٠٠٠٠٩": NODES,
    "heads/a/b/node/99999999": NODES,
    "tags/x/node/5": NODES,
    "heads/origin": BELOW,
    "tags/HEAD": GITS,
    "tags/head": GITS,
    "tags/FETCH_HEAD": GITS,
    "heads/ORIG_HEAD": GITS,
    "tags/stash": GITS,
    "tags/deadbee": COMMITS,
    "tags/0123456789012345678901234567890123456789": COMMITS,
    "heads/Main": LIKE_OURS,
    "tags/MAIN": LIKE_OURS,
    "heads/ma\ufe0fin": HIDDEN,
    "heads/ma\u3164in": HIDDEN,
    "tags/ｍａｉｎ": LIKE_OURS,
    "tags/node": LIKE_OURS,
    "heads/Node/000001": LIKE_OURS,
    "heads/no\u034fde/000001": HIDDEN,
    "heads/x\u2028y": HIDDEN,
    "heads/x\u202ey": HIDDEN,
    "tags/x\u0085y": HIDDEN,
    "heads/node/x": NO_NODE,
    "heads/node/000004/x": NO_NODE,
    "heads/node/" + "9" * 19: NO_NODE,
    "heads/node/٠٠٠٠٠٤": NO_NODE,
    "heads/node/000005": GAP,
    "heads/node/4294967296": GAP,
    "heads/node/999999999999999999": GAP,
    "heads/main/x": IN_THE_WAY,
    "heads/Main/x/y": IN_THE_WAY,
    "tags/main/x": IN_THE_WAY,
}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return new_world(tmp_path_factory.mktemp("world"))


@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_misleads_is_refused(world: World, name: str) -> None:
    before = world.shared_refs()
    done = world.push(f"main~4:refs/{name}")
    assert NAMES[name] in done.stderr
    assert "Traceback" not in done.stderr
    assert world.shared_refs() == before


def test_a_name_of_five_thousand_digits(world: World) -> None:
    line = f"{'0' * 40} {world.at('main~4')} refs/heads/node/{'9' * 5000}\n"
    assert "is too long a name" in airesearch_hook(world.shared, line.encode())
    line = f"{'0' * 40} {world.at('main~4')} refs/airesearch/lease/{'9' * 200}\n"
    assert "is no lease's name" in airesearch_hook(world.shared, line.encode())


def airesearch_hook(shared: Path, lines: bytes) -> str:
    """What the hook says when it is given these lines by git."""
    done = subprocess.run([shared / "hooks" / "pre-receive"], input=lines, cwd=shared,
                          capture_output=True, check=False)  # fmt: skip
    assert done.returncode == 1
    said = done.stderr.decode()
    assert "Traceback" not in said
    return said


@pytest.mark.parametrize("name", ["x\u2028y z", "x\x0by", "x\x1cy", "x\x85y", "caf\udce9"])
def test_any_bytes_in_a_name(world: World, name: str) -> None:
    line = f"{'0' * 40} {world.at('main~4')} refs/heads/{name}\n"
    said = airesearch_hook(world.shared, line.encode("utf-8", "surrogateescape"))
    assert HIDDEN in said


@pytest.mark.parametrize("name", ["idea", "alice/node", "feature/nodes/1", "v1.0", "release/1.2",
                                  "origins/x", "added", "über", "héad",
                                  "z/heads/main"])  # fmt: skip
def test_honest_names_pass(world: World, name: str) -> None:
    for kind in ("heads", "tags"):
        done = world.push(f"main~4:refs/{kind}/{name}")
        assert done.returncode == 0, done.stderr
        git(world.shared, "update-ref", "-d", f"refs/{kind}/{name}")


def test_a_misleading_name_that_is_there_may_go(world: World) -> None:
    for ref in ("refs/tags/origin/main", "refs/heads/foo/node/000009"):
        git(world.shared, "update-ref", ref, "main")
        done = world.push(f":{ref}")
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    "branch", ["x/node/000009", "x/y/node/99999999", "node/000003/node/000007"]
)
def test_a_person_s_branch_is_no_node_in_a_clone(tmp_path: Path, branch: str, packed: bool) -> None:
    lab = toy(tmp_path / "lab", [lr(0.2), lr(0.1)])
    assert airesearch(lab, "run", "--trials", "1").code == 0
    git(lab, "branch", branch if "3/node" not in branch else "w/" + branch, "main")
    git(tmp_path, "clone", "-q", str(lab), "clone")
    clone = tmp_path / "clone"
    if packed:
        git(clone, "pack-refs", "--all")
    assert list(node_tips(open_lab(clone).repo)) == [0, 1]
    assert list(load_tree(open_lab(clone)).nodes) == [0, 1]
    assert audited(clone).violations == []
    assert airesearch(clone, "step", "--json").json()["node"] == 2


def test_a_remote_whose_name_has_a_slash(tmp_path: Path) -> None:
    lab = toy(tmp_path / "lab", [lr(0.2), lr(0.1)])
    assert airesearch(lab, "run", "--trials", "1").code == 0
    git(tmp_path, "clone", "-q", "-o", "team/lab", str(lab), "clone")
    clone = tmp_path / "clone"
    assert list(node_tips(open_lab(clone).repo)) == [0, 1]
    assert audited(clone).nodes == 2
    tree = load_tree(open_lab(clone))
    assert list(tree.nodes) == [0, 1]
    git(clone, "remote", "rename", "team/lab", "other")
    tree.refresh()
    assert list(tree.nodes) == [0, 1]
    git(clone, "config", "--remove-section", "remote.other")
    tree.refresh()
    assert list(tree.absent) == [0, 1]  # trunk holds both, and no branch does


def test_names_by_themselves() -> None:
    places = node_places(["b", "origin", "a/b"])
    assert places == ["heads", "remotes/origin", "remotes/a/b", "remotes/b"]
    assert node_at("refs/remotes/a/b/node/000001", places) == ("remotes/a/b", 1)
    assert node_at("refs/remotes/a/node/000001", places) is None
    assert node_of("node/1000000") == 1_000_000
    assert [node_of(n) for n in ("node/0000001", "node/1", "x/node/000001", "000001")] == [None] * 4
    assert not mistakable("alice/idea", "main")
    assert mistakable("team", "team/main")
    assert not mistakable("teams", "team/main")
    assert not like_a_labs("alice/idea", "main")


def test_a_branch_that_leads_to_no_commit_git_can_read_stops_no_push(world: World) -> None:
    """As an older server may have taken it in; the claims of what comes are all that is judged."""
    broken = b"tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\nauthor nobody\n\nbroken\n"
    words = ["git", "-C", world.shared, "hash-object", "-t", "commit", "--literally", "-w"]
    done = subprocess.run([*words, "--stdin"], input=broken, capture_output=True, check=True)
    (world.shared / "refs" / "heads" / "broken").write_bytes(done.stdout)
    pushed = world.push("main^:refs/heads/idea")
    assert pushed.returncode == 0, pushed.stderr
