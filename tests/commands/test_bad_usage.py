"""What people type wrongly, and where the output goes."""

import os
import subprocess
from pathlib import Path

import pytest
from bad_labs import AIRESEARCH, complains, seen, works
from toys import airesearch, lr, toy

COMMANDS = [
    "demo",
    "init",
    "step",
    "run",
    "status",
    "log",
    "tree",
    "show",
    "diff",
    "best",
    "lineage",
]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = toy(
        tmp_path_factory.mktemp("usage") / "lab",
        [lr(0.2), {"subject": "größe → 模型", "write": {"lib/x": "1"}}],
    )
    assert airesearch(folder, "run").code == 0
    return folder


@pytest.mark.parametrize("command", COMMANDS)
def test_help_needs_no_lab(tmp_path: Path, command: str) -> None:
    said = works(airesearch(tmp_path, command, "--help"))
    assert said.out.startswith(f"Usage: airesearch {command}")
    assert "__main__" not in said.out
    assert not any(tmp_path.iterdir())


def test_the_door(tmp_path: Path) -> None:
    for words in (["-h"], ["--help"]):
        said = works(airesearch(tmp_path, *words))
        assert all(f"\n  {command} " in said.out for command in COMMANDS)
    assert works(airesearch(tmp_path, "--version")).out.startswith("airesearch")
    bare = airesearch(tmp_path)
    assert bare.code in (0, 2)
    assert "Usage: airesearch" in bare.out + bare.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["stp"], "stp"),
        (["step", "--jsn"], "--json"),
        (["step", "--verbose"], "--verbose"),
        (["step", "3"], "3"),
        (["show"], "NODE"),
        (["show", "-1"], "-1"),
        (["show", "--", "-1"], "-1"),
        (["show", "one"], "one"),
        (["show", "1.5"], "1.5"),
        (["show", "node/one"], "node/one"),
        (["show", "node/"], "node/"),
        (["diff", "1"], "B"),
        (["run", "--trials", "0"], "--trials"),
        (["run", "--trials", "-5"], "--trials"),
        (["run", "--trials", "many"], "many"),
        (["run", "--hours", "0"], "--hours"),
        (["run", "--hours", "nan"], "--hours"),
        (["run", "--hours", "-inf"], "--hours"),
        (["log", "-n", "0"], "-n"),
        (["log", "-n", "x"], "x"),
        (["demo", "--trials", "0"], "--trials"),
    ],
)
def test_wrong_usage(lab: Path, words: list[str], said: str) -> None:
    before = seen(lab)
    complains(airesearch(lab, *words), said, "--help", code=2)
    assert seen(lab) == before


@pytest.mark.parametrize("node", ["1", "000001", "node/000001", "origin/node/000001"])
def test_a_node_as_git_names_it(lab: Path, node: str) -> None:
    assert airesearch(lab, "show", node, "--json").json()["node"] == 1


@pytest.mark.parametrize("command", ["show", "lineage"])
@pytest.mark.parametrize("node", ["3", "999999", str(2**31), str(2**63), "9" * 40])
def test_a_node_that_is_not_there(lab: Path, command: str, node: str) -> None:
    complains(
        airesearch(lab, command, node), f"no node {node}", "the last one is 2", "airesearch log"
    )


def test_a_number_too_long_to_be_one(lab: Path) -> None:
    said = airesearch(lab, "show", "9" * 5000)
    assert said.code in (1, 2)
    assert "Traceback" not in said.err
    assert len(said.err) < 12_000


def test_a_diff_with_a_node_that_is_not_there(lab: Path) -> None:
    complains(airesearch(lab, "diff", "0", "77"), "no node 77")


def test_very_long_runs_are_asked_for_and_end(lab: Path) -> None:
    complains(airesearch(lab, "run", "--trials", "9" * 30), "turns are played", code=3)
    complains(airesearch(lab, "run", "--hours", "1e308"), "turns are played", code=3)
    complains(airesearch(lab, "step"), "turns are played", code=3)
    assert airesearch(lab, "step", "--json").out == ""


def _piped(lab: Path, command: str, env: dict[str, str] | None = None) -> tuple[int, bytes, bytes]:
    words = " ".join(f"'{word}'" for word in AIRESEARCH)
    done = subprocess.run(
        ["bash", "-c", f"{words} {command}; exit ${{PIPESTATUS[0]}}"],
        cwd=lab, capture_output=True, env={**os.environ, **(env or {})}, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    "command", ["log", "tree", "log --json", "show 1", "diff 0 1", "--help", "best", "status"]
)
def test_a_closed_pipe(lab: Path, command: str) -> None:
    for reader in ("true", "head -1", "head -c 1"):
        code, _, err = _piped(lab, f"{command} | {reader}")
        assert err == b""
        assert code in (0, 1, 141)


@pytest.mark.parametrize("command", ["log", "tree --json", "step", "--help"])
def test_no_stdout_at_all(lab: Path, command: str) -> None:
    code, _, err = _piped(lab, f"{command} >&-")
    assert code in (0, 1, 3)
    assert b"Traceback" not in err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_behind_stdout(lab: Path) -> None:
    code, _, err = _piped(lab, "log > /dev/full")
    assert code == 1
    assert b"Traceback" not in err
    assert b"space" in err


def test_no_stderr_at_all(lab: Path) -> None:
    code, _, _ = _piped(lab, "show 77 2>&-")
    assert code == 1


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8:strict"])
@pytest.mark.parametrize(
    "words", [["log"], ["tree"], ["show", "2"], ["show", "2", "--json"], ["log", "--json"]]
)
def test_a_terminal_of_any_encoding(lab: Path, encoding: str, words: list[str]) -> None:
    code, out, err = _piped(lab, " ".join(words), {"PYTHONIOENCODING": encoding})
    assert code == 0, err.decode()
    assert out
    assert b"Traceback" not in err


TTY = """
import os, pty, sys
code = pty.spawn(sys.argv[1:])
sys.exit(os.waitstatus_to_exitcode(code))
"""


@pytest.mark.parametrize("seen_as", ["", "1"])
def test_no_color_is_kept(lab: Path, seen_as: str) -> None:
    env = {**os.environ, "NO_COLOR": seen_as, "TERM": "xterm"}
    for words in (["log"], ["show", "77"]):
        done = subprocess.run(
            [AIRESEARCH[0], "-c", TTY, *AIRESEARCH, *words],
            cwd=lab, capture_output=True, stdin=subprocess.DEVNULL, env=env, check=False,
        )  # fmt: skip
        assert (b"\x1b[3" in done.stdout) == (not seen_as), done.stdout


def test_json_is_json_and_nothing_else(lab: Path) -> None:
    for command in ("status", "log", "tree", "best", "show 1", "diff 0 1", "lineage 1"):
        said = airesearch(lab, *command.split(), "--json", env={"PYTHONWARNINGS": "error"})
        said.json()
        assert said.err == ""
