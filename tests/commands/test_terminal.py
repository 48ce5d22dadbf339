"""Nothing that somebody else wrote moves a terminal's cursor, sets its title or turns its text."""

import ast
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import airesearch as package
import pytest
from toys import TRAIN, airesearch, git, lr, toy

NASTY = (
    "\x1b]0;TITLE\x07\x1b[2J\x9b31m\u202eesrever\u2066\u200b\ufe0f\U000e0041\u2028\x85\rnode 9 keep"
)
NAME = "lib/a\u202eb\u200b\x1b[31m.py"
OURS = re.compile(r"\x1b\[(?:\d+(?:;\d+)*)?m|\r\n|\x1b\[\?25[lh]|\x1b\[\d*[AK]|\r")
"""What the commands themselves say to a terminal: colours, and the live line of `run`."""
BAD = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u034f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\ufe00-\ufe0f\ufeff\U000e0000-\U000e0fff]"
)


def on_terminal(folder: Path, *words: str, **env: str) -> str:
    """What a command prints to a terminal of its own, both streams."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "airesearch", *words]
    variables = {**os.environ, "TERM": "xterm", "COLUMNS": "200", **env}
    process = subprocess.Popen(
        command, cwd=folder, stdin=theirs, stdout=theirs, stderr=theirs, env=variables
    )
    os.close(theirs)
    data = b""
    try:
        while chunk := os.read(ours, 1 << 16):
            data += chunk
    except OSError:  # as Linux says that the other side is closed
        pass
    process.wait()
    os.close(ours)
    return data.decode()


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nodes that say it wherever they can: in subject, body, name, content, log and reason."""
    shout = f"import sys\nprint({NASTY!r})\nsys.exit({NASTY!r})\n"
    turns = [
        lr(0.2, body=f"Why {NASTY}"),
        {"subject": f"S {NASTY}", "body": NASTY, "write": {"train.py": shout, NAME: f"{NASTY}\n"}},
        {"subject": NASTY, "write": {f"no/{NAME}": NASTY}},
        lr(0.15, write={"train.py": TRAIN.replace("0.5", "0.15") + f"print({NASTY!r})\n"}),
        lr(0.12),
    ]
    folder = toy(tmp_path_factory.mktemp("terminal") / f"lab{NAME[5:-3]}", turns, name=f"n{NASTY}")
    said = airesearch(folder, "run", "--trials", "3")
    assert said.code == 0, said.err
    git(folder, "branch", "b\u202er\u200b")
    return folder


COMMANDS = [
    ["status"],
    ["log"],
    ["tree"],
    ["show", "1"],
    ["show", "2"],
    ["show", "3"],
    ["diff", "1", "2"],
    ["best"],
    ["lineage", "2"],
    ["verify"],
    ["doctor"],
    ["hook", "install"],
    ["-C", f"no{NASTY}", "status"],
    ["show", NASTY],
    ["verify", f"{NASTY}..main"],
]


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: ascii(" ".join(words)))
def test_a_terminal_gets_no_word_of_others(lab: Path, words: list[str]) -> None:
    said = on_terminal(lab, *words)
    assert said and not BAD.findall(OURS.sub("", said)), ascii(said)
    assert "\r" not in said.replace("\r\n", ""), ascii(said)


@pytest.mark.parametrize("words", COMMANDS[:10], ids=" ".join)
def test_nor_does_a_pipe(lab: Path, words: list[str]) -> None:
    said = airesearch(lab, *words)
    assert not BAD.findall(said.out.replace("\n", "")), ascii(said.out)


def test_what_is_hidden_is_shown(lab: Path) -> None:
    said = airesearch(lab, "show", "2").out
    assert r"\x1b]0;TITLE\x07\x1b[2J\x9b31m\u202eesrever" in said


def test_steps_as_they_are_taken(lab: Path) -> None:
    for words in (["run", "--trials", "1"], ["step"]):
        said = on_terminal(lab, *words)
        assert "keep" in said and not BAD.findall(OURS.sub("", said)), ascii(said)


def test_json_has_all_of_it(lab: Path) -> None:
    said = airesearch(lab, "show", "2", "--json")
    assert said.out.isascii() and not BAD.findall(said.out.replace("\n", ""))
    facts = said.json()
    assert "\u202e" in facts["diff"]["paths"][0] and f"+{NASTY[:-12]}" in facts["patch"]


def test_a_patch_of_windows_lines_is_one(tmp_path: Path) -> None:
    turn = {
        "subject": "x",
        "write": {"train.py": TRAIN.replace("0.5", "0.2"), "lib/w": "a\r\nb\r\n"},
    }
    folder = toy(tmp_path / "lab", [turn])
    assert airesearch(folder, "run").code == 0
    patch = airesearch(folder, "diff", "0", "1").out.partition("\n\n")[2]
    git(folder, "switch", "-q", "--detach", "node/000000")
    (tmp_path / "patch").write_bytes(patch.encode())
    git(folder, "apply", str(tmp_path / "patch"))
    assert (folder / "lib" / "w").read_bytes() == b"a\r\nb\r\n"


def test_a_task_that_cannot_be_read_is_quoted_escaped(tmp_path: Path) -> None:
    folder = toy(tmp_path / "lab", [])
    task = (folder / "airesearch.yaml").read_text()
    for bad in ("x\u202e: 1\n", "search: {policy: 'a\u202eb\u200b'}\n", "\u202e\u2066: [\n"):
        (folder / "airesearch.yaml").write_text(task + bad)
        git(folder, "commit", "-qam", f"Worse {NASTY[:4]}", "--no-verify")
        said = on_terminal(folder, "step")
        assert "error" in said and not BAD.findall(OURS.sub("", said)), ascii(said)


def test_commands_print_by_one_function() -> None:
    """Which escapes; what else prints has nothing of anybody in it, or is escaped beside."""
    root, prints = Path(package.__file__).parent, set()
    for path in (*root.glob("*.py"), *root.glob("commands/**/*.py")):
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in (
                "click.echo",
                "click.secho",
                "print",
                "console.print",
                "sys.stdout.write",
                "sys.stderr.write",
            ):
                arguments = ast.unparse(node)
                if "escaped(" not in arguments:
                    prints.add(path.relative_to(root).as_posix())
    assert prints == {"commands/say.py", "commands/verify.py"}
