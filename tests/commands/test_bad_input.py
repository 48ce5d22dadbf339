"""Where a command is started, and what the user has lying there: nothing of it is lost.

About 15 s on two cores; the slowest are the folder names (3 s).
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from bad_labs import STRICT, Seen, complains, copied, files, seen, whole, works
from toys import Said, airesearch, git, lr, repository, toy, toy_files

READS = (
    ["status"],
    ["log"],
    ["tree"],
    ["show", "0"],
    ["best"],
    ["lineage", "0"],
    ["diff", "0", "0"],
)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return toy(tmp_path_factory.mktemp("template") / "lab", [lr(0.2), lr(0.3), lr(0.15)])


@pytest.fixture
def lab(template: Path, tmp_path: Path) -> Path:
    """A measured toy lab whose next turns are kept, discarded, kept."""
    return copied(template, tmp_path / "lab")


@pytest.fixture
def fresh(tmp_path: Path) -> Path:
    """The toy's files committed, not yet a lab."""
    return repository(tmp_path / "lab", toy_files([lr(0.2)]))


@pytest.mark.parametrize("words", [["init"], ["step"], ["run"], *READS])
def test_an_empty_folder(tmp_path: Path, words: list[str]) -> None:
    complains(airesearch(tmp_path, *words), "airesearch init")
    assert not any(tmp_path.iterdir())


def test_files_outside_any_repository(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("1\n")
    for words in (["init"], ["step"], ["log"]):
        complains(airesearch(tmp_path, *words), "not in a git repository", "git init")
    assert [path.name for path in tmp_path.iterdir()] == ["train.py"]


def test_a_path_that_does_not_exist(tmp_path: Path) -> None:
    complains(airesearch(tmp_path, "init", "no/where"), "no/where", "does not exist")
    complains(airesearch(tmp_path, "-C", "no/where", "log"), "no/where")
    assert not any(tmp_path.iterdir())


def test_a_path_that_is_a_file(fresh: Path) -> None:
    before = seen(fresh)
    complains(airesearch(fresh, "init", "train.py"), "train.py", "folder")
    complains(airesearch(fresh, "-C", "train.py", "log"), "train.py")
    assert seen(fresh) == before


def test_a_bare_repository(tmp_path: Path, lab: Path) -> None:
    git(tmp_path, "clone", "-q", "--bare", str(lab), "bare")
    bare = tmp_path / "bare"
    before = files(bare)
    complains(airesearch(bare, "init"), "bare", "clone it")
    for words in READS:
        here, there = (airesearch(place, *words, "--json").json() for place in (bare, lab))
        for said in (here, there):
            said.pop("disk", None) if isinstance(said, dict) else None
        assert here == there
    after = {path: file for path, file in files(bare).items() if not path.startswith("airesearch/")}
    assert after == before, "only what may be deleted at any time is new"


def test_a_step_in_a_bare_clone(tmp_path: Path, lab: Path) -> None:
    git(tmp_path, "clone", "-q", "--bare", str(lab), "bare")
    assert airesearch(tmp_path / "bare", "step", "--json").json()["promoted"]
    whole(tmp_path / "bare")


def test_no_commits_yet(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "-b", "main", "lab")
    complains(airesearch(tmp_path / "lab", "init"), "no commits yet", "git commit")
    complains(airesearch(tmp_path / "lab", "step"), "airesearch init")
    complains(airesearch(tmp_path / "lab", "log"), "airesearch init")


def test_a_detached_head_at_init(fresh: Path) -> None:
    git(fresh, "checkout", "-q", "--detach")
    before = seen(fresh)
    complains(airesearch(fresh, "init"), "detached", "git switch")
    assert seen(fresh) == before


def _moved(before: Seen, after: Seen) -> None:
    """The record grew; files, index, HEAD and stash are as they were."""
    assert (after.head, after.files, after.index) == (before.head, before.files, before.index)
    assert (after.status, after.stash) == (before.status, before.stash)


@pytest.mark.parametrize("where", [["--detach"], ["node/000000"], ["-b", "mine"]])
def test_a_step_while_something_else_is_checked_out(lab: Path, where: list[str]) -> None:
    git(lab, "checkout", "-q", *where)
    before = seen(lab)
    assert airesearch(lab, "step", "--json").json()["promoted"]
    _moved(before, seen(lab))
    assert "LR = 0.2" in git(lab, "show", "main:train.py")
    whole(lab)


def test_a_step_while_the_next_node_s_branch_is_checked_out(lab: Path) -> None:
    git(lab, "symbolic-ref", "HEAD", "refs/heads/node/000001")
    before = seen(lab)
    works(airesearch(lab, "step"))
    assert seen(lab).files == before.files
    whole(lab)


def test_a_shallow_clone(tmp_path: Path, lab: Path) -> None:
    git(tmp_path, "clone", "-q", "--depth", "1", f"file://{lab}", "clone")
    before = seen(tmp_path / "clone")
    for words in (["init"], ["step"], ["log"]):
        complains(airesearch(tmp_path / "clone", *words), "shallow", "git fetch --unshallow")
    assert seen(tmp_path / "clone") == before


def test_a_sha256_repository(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "--object-format=sha256", "-b", "main", "lab")
    folder = repository(tmp_path / "lab", toy_files([lr(0.2)]))
    for words in (["init"], ["step"], ["log"]):
        complains(airesearch(folder, *words), "sha256", "sha1")
    assert not (folder / ".git" / "airesearch").exists()


def test_no_identity(tmp_path: Path, fresh: Path) -> None:
    (tmp_path / "none").write_text("")
    env = {"GIT_CONFIG_GLOBAL": str(tmp_path / "none"), "HOME": str(tmp_path)}
    works(airesearch(fresh, "init", env=env))
    works(airesearch(fresh, "step", env=env))
    assert git(fresh, "log", "-1", "--format=%cn", "main").strip() == "airesearch"
    assert set(git(fresh, "log", "-3", "--format=%cn", "node/000001").split()) == {"airesearch"}


def test_an_identity_in_the_environment_alone(fresh: Path) -> None:
    env = {"GIT_COMMITTER_NAME": "Bo", "GIT_COMMITTER_EMAIL": "bo@example.org"}
    works(airesearch(fresh, "init", env=env))
    assert git(fresh, "log", "-1", "--format=%cn", "main").strip() == "Bo"


@pytest.mark.parametrize(
    ("name", "written"),
    [(b"J\xf6rg", "J rg"), (b"a\nb <x>", "a b x"), (b"<>", "airesearch")],
)
def test_an_identity_that_git_could_not_write(fresh: Path, name: bytes, written: str) -> None:
    email = "bo@example.org\udcff>"
    env = {"GIT_COMMITTER_NAME": os.fsdecode(name), "GIT_COMMITTER_EMAIL": email}
    works(airesearch(fresh, "init", env=env))
    assert git(fresh, "log", "-1", "--format=%cn", "main").strip() == written


@pytest.mark.parametrize("name", ["user.useConfigOnly=true", "commit.gpgSign=true", "core.bare=x"])
def test_odd_configuration_of_the_user(fresh: Path, tmp_path: Path, name: str) -> None:
    key, _, value = name.partition("=")
    git(fresh, "config", key, value)
    said = airesearch(fresh, "init")
    assert said.code in (0, 1), said.err
    assert "Traceback" not in said.err


def test_a_broken_configuration(fresh: Path) -> None:
    with (fresh / ".git" / "config").open("a") as config:
        config.write("[half\n")
    for words in (["init"], ["log"]):
        complains(airesearch(fresh, *words), "config")


def test_without_git_the_error_says_so(fresh: Path, tmp_path: Path) -> None:
    works(airesearch(fresh, "init"))
    complains(airesearch(fresh, "step", env={"PATH": str(tmp_path)}), "have git on your PATH")


def test_files_that_may_not_grow(fresh: Path) -> None:
    works(airesearch(fresh, "init"))
    words = ["prlimit", "--fsize=0", sys.executable, "-m", "airesearch", "step"]
    done = subprocess.run(words, cwd=fresh, capture_output=True, text=True, check=False)
    complains(Said(done.returncode, done.stdout, done.stderr), "ulimit -f")


def test_a_damaged_head(fresh: Path) -> None:
    (fresh / ".git" / "HEAD").write_text("nonsense\n")
    complains(airesearch(fresh, "init"))


NAMES = [
    b"two words",
    b'it\'s "quoted" $HOME `x`',
    b"new\nline",
    "größe-模型".encode(),
    b"odd-\xff\xfe",
    b"-n",
    b"a:b",
    b"%s{0}[red]",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_folder_of_any_name(tmp_path: Path, name: bytes) -> None:
    folder = repository(tmp_path / os.fsdecode(name), toy_files([lr(0.2)]))
    for words in (["init"], ["step", "--json"], ["best"], ["show", "1"]):
        works(airesearch(folder, *words, env=STRICT))
    assert "LR = 0.2" in (folder / "train.py").read_text()
    complains(airesearch(folder, "init", env=STRICT), "already is a lab")


@pytest.mark.parametrize("name", NAMES)
def test_an_error_about_a_folder_of_any_name(tmp_path: Path, name: bytes) -> None:
    folder = tmp_path / os.fsdecode(name)
    folder.mkdir()
    (folder / "train.py").write_text("1\n")
    complains(airesearch(folder, "init", env=STRICT), "not in a git repository")
    complains(airesearch(tmp_path, "-C", os.fsdecode(b"./" + name), "log", env=STRICT), "not in a")


def test_a_lab_that_moved(tmp_path: Path, lab: Path) -> None:
    shutil.move(lab, tmp_path / "elsewhere")
    works(airesearch(tmp_path / "elsewhere", "step"))


def test_a_lab_that_was_copied(tmp_path: Path, template: Path) -> None:
    """A copy has other inodes and times than git's index remembers, and is as clean."""
    lab = Path(shutil.copytree(template, tmp_path / "copy", symlinks=True))
    said = works(airesearch(lab, "step"))
    assert said.err == ""
    assert "LR = 0.2" in (lab / "train.py").read_text()
    assert git(lab, "status", "--porcelain") == ""


def test_a_file_that_was_only_touched(lab: Path) -> None:
    (lab / "train.py").touch()
    assert works(airesearch(lab, "step")).err == ""
    assert git(lab, "status", "--porcelain") == ""


def test_a_command_in_a_folder_below(lab: Path) -> None:
    (lab / "notes").mkdir()
    assert airesearch(lab / "notes", "step", "--json").json()["promoted"]
    assert "LR = 0.2" in (lab / "train.py").read_text()


def test_git_s_own_variables_do_not_lead_elsewhere(tmp_path: Path, lab: Path) -> None:
    """As in a git hook, where git sets them for its own repository."""
    other = repository(tmp_path / "other", {"a": "1\n"})
    before = seen(other)
    env = {"GIT_DIR": str(other / ".git"), "GIT_INDEX_FILE": str(other / ".git" / "index")}
    said = airesearch(lab, "step", env=env)
    assert seen(other) == before
    works(said)
    assert git(lab, "status", "--porcelain") == ""
