"""Folders that stay laid out: whatever a trial did to one, the next finds what a new one holds."""

import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from airesearch.agents.executors.local import folder_cache
from airesearch.agents.executors.local.folder_cache import LARGE, ExportedTree, FolderCache
from airesearch.agents.executors.local.process import Limits, reap_orphans, run
from airesearch.agents.executors.local.sandbox import choose
from airesearch.gitlab.lab.lab import open_repository
from airesearch.gitlab.store.trees import (
    EMPTY,
    Oid,
    Repository,
    differences,
    edit,
    export_tree,
    walk,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from toys import airesearch, code, repository, toy_files

LIMITS = Limits(20, 1 << 30, 1 << 30)
ONE: dict[str, str | bytes] = {
    "train.py": "LR = 0.5\n",
    "a/one": "1\n",
    "a/two": "2\n",
    "a/b/three": "3\n",
    "gone/in/it": "x\n",
    "was/folder": "x\n",
    "was-file": "x\n",
    "run.sh": "#!/bin/sh\n",
    "name\nwith": "newline\n",
}
ENOUGH = 100
"""The files of a tree that is large here: what a trial may do to one file is the same in any."""
# Each is what a candidate does in its folder, as a program; T holds the times of `a/one` before.
ATTACKS = {
    "nothing": "",
    "another content, same size and times": "open('a/one','w').write('9\\n'); back('a/one')",
    "a mapping, same times": """
with open('a/one','r+b') as f, mmap.mmap(f.fileno(), 0) as m:
    m[0]; time.sleep(0.02); m[0] = 57
back('a/one')""",
    "a mode": "os.chmod('a/one', 0o755)",
    "a mode, and back": "os.chmod('a/one', 0o600); os.chmod('a/one', 0o644)",
    "set-user-id": "os.chmod('run.sh', 0o4755)",
    "a folder's mode": "os.chmod('a/b', 0o777)",
    "the top folder's mode": "os.chmod('.', 0o777)",
    "a folder closed": "os.chmod('a', 0o000)",
    "a new folder closed": "os.makedirs('new/in'); open('new/in/f','w'); os.chmod('new', 0)",
    "a hard link in a file's place": "os.unlink('a/one'); os.link('a/two','a/one')",
    "a second name": "os.link('a/one','other')",
    "a link in a file's place": "os.unlink('a/one'); os.symlink('two','a/one')",
    "a link in a folder's place": "os.rename('a','c'); os.symlink('c','a')",
    "a link out in a folder's place": "os.rename('a','c'); os.symlink('/tmp','a')",
    "a link's target": "os.unlink('link'); os.symlink('a/two','link')",
    "a link to another folder": "os.symlink('/usr','usr')",
    "a folder in a file's place": "os.unlink('a/one'); os.makedirs('a/one/x')",
    "a file in a folder's place": "shutil.rmtree('a'); open('a','w')",
    "a copy in a folder's place": "shutil.copytree('a','b'); swap('a','b'); shutil.rmtree('b')",
    "folders swapped": "swap('data/00','data/01')",
    "files swapped": "swap('a/one','a/two')",
    "a file away and back": "os.rename('a/one','c'); os.rename('c','a/one')",
    "a folder away and back": "os.rename('a','c'); os.rename('c','a')",
    "a file gone": "os.unlink('data/03/07')",
    "a folder gone": "shutil.rmtree('data/03')",
    "all gone": "os.system('rm -rf *')",
    "cut short": "os.truncate('a/one', 0)",
    "sparse": "os.truncate('a/one', 1 << 24)",
    "longer and as long again": "os.truncate('a/one', 99); os.truncate('a/one', 2); back('a/one')",
    "a socket and a pipe": "socket.socket(socket.AF_UNIX).bind('sock'); os.mkfifo('a/pipe')",
    "a pipe in a file's place": "os.unlink('a/one'); os.mkfifo('a/one')",
    "an attribute": "os.setxattr('a/one','user.x',b'1')",
    "a folder's attribute": "os.setxattr('a','user.x',b'1')",
    "an access list for what is made later": """
os.setxattr('a', 'system.posix_acl_default', bytes.fromhex(
    '02000000' '01000700ffffffff' '04000700ffffffff' '20000700ffffffff'))""",
    "a folder's flag": "fcntl.ioctl(os.open('a', 0), 0x40086602, (0x40).to_bytes(8, 'little'))",
    "odd names": "open(b'\\xff\\n\\x01','w'); os.mkdir('-rf'); open(b'a/\\xfe','w')",
    "compiled code": "os.mkdir('a/__pycache__'); open('a/__pycache__/x.pyc','w').write('x')",
    "as deep as it goes": """
for _ in range(300):
    os.mkdir('d' * 100); os.chdir('d' * 100)""",
    "many files": "os.mkdir('m'); [open(f'm/{n}','w') for n in range(1000)]",
    "what the next tree changes": "open('train.py','w').write('9'); open('gone/in/more','w')",
    "in the way of the next tree": "os.makedirs('new/deep/x'); os.mkdir('was/other')",
}  # fmt: skip
PRELUDE = """
import fcntl, mmap, os, shutil, socket, time
T = os.stat('a/one')
def swap(a, b): os.rename(a, 'aside'); os.rename(b, a); os.rename('aside', b)
def back(path): os.utime(path, ns=(T.st_atime_ns, T.st_mtime_ns))
"""


class Trees:
    """Two trees of so many files of data and some more, and what a new folder of each holds."""

    def __init__(self, folder: Path, size: int) -> None:
        data = {f"data/{n % 10:02d}/{n // 10:02d}": f"{n}\n" for n in range(size)}
        root = repository(folder / "lab", {**ONE, **data})
        self.repo: Repository = open_repository(root)
        start = self.repo.head.peel().tree.id
        script = edit(self.repo, start, {"link": b""})
        self.one = _with_modes(self.repo, script)
        gone = ("gone/in/it", "was/folder", "was-file")
        other = {
            "train.py": b"LR = 0.1\n",
            **dict.fromkeys(gone),
            "new/deep/x": b"new\n",
            "was-file/is/folder": b"x\n",
            "data/00/00": b"other\n",
        }
        self.other = edit(self.repo, edit(self.repo, self.one, other), {"was": b"a file\n"})
        self.expected = {tree: self._fresh(folder / f"{tree}", tree) for tree in self.both}

    @property
    def both(self) -> tuple[Oid, Oid]:
        return self.one, self.other

    def _fresh(self, folder: Path, tree: Oid) -> dict[str, Any]:
        export_tree(self.repo, tree, folder, kept)
        return holds(folder)


def _with_modes(repo: Repository, tree: Oid) -> Oid:
    """With a program and a link in it, told by mode alone."""
    entries = {e.path: e for e in walk(repo, tree)}
    link, shell = entries["link"], entries["run.sh"]
    target = repo.create_blob(b"a/one")
    return edit(
        repo,
        tree,
        {
            "link": type(link)("link", target, 0o120000),
            "run.sh": type(shell)("run.sh", shell.oid, 0o100755),
        },
    )


def kept(path: str) -> bool:
    return path != "data/09/09"


def holds(folder: Path) -> dict[str, Any]:
    """All that a program could find in a folder but times and inodes."""
    found = {}
    for path in [folder, *folder.rglob("*")]:
        facts = path.lstat()
        names = {n: os.getxattr(path, n, follow_symlinks=False)
                 for n in os.listxattr(path, follow_symlinks=False)}  # fmt: skip
        data = os.readlink(path) if path.is_symlink() else b""
        if stat.S_ISREG(facts.st_mode):
            data = path.read_bytes()
            assert facts.st_nlink == 1
        found[str(path.relative_to(folder))] = (
            facts.st_mode,
            facts.st_uid,
            facts.st_gid,
            names,
            data,
        )
    return found


@pytest.fixture(scope="module")
def trees(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trees]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(folder_cache, "LARGE", ENOUGH)
        yield Trees(tmp_path_factory.mktemp("trees"), ENOUGH)


@pytest.fixture(scope="module")
def large_trees(tmp_path_factory: pytest.TempPathFactory) -> Trees:
    """What is large outside of tests too."""
    return Trees(tmp_path_factory.mktemp("large"), LARGE)


@pytest.fixture(scope="module")
def pool(trees: Trees, tmp_path_factory: pytest.TempPathFactory) -> FolderCache:
    found = FolderCache(trees.repo, tmp_path_factory.mktemp("trials"), is_sealed=True)
    if found.export("candidate", trees.one, kept, Path("/nowhere")).snapshot is None:
        pytest.skip("this file system does not tell of every change")
    return found


def lent(pool: FolderCache, tree: Oid) -> ExportedTree:
    return pool.export("candidate", tree, kept, Path("/nowhere"))


def act(pool: FolderCache, laid: ExportedTree, program: str) -> None:
    """Run a candidate's program in the folder it was lent."""
    argv = [sys.executable, "-IS", "-c", PRELUDE + program]
    ran = run(
        argv, folder=laid.folder, env={"PATH": os.defpath}, limits=LIMITS, before=laid.snapshot
    )
    pool.give_back("candidate", ran.left)
    unsupported = b"Errno 95" in ran.log or b"Inappropriate ioctl" in ran.log
    if unsupported:
        pytest.skip("not on this file system")
    assert ran.code == 0 or ran.stopped == "output", ran


@pytest.mark.parametrize("attack", ATTACKS)
def test_the_next_trial_finds_a_new_folder_s_content(
    trees: Trees, pool: FolderCache, attack: str
) -> None:
    for tree in (trees.one, trees.one, trees.other):
        laid = lent(pool, trees.one)
        assert holds(laid.folder) == trees.expected[trees.one]
        act(pool, laid, ATTACKS[attack])
        assert holds(lent(pool, tree).folder) == trees.expected[tree]


@pytest.mark.parametrize("is_large", [False, True])
def test_only_what_the_next_tree_changes_is_written(
    tmp_path: Path,
    trees: Trees,
    large_trees: Trees,
    monkeypatch: pytest.MonkeyPatch,
    is_large: bool,
) -> None:
    if is_large:
        monkeypatch.setattr(folder_cache, "LARGE", LARGE)
        trees = large_trees
    pool = FolderCache(trees.repo, tmp_path, is_sealed=True)
    laid = lent(pool, trees.one)
    untouched = (laid.folder / "data/05/05").stat().st_ino
    act(pool, laid, "open('out.npy','w'); os.makedirs('new/deep')")
    again = lent(pool, trees.other)
    assert (again.folder / "data/05/05").stat().st_ino == untouched
    assert (again.folder / "train.py").read_text() == "LR = 0.1\n"


# Each leaves the content as it was, and a bit for each file that it does it to.
TOUCHES = {
    "a file's times": "os.utime('data/05/05', ns=(7, 7))",
    "times set to what they were": "os.utime('a/one', ns=(T.st_atime_ns, T.st_mtime_ns))",
    "when it was last read": "os.utime('a/one', ns=(7, T.st_mtime_ns))",
    "a mode and back": "os.chmod('a/one', 0o600); os.chmod('a/one', 0o644)",
    "the same content again": "text = open('a/one').read(); open('a/one', 'w').write(text)",
    "away and back": "os.rename('a/one', 'c'); os.rename('c', 'a/one')",
    "a second name, gone again": "os.link('a/one', 'c'); os.unlink('c')",
    "a file in a folder, gone again": "open('a/b/x', 'w'); os.unlink('a/b/x')",
    "a folder in a folder": "os.mkdir('data/05/x')",
    "a folder's times": "os.utime('data/05', ns=(7, 7))",
    "an attribute": "os.setxattr('a/one','user.x',b'1'); os.removexattr('a/one','user.x')",
}


@pytest.mark.parametrize("touch", TOUCHES)
def test_what_was_touched_cannot_be_told_from_the_rest(
    trees: Trees, pool: FolderCache, touch: str
) -> None:
    laid = lent(pool, trees.one)
    last = max(path.lstat().st_mtime_ns for path in laid.folder.rglob("*"))
    act(pool, laid, f"time.sleep(0.01); {TOUCHES[touch]}")
    again = lent(pool, trees.one)
    assert min(path.lstat().st_mtime_ns for path in again.folder.rglob("*")) > last


def test_what_was_read_cannot_be_told_from_the_rest(trees: Trees, pool: FolderCache) -> None:
    laid = lent(pool, trees.one)
    inode = (laid.folder / "a/one").stat().st_ino
    act(pool, laid, "open('a/one').read(); os.listdir('a/b'); os.readlink('link')")
    again = lent(pool, trees.one)
    facts = [path.lstat() for path in again.folder.rglob("*")]
    assert len({facts.st_atime_ns - facts.st_mtime_ns for facts in facts}) == 1
    assert (again.folder / "a/one").stat().st_ino == inode


def test_a_run_that_tells_nothing_of_its_end_costs_the_folder(
    trees: Trees, pool: FolderCache
) -> None:
    laid = lent(pool, trees.one)
    (laid.folder / "a/one").write_text("by nobody that was waited for")
    again = lent(pool, trees.one)
    assert again.folder != laid.folder
    assert not laid.folder.exists()
    assert holds(again.folder) == trees.expected[trees.one]


@pytest.mark.parametrize("above", [0, 1, 2], ids=["the folder", "the pool", "all"])
def test_what_was_deleted_is_laid_out_anew(tmp_path: Path, trees: Trees, above: int) -> None:
    pool = FolderCache(trees.repo, tmp_path / "trials", is_sealed=True)
    laid = lent(pool, trees.one)
    act(pool, laid, "")
    shutil.rmtree([laid.folder, *laid.folder.parents][above])
    again = lent(pool, trees.one)
    assert holds(again.folder) == trees.expected[trees.one]
    reap_orphans(tmp_path / "trials")
    assert again.folder.is_dir()


def test_a_tree_that_gc_took_costs_the_folder(tmp_path: Path, trees: Trees) -> None:
    pool = FolderCache(trees.repo, tmp_path, is_sealed=True)
    tree = edit(trees.repo, trees.one, {"only-here": b"x"})
    act(pool, lent(pool, tree), "")
    name = str(tree)
    (Path(trees.repo.path) / "objects" / name[:2] / name[2:]).unlink()
    pool._repo = open_repository(Path(trees.repo.workdir))
    assert holds(lent(pool, trees.one).folder) == trees.expected[trees.one]


def test_small_trees_and_those_without_a_sandbox_get_a_new_folder(
    tmp_path: Path, trees: Trees
) -> None:
    small = edit(trees.repo, EMPTY, {"a": b"1"})
    sealed = FolderCache(trees.repo, tmp_path / "trials", is_sealed=True)
    assert sealed.export("candidate", small, kept, tmp_path / "1") == ExportedTree(tmp_path / "1")
    assert not (tmp_path / "trials").exists()
    bare = FolderCache(trees.repo, tmp_path / "trials", is_sealed=False)
    assert bare.export("candidate", trees.one, kept, tmp_path / "2") == ExportedTree(tmp_path / "2")
    assert holds(tmp_path / "2") == trees.expected[trees.one]


def test_a_file_system_that_keeps_changes_to_itself_gets_no_folder(trees: Trees) -> None:
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK):
        pytest.skip("no memory file system")
    place = memory / f"pool-test-{os.getpid()}"
    pool = FolderCache(trees.repo, place / "trials", is_sealed=True)
    laid = pool.export("candidate", trees.one, kept, place / "fresh")
    try:
        told = laid.snapshot is not None
        if told:  # a kernel whose memory files tell as well
            act(pool, laid, ATTACKS["a mapping, same times"])
            assert holds(lent(pool, trees.one).folder) == trees.expected[trees.one]
        else:
            assert laid.folder == place / "fresh"
    finally:
        del pool
        subprocess.run(["rm", "-rf", place], check=True)


def test_it_goes_with_its_worker(tmp_path: Path, trees: Trees) -> None:
    first, second = (FolderCache(trees.repo, tmp_path, is_sealed=True) for _ in range(2))
    folders = [lent(pool, trees.one).folder for pool in (first, second)]
    assert folders[0] != folders[1]
    reap_orphans(tmp_path)
    assert all(folder.is_dir() for folder in folders)
    del first
    assert [folder.is_dir() for folder in folders] == [False, True]
    del second
    assert not list(tmp_path.iterdir())


WORKER = """
import sys
from pathlib import Path
from airesearch.agents.executors.local.folder_cache import FolderCache
from airesearch.agents.executors.local.process import Limits, run
from airesearch.gitlab.lab.lab import open_repository
repo, trials, *trees = sys.argv[1:]
pool = FolderCache(open_repository(Path(repo)), Path(trials), is_sealed=True)
print("up", flush=True)
while True:
    for tree in trees:
        laid = pool.export("candidate", tree_of(tree), lambda _: True, Path("/nowhere"))
        print("laid", flush=True)
        ran = run(["sleep", "0.05"], folder=laid.folder, env={"PATH": "/usr/bin:/bin"},
            limits=Limits(9, 1 << 30, 1 << 30), before=laid.snapshot)
        pool.give_back("candidate", ran.left)
"""


@pytest.mark.parametrize("wait", [0.0, 0.02, 0.05, 0.1, 0.2, 0.4, 0.8])
def test_a_killed_worker_s_folder_is_swept(tmp_path: Path, large_trees: Trees, wait: float) -> None:
    program = WORKER.replace("tree_of(tree)", "__import__('pygit2').Oid(hex=tree)")
    places = (large_trees.repo.workdir, tmp_path, *map(str, large_trees.both))
    argv = [sys.executable, "-c", program, *places]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as worker:
        assert worker.stdout is not None
        worker.stdout.readline()
        time.sleep(wait)
        reap_orphans(tmp_path)
        worker.send_signal(signal.SIGKILL)
    for left in tmp_path.iterdir():  # one that had no name yet is swept once it is a minute old
        os.utime(left, (0, 0))
    reap_orphans(tmp_path)
    assert not list(tmp_path.iterdir())


paths = st.lists(st.sampled_from("abc"), min_size=1, max_size=3).map("/".join)
contents = st.dictionaries(paths, st.sampled_from([b"1", b"2"]), max_size=6)


@settings(deadline=None)
@given(contents, contents)
def test_differences_lead_from_one_tree_to_the_other(
    trees: Trees, one: dict[str, bytes], other: dict[str, bytes]
) -> None:
    old, new = (edit(trees.repo, EMPTY, _clash_free(files)) for files in (one, other))
    before, after = ({e.path: e for e in walk(trees.repo, tree)} for tree in (old, new))
    found = list(differences(trees.repo, old, new))
    assert {d.path for d in found} == {
        p for p in {**before, **after} if before.get(p) != after.get(p)
    }
    assert all((d.before, d.after) == (before.get(d.path), after.get(d.path)) for d in found)


def _clash_free(files: dict[str, bytes]) -> dict[str, bytes]:
    folders = {p.rsplit("/", n)[0] for p in files for n in range(1, p.count("/") + 1)}
    return {path: data for path, data in files.items() if path not in folders}


TAMPER = """\
import os
open("lib/table.py", "w").write("VALUE = 0.0")
os.utime("lib/table.py", (1, 1))
open("data/500", "w").write("spoilt")
os.makedirs("lib/__pycache__", exist_ok=True)
open("lib/hint", "w").write("0.0")
open("out.txt", "w").write("0.3")
"""
HONEST = """\
import os
from lib.table import VALUE
assert open("data/500").read() == "500", "data"
assert not os.path.exists("lib/hint") and not os.path.exists("out.txt"), "left over"
open("out.txt", "w").write(str(VALUE))
"""
FORGETFUL = "print('no output')\n"
EVALUATE = """\
import json, os
assert len(os.listdir("private")) == 1200
json.dump({"val_error": float(open("out.txt").read())}, open(os.environ["AIRESEARCH_METRICS"], "w"))
"""


def test_nothing_of_a_trial_reaches_the_next_one(tmp_path: Path) -> None:
    if choose("auto") == "none":
        pytest.skip("no sandbox here")
    programs = (TAMPER, HONEST, FORGETFUL, f"{HONEST}A = 1\n")
    turns = [code(text, f"program {n}") for n, text in enumerate(programs)]
    files: dict[str, str | bytes] = {
        **toy_files(turns), "evaluate.py": EVALUATE, "lib/table.py": "VALUE = 0.2\n",
        **{f"data/{n}": str(n) for n in range(1200)},
        **{f"private/{n}": str(n) for n in range(1200)},
    }  # fmt: skip
    lab = repository(tmp_path / "lab", files)
    assert airesearch(lab, "init").code == 0
    said = airesearch(lab, "run", "--trials", "4", "--json")
    assert said.code == 0, said.err
    nodes = {n["node"]: n for n in airesearch(lab, "log", "--json").json()}
    assert [nodes[n]["status"] for n in (1, 2, 3, 4)] == ["ok", "ok", "metric", "ok"]
    assert nodes[2]["metrics"]["val_error"] == 0.2
    assert not list((lab / ".git/airesearch/trials").iterdir())
