"""The hook files: they keep the user's own, start from anywhere, and judge commits."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from airesearch.agents.setup.create_lab import create_example_lab
from airesearch.gitlab.hooks.install import hook_text
from pushes import shared_lab
from toys import TRAIN, airesearch, git, lr, repository, toy, toy_files


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return toy(tmp_path_factory.mktemp("lab") / "lab", [lr(0.3)])


@pytest.fixture
def lab(made: Path, tmp_path: Path) -> Path:
    git(tmp_path, "clone", "-q", str(made), "lab")
    git(tmp_path / "lab", "fetch", "-q", "origin", "refs/heads/node/*:refs/heads/node/*")
    assert airesearch(tmp_path / "lab", "hook", "install").code == 0
    return tmp_path / "lab"


def script(path: Path, text: str, mode: int = 0o755) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(mode)
    return path


def commit(lab: Path, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["git", "-C", lab, "commit", "-m", "a change", *words],
        capture_output=True,
        text=True,
        env={**os.environ, **env},
        check=False,
    )


def edit(lab: Path, path: str, text: str = "x = 1\n") -> None:
    (lab / path).parent.mkdir(exist_ok=True)
    (lab / path).write_text(text)
    git(lab, "add", path)


def pre_commit(lab: Path) -> Path:
    return lab / ".git" / "hooks" / "pre-commit"


def test_a_lab_starts_with_the_hook(made: Path, tmp_path: Path) -> None:
    example = create_example_lab("digits", tmp_path / "digits", os.environ)
    for hook in (pre_commit(made), Path(example.repo.path) / "hooks" / "pre-commit"):
        assert os.access(hook, os.X_OK)
        assert "airesearch.commands.precommit" in hook.read_text()


def test_twice_is_as_good_as_once(lab: Path) -> None:
    before = pre_commit(lab).stat()
    assert airesearch(lab, "hook", "install").code == 0
    after = pre_commit(lab).stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert not pre_commit(lab).with_name("pre-commit.user").exists()


def test_the_hook_of_another_python_is_replaced(lab: Path) -> None:
    pre_commit(lab).write_text(hook_text("pre-commit", "/gone/python"))
    assert airesearch(lab, "hook", "install").code == 0
    assert "/gone" not in pre_commit(lab).read_text()
    assert not pre_commit(lab).with_name("pre-commit.user").exists()


@pytest.mark.parametrize("link", [False, True])
def test_the_users_hook_is_kept_and_runs_first(lab: Path, link: bool) -> None:
    pre_commit(lab).unlink()
    own = script(lab / ".git" / "hooks" / ("own.sh" if link else "pre-commit"),
                 'echo ran >> ran; test ! -e stop || { echo "no: stop"; exit 7; }')  # fmt: skip
    if link:
        pre_commit(lab).symlink_to(own.name)
    assert airesearch(lab, "hook", "install").code == 0
    edit(lab, "README")
    assert commit(lab).returncode == 0
    git(lab, "switch", "-q", "node/000000")
    edit(lab, "README")
    assert "only agents' actions belong" in commit(lab).stderr
    assert (lab / "ran").read_text() == "ran\nran\n"
    (lab / "stop").touch()
    refused = commit(lab)
    assert "no: stop" in refused.stderr
    assert "only agents" not in refused.stderr


def test_a_hook_git_would_not_run_is_not_run(lab: Path) -> None:
    pre_commit(lab).unlink()
    script(pre_commit(lab), "exit 1", mode=0o644)
    assert airesearch(lab, "hook", "install").code == 0
    edit(lab, "README")
    assert commit(lab).returncode == 0


def test_two_hooks_of_the_user_are_left_to_the_user(lab: Path) -> None:
    script(pre_commit(lab), "exit 0")
    script(pre_commit(lab).with_name("pre-commit.user"), "exit 1")
    said = airesearch(lab, "hook", "install")
    assert said.code == 1
    assert "remove pre-commit" in said.err
    assert "exit 0" in pre_commit(lab).read_text()


def test_hooks_elsewhere_are_left_alone(lab: Path, tmp_path: Path) -> None:
    pre_commit(lab).unlink()
    shared = script(tmp_path / "shared" / "pre-commit", "exit 0")
    git(lab, "config", "core.hooksPath", str(shared.parent))
    said = airesearch(lab, "hook", "install")
    assert said.code == 0
    assert f"{shared.parent}, which is left alone; add to pre-commit there" in said.out
    assert shared.read_text() == "#!/bin/sh\nexit 0\n"
    assert not pre_commit(lab).exists()
    call = said.out.partition("there: ")[2]
    script(shared, call)
    git(lab, "switch", "-q", "node/000000")
    edit(lab, "README")
    assert "only agents' actions belong" in commit(lab).stderr


def test_hooks_that_a_variable_of_the_user_s_has_elsewhere(lab: Path, tmp_path: Path) -> None:
    """Git reads what it names, and libgit2 does not: the doctor said that the hook is installed."""
    (tmp_path / "mine").write_text(f"[core]\n\thooksPath = {tmp_path}/shared\n")
    for env in (
        {"GIT_CONFIG_GLOBAL": str(tmp_path / "mine")},
        {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "core.hooksPath",
         "GIT_CONFIG_VALUE_0": f"{tmp_path}/shared"},
    ):  # fmt: skip
        said = airesearch(lab, "doctor", env=env)
        assert f"git's hooks are in {tmp_path}/shared, which is left alone" in said.out


def test_a_file_in_the_place_of_the_hooks_folder_is_said(lab: Path) -> None:
    shutil.rmtree(pre_commit(lab).parent)
    pre_commit(lab).parent.write_text("none, please\n")
    said = airesearch(lab, "doctor")
    assert said.code == 0
    assert "is no folder, so that git runs no hook" in said.out


def test_a_folder_in_the_place_of_the_users_hook_is_not_run(lab: Path) -> None:
    pre_commit(lab).unlink()
    pre_commit(lab).mkdir()
    assert airesearch(lab, "hook", "install").code == 0
    edit(lab, "README")
    assert commit(lab).returncode == 0


def test_a_folder_of_hooks_behind_a_link_is_left_alone(lab: Path, tmp_path: Path) -> None:
    pre_commit(lab).parent.rename(tmp_path / "hooks")
    pre_commit(lab).parent.symlink_to(tmp_path / "hooks")
    (tmp_path / "hooks" / "pre-commit").unlink()
    assert "left alone" in airesearch(lab, "hook", "install").out
    assert not (tmp_path / "hooks" / "pre-commit").exists()


def test_init_says_what_is_to_do_by_hand(tmp_path: Path) -> None:
    own = repository(tmp_path / "own", toy_files([]))
    git(own, "config", "core.hooksPath", "tools")
    said = airesearch(own, "init")
    assert said.code == 0
    assert "add to pre-commit there" in said.err


@pytest.mark.parametrize(
    "folder", ["plain", "sp ace", "quo'te", '$(touch bad)"`x`', "new\nline", "ü"]
)
def test_any_path_of_a_python(lab: Path, tmp_path: Path, folder: str) -> None:
    python = script(tmp_path / folder / "python", 'echo "called: $*" >&2')
    pre_commit(lab).write_text(hook_text("pre-commit", str(python)))
    git(lab, "config", "airesearch.agent", "scripted")
    edit(lab, "README")
    done = commit(lab)
    assert done.returncode == 0
    assert "called: -I -c" in done.stderr
    assert not list(lab.rglob("bad"))


def test_without_its_python_the_hook_finds_another_or_says_so(lab: Path, tmp_path: Path) -> None:
    pre_commit(lab).write_text(hook_text("pre-commit", "/gone/python"))
    git(lab, "config", "airesearch.agent", "scripted")
    edit(lab, "README")
    for program in ("git", "sh"):
        found = subprocess.run(["which", program], capture_output=True, text=True, check=True)
        (tmp_path / "bin").mkdir(exist_ok=True)
        (tmp_path / "bin" / program).symlink_to(found.stdout.strip())
    done = commit(lab, PATH=str(tmp_path / "bin"))
    assert done.returncode == 1
    assert "pip install airesearch" in done.stderr
    script(tmp_path / "bin" / "airesearch", 'echo "called: $*" >&2')
    done = commit(lab, PATH=str(tmp_path / "bin"))
    assert done.returncode == 0
    assert "called: hook pre-commit" in done.stderr


def test_a_person_may_change_anything_on_the_trunk(lab: Path) -> None:
    edit(lab, "evaluate.py")
    edit(lab, "research/result.json")
    assert commit(lab).returncode == 0


def test_a_person_commits_on_no_node(lab: Path, tmp_path: Path) -> None:
    git(lab, "worktree", "add", "-q", str(tmp_path / "tree"), "node/000000")
    edit(tmp_path / "tree", "train.py")
    done = commit(tmp_path / "tree")
    assert done.returncode == 1
    assert "git switch -c my-idea" in done.stderr
    git(tmp_path / "tree", "switch", "-q", "-c", "my-idea")
    assert commit(tmp_path / "tree").returncode == 0


def test_a_person_may_commit_where_no_branch_is(lab: Path) -> None:
    git(lab, "switch", "-q", "--detach", "node/000000")
    edit(lab, "README")
    assert commit(lab).returncode == 0


@pytest.fixture
def desk(lab: Path) -> Path:
    git(lab, "config", "airesearch.agent", "scripted")
    return lab


def test_an_agent_commits_what_its_policy_allows(desk: Path) -> None:
    edit(desk, "train.py", TRAIN.replace("0.5", "0.2"))
    edit(desk, "lib/new.py")
    done = commit(desk)
    assert done.returncode == 0, done.stderr


def test_an_agent_hears_every_reason(desk: Path) -> None:
    edit(desk, "evaluate.py")
    edit(desk, "lib/.gitattributes", "* text\n")
    (desk / "train.py").unlink()
    (desk / "train.py").symlink_to("/etc/passwd")
    git(desk, "add", "train.py")
    done = commit(desk)
    assert done.returncode == 1
    for reason in ("evaluate.py is protected", ".gitattributes could configure", "is a symlink"):
        assert reason in done.stderr
    assert "Traceback" not in done.stderr


def test_the_commit_is_judged_and_not_the_index(desk: Path) -> None:
    edit(desk, "evaluate.py")
    edit(desk, "train.py", TRAIN.replace("0.5", "0.2"))
    done = commit(desk, "train.py")
    assert done.returncode == 0, done.stderr
    git(desk, "reset", "-q", "--hard")
    (desk / "evaluate.py").write_text("print()\n")
    assert "evaluate.py is protected" in commit(desk, "-a").stderr


def test_a_module_in_the_folder_is_not_run(desk: Path) -> None:
    for name in ("click.py", "airesearch.py", "sitecustomize.py"):
        (desk / name).write_text("open('ran', 'w'); raise SystemExit(0)\n")
    edit(desk, "evaluate.py")
    assert "evaluate.py is protected" in commit(desk).stderr
    assert not (desk / "ran").exists()


def test_the_command_says_what_the_hook_says(desk: Path) -> None:
    edit(desk, "evaluate.py")
    said = airesearch(desk, "hook", "pre-commit")
    assert said.code == 1
    assert said.err.strip() == commit(desk).stderr.strip()


def test_an_agent_of_no_team(lab: Path) -> None:
    git(lab, "config", "airesearch.agent", "stranger")
    edit(lab, "train.py")
    assert "stranger is no agent of the team" in commit(lab).stderr


def test_pre_receive_hands_both_hooks_the_same_lines(lab: Path, tmp_path: Path) -> None:
    shared = tmp_path / "shared.git"
    git(tmp_path, "init", "-q", "--bare", "-b", "main", "shared.git")
    script(shared / "hooks" / "pre-receive", "cat > lines; test ! -e stop")
    assert shared_lab(shared) == shared
    git(lab, "push", "-q", str(shared), "main", "node/000000")
    assert (shared / "lines").read_text().count("refs/heads/") == 2
    edit(lab, "README")
    assert commit(lab).returncode == 0
    (shared / "stop").touch()
    words = ["git", "-C", str(lab), "push", str(shared), "main"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert "pre-receive hook declined" in done.stderr
    (shared / "stop").unlink()
    git(lab, "push", "-q", str(shared), "main")


def test_install_says_where_it_cannot(tmp_path: Path) -> None:
    said = airesearch(tmp_path, "hook", "install")
    assert said.code == 1
    assert "is not in a git repository" in said.err
