"""What stands where none of ours was: named or stepped over, and the rest works."""

import os
import shutil
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pygit2
import pytest
from airesearch.gitlab.errors import AiresearchError
from airesearch.gitlab.lab.lab import open_lab
from airesearch.gitlab.store.own_file import read_own, write_own
from airesearch.gitlab.store.trees import walk
from bad_labs import copied
from forging import audited, feed
from pushes import shared_lab
from toys import airesearch, git, lr, toy

TURNS = [lr(0.2), lr(0.4), lr(0.15)]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = toy(tmp_path_factory.mktemp("template") / "lab", TURNS)
    assert airesearch(folder, "run", "--trials", "1").code == 0
    return folder


@pytest.fixture
def lab(template: Path, tmp_path: Path) -> Path:
    return copied(template, tmp_path / "lab")


def folder(path: Path) -> None:
    path.mkdir(parents=True)
    (path / "x").write_text("x")


def pipe(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    os.mkfifo(path)


def link(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to("/etc/passwd")


def file(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"\xff\0")


@pytest.mark.timeout(60)
@pytest.mark.parametrize("plant", [folder, pipe, link, file])
@pytest.mark.parametrize(
    "name",
    ["handles/2.1.json", "replies/2.json", "replies/2", "audited.json", "handles", "clock",
     "removing", "wire"],
)  # fmt: skip
def test_a_step_goes_on_whatever_is_planted(
    lab: Path, name: str, plant: Callable[[Path], None]
) -> None:
    passwd = Path("/etc/passwd").read_bytes()
    place = lab / ".git" / "airesearch" / name
    if place.is_dir():
        shutil.rmtree(place)
    else:
        place.unlink(missing_ok=True)
    plant(place)
    said = airesearch(lab, "step", "--json")
    assert said.code == 0, said.err
    assert said.json()["node"] == 2
    assert airesearch(lab, "verify").code == 0
    assert Path("/etc/passwd").read_bytes() == passwd


@pytest.mark.timeout(60)
@pytest.mark.parametrize("plant", [folder, pipe, link, file])
@pytest.mark.parametrize("end", ["", "-journal", "-wal", "-shm"])
def test_nothing_waits_at_what_stands_beside_the_index(
    lab: Path, end: str, plant: Callable[[Path], None]
) -> None:
    """SQLite opens files of its own beside one, unasked."""
    passwd = Path("/etc/passwd").read_bytes()
    assert airesearch(lab, "best").code == 0
    (index,) = (lab / ".git" / "airesearch").glob("index-*.sqlite")
    place = index.with_name(f"{index.name}{end}")
    place.unlink(missing_ok=True)
    plant(place)
    # As a command of its own: in this process the file would be open.
    said = airesearch(lab, "step", "--json", env={"A": ""})
    assert said.json()["node"] == 2
    assert Path("/etc/passwd").read_bytes() == passwd


def test_our_files_are_plain(tmp_path: Path) -> None:
    for number, plant in enumerate((folder, pipe, link)):
        plant(tmp_path / f"{number}")
        with pytest.raises(OSError):
            read_own(tmp_path / f"{number}")
        plant(tmp_path / f"{number}" / "x" if False else tmp_path / f"{number}.json.{os.getpid()}")
        write_own(tmp_path / f"{number}.json", b"ours")
        write_own(tmp_path / f"{number}", b"ours")
        assert read_own(tmp_path / f"{number}") == b"ours"


def test_our_folder_is_removed_again_and_again(lab: Path) -> None:
    over = threading.Event()

    def remove() -> None:
        while not over.wait(0.05):
            shutil.rmtree(lab / ".git" / "airesearch", ignore_errors=True)

    thread = threading.Thread(target=remove)
    thread.start()
    try:
        said = airesearch(lab, "run", "--trials", "2")
    finally:
        over.set()
        thread.join()
    assert said.code in (0, 1, 3), said.err
    assert "Traceback" not in said.err
    assert airesearch(lab, "verify").code == 0
    assert airesearch(lab, "run").code in (0, 3)


REFS = {
    "a broken file": lambda git_dir: (git_dir / "refs/heads/broken").write_bytes(b"\xff\0nonsense"),
    "an empty file": lambda git_dir: (git_dir / "refs/heads/empty").write_bytes(b""),
    "a round of two": lambda git_dir: [
        (git_dir / f"refs/heads/{a}").write_text(f"ref: refs/heads/{b}\n") for a, b in ("xy", "yx")
    ],
    "a ref to itself": lambda git_dir: (git_dir / "refs/heads/me").write_text(
        "ref: refs/heads/me\n"
    ),
    "a dangling one": lambda git_dir: (git_dir / "refs/heads/gone").write_text(
        "ref: refs/heads/nowhere\n"
    ),
    "an object that is not here": lambda git_dir: (git_dir / "refs/heads/far").write_text(
        f"{'12' * 20}\n"
    ),
    "a tag of nothing": lambda git_dir: (git_dir / "refs/tags/far").write_text(f"{'12' * 20}\n"),
    "a name in no encoding": lambda git_dir: Path(
        os.fsdecode(os.fsencode(git_dir / "refs/heads") + b"/caf\xe9")
    ).write_text((git_dir / "refs/heads/main").read_text()),
    "a folder": lambda git_dir: (git_dir / "refs/heads/deep/er").mkdir(parents=True),
    "a remote's HEAD to nowhere": lambda git_dir: [
        (git_dir / "refs/remotes/origin").mkdir(parents=True),
        (git_dir / "refs/remotes/origin/HEAD").write_text("ref: refs/remotes/origin/gone\n"),
    ],
    "a node that is a broken file": lambda git_dir: (
        git_dir / "refs/heads/node/000007"
    ).write_bytes(b"\xff"),
    "a node that is a round": lambda git_dir: (git_dir / "refs/heads/node/000007").write_text(
        "ref: refs/heads/node/000007\n"
    ),
}


@pytest.mark.parametrize("name", REFS)
def test_a_ref_that_nobody_can_parse(lab: Path, name: str) -> None:
    REFS[name](lab / ".git")
    for command in ("status", "log", "best", "tree", "step", "verify"):
        said = airesearch(lab, command)
        assert "Traceback" not in said.err, (command, said.err)
        if name.startswith("a node") and command == "verify":
            assert "the branch cannot be read" in said.out
        else:
            assert said.code == 0, (command, said.err)


@pytest.mark.parametrize("name", REFS)
def test_such_a_ref_in_a_shared_lab(lab: Path, tmp_path: Path, name: str) -> None:
    shared = shared_lab(tmp_path / "s.git")
    git(lab, "push", "-q", str(shared), "main^:refs/heads/main", "node/000000")
    REFS[name](shared)
    words = ["git", "-C", str(lab), "push", str(shared), "node/000001", "main:refs/heads/idea"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
    assert git(shared, "rev-parse", "node/000000").strip()


def test_ten_thousand_tags(lab: Path, tmp_path: Path) -> None:
    tip = git(lab, "rev-parse", "main").strip()
    lines = b"".join(b"create refs/tags/t/%d %s\n" % (n, tip.encode()) for n in range(10_000))
    feed(lab, lines, "update-ref", "--stdin")
    git(lab, "pack-refs", "--all")
    for command in ("status", "step", "verify"):
        assert airesearch(lab, command).code == 0
    shared = shared_lab(tmp_path / "s.git")
    git(lab, "push", "-q", str(shared), "--all")
    packed = shared / "packed-refs"
    packed.write_bytes(b"".join(b"%s refs/tags/t/%d\n" % (tip.encode(), n) for n in range(10_000)))
    git(lab, "push", "-q", str(shared), "main:refs/heads/idea")


def deep(lab: Path, levels: int, copies: int = 1) -> str:
    """A commit on trunk with folders that lie in each other, each holding the next so often."""
    repo = pygit2.Repository(str(lab))
    below = repo.create_blob(b"x")
    mode = b"100644"
    for _ in range(levels):
        tree = b"".join(b"%s %03d\0%s" % (mode, name, below.raw) for name in range(copies))
        below, mode = repo.odb.write(pygit2.enums.ObjectType.TREE, tree), b"40000"
    top = repo.revparse_single("main^{tree}")
    entries = [b"%o %s\0%s" % (e.filemode, e.name.encode(), e.id.raw) for e in top]
    entries.append(b"40000 zz\0" + below.raw)
    root = repo.odb.write(pygit2.enums.ObjectType.TREE, b"".join(entries))
    words = ["commit-tree", str(root), "-p", "main"]
    return feed(lab, b"deep\n", *words)


@pytest.mark.timeout(120)
@pytest.mark.parametrize(("levels", "copies", "said"), [
    (1200, 1, "is more than 250 folders deep"), (260, 1, "is more than 250 folders deep"),
    (40, 8, "holds more than 5,000,000 files"), (12, 200, "holds more than 5,000,000 files"),
])  # fmt: skip
def test_folders_that_no_disk_holds(
    lab: Path, tmp_path: Path, levels: int, copies: int, said: str
) -> None:
    shared = shared_lab(tmp_path / "s.git")
    git(lab, "push", "-q", str(shared), "--all")
    tip = deep(lab, levels, copies)
    words = ["git", "-C", str(lab), "push", str(shared), f"{tip}:refs/heads/main"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert said in done.stderr
    git(lab, "update-ref", "refs/heads/main", tip)
    for command in ("status", "log"):
        assert airesearch(lab, command).code == 0
    if copies == 1:
        step = airesearch(lab, "step")
        assert "Traceback" not in step.err, step.err
        here = open_lab(lab)
        with pytest.raises(AiresearchError, match="deep in each other"):
            list(walk(here.repo, here.tree_of(tip)))


def test_replacements_are_named_and_not_believed(lab: Path) -> None:
    lie = git(lab, "commit-tree", "-m", "a lie", "main^{tree}").strip()
    git(lab, "replace", "main", lie)
    said = airesearch(lab, "status")
    assert said.code == 0
    assert "refs/replace" in said.err
    assert "refs/replace" in airesearch(lab, "doctor").out
    assert "git shows another object in its place" in airesearch(lab, "verify").out
    assert airesearch(lab, "step", "--json").json()["node"] == 2


def test_grafts_are_named(lab: Path) -> None:
    tip = git(lab, "rev-parse", "main").strip()
    (lab / ".git" / "info").mkdir(exist_ok=True)
    (lab / ".git" / "info" / "grafts").write_text(f"{tip}\n")
    said = airesearch(lab, "status")
    assert said.code == 1
    assert "info/grafts tells other parents" in said.err
    assert "git shows other parents" in airesearch(lab, "verify").out
    (lab / ".git" / "info" / "grafts").write_text("")
    assert airesearch(lab, "status").code == 0
    assert audited(lab).violations == []


_WORDS = {"group": 0o020, "true": 0o020, "0660": 0o020, "all": 0o020, "umask": 0, "false": 0}


@pytest.mark.parametrize("word", _WORDS)
def test_a_shared_repository_is_written_for_its_group(lab: Path, word: str) -> None:
    git(lab, "config", "core.sharedRepository", word)
    before = set((lab / ".git").rglob("*"))
    mask = os.umask(0o022)
    try:
        assert airesearch(lab, "step").code == 0
    finally:
        os.umask(mask)
    made = set((lab / ".git").rglob("*")) - before
    assert any("refs/heads/node" in str(path) for path in made)
    for path in made:
        is_object = path.is_file() and "objects" in path.parts
        if not is_object and "trials" not in path.parts and path.exists():
            assert path.stat().st_mode & 0o020 == _WORDS[word], path


def test_fetched_names_in_a_clone(lab: Path, tmp_path: Path) -> None:
    """The clutter of others is what a clone brings along."""
    for ref in ("refs/heads/x/node/000009", "refs/tags/origin/main", "refs/heads/HEAD"):
        git(lab, "update-ref", ref, "main")
    git(tmp_path, "clone", "-q", str(lab), "clone")
    assert airesearch(tmp_path / "clone", "verify").code == 0
    assert airesearch(tmp_path / "clone", "step", "--json").json()["node"] == 2
