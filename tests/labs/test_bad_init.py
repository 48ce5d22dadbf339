"""`airesearch init` with a task that cannot run here: an error, and not a byte written."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from bad_labs import STRICT, complains, seen, works
from toys import TASK, airesearch, git, lr, repository, toy_files

Change = Callable[[Path], None]


def with_task(**changes: Any) -> Change:
    """Commit a task with `changes`."""

    def change(folder: Path) -> None:
        _task(folder, yaml.safe_dump({**TASK, **changes}, sort_keys=False).encode())

    return change


def with_text(data: bytes) -> Change:
    return lambda folder: _task(folder, data)


def without(path: str) -> Change:
    def change(folder: Path) -> None:
        git(folder, "rm", "-q", "--cached", path)
        git(folder, "commit", "-qm", "Without")

    return change


def _task(folder: Path, data: bytes) -> None:
    (folder / "airesearch.yaml").write_bytes(data)
    git(folder, "commit", "-qam", "Task")


GOOD = yaml.safe_dump(TASK, sort_keys=False).encode()
HUGE = b"\n".join(b"k%d: [" % n + b"x, " * 100 + b"]" for n in range(15_000))
WRONG: dict[str, tuple[Change, tuple[str, ...]]] = {
    "empty": (with_text(b""), ("airesearch.yaml is empty",)),
    "not YAML": (with_text(b"name: [\n"), ("airesearch.yaml, line",)),
    "not UTF-8": (
        with_text(GOOD.replace(b"name: toy", b"name: caf\xe9")),
        ("airesearch.yaml", "UTF-8", "line 1"),
    ),
    "UTF-16": (with_text(GOOD.decode().encode("utf-16")), ("airesearch.yaml", "UTF-8")),
    "binary": (with_text(bytes(range(256))), ("airesearch.yaml",)),
    "five megabytes": (with_text(HUGE), ("airesearch.yaml",)),
    "a bomb": (with_text(b"name: &a [x]\n" + b"? *a\n: b\n"), ("airesearch.yaml", "line")),
    "nothing editable": (with_task(editable=["no/such.py"]), ("editable", "no/such.py", "commit")),
    "a pattern that is none": (with_task(editable=["!"]), ("editable",)),
    "all editable protected": (
        with_task(editable=["evaluate.py"]),
        ("editable", "evaluate.py is protected", "another file"),
    ),
    "no evaluator": (without("evaluate.py"), ("evaluate", "commit the evaluator")),
    "no candidate script": (without("train.py"), ("train.py",)),
    "no such command": (
        with_task(candidate="pythn train.py"),
        ("candidate", "'pythn'", "install it"),
    ),
    "no such path": (with_task(candidate="./train.sh"), ("candidate", "./train.sh")),
    "no such evaluator program": (with_task(evaluate="pythn evaluate.py"), ("evaluate", "'pythn'")),
    "an open quote": (with_task(candidate="python 'train.py"), ("candidate", "close the quote")),
    "only quotes": (with_task(candidate="''"), ("candidate",)),
    "only a comment": (with_task(candidate="# python train.py"), ("candidate",)),
    "a NUL in a command": (
        with_text(GOOD.replace(b"python train.py", b'"python\\0 train.py"')),
        ("candidate",),
    ),
    "half a character in a command": (
        with_text(GOOD.replace(b"python train.py", b'"\\ud800 train.py"')),
        ("candidate",),
    ),
    "an unknown policy": (
        with_task(search={"policy": "gredy"}),
        ("search.policy", "'gredy'", "'greedy'"),
    ),
    "an unknown backend": (
        with_task(team={"a": {"backend": "scriptd"}}),
        ("team.a.backend", "'scriptd'", "'scripted'"),
    ),
    "no script": (
        with_task(team={"a": {"backend": "scripted"}}),
        ("team.a", "script: prompts/edits.yaml"),
    ),
    "a script that is not there": (
        with_task(team={"a": {"backend": "scripted", "script": "cues.yaml"}}),
        ("team.a.script", "cues.yaml", "git add"),
    ),
    "a script that is none": (
        with_task(team={"a": {"backend": "scripted", "script": "train.py"}}),
        ("train.py",),
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_init_refuses_and_writes_nothing(tmp_path: Path, case: str) -> None:
    change, words = WRONG[case]
    folder = repository(tmp_path / "lab", toy_files([lr(0.2)]))
    change(folder)
    before = seen(folder)
    complains(airesearch(folder, "init", env=STRICT), *words)
    assert seen(folder) == before
    assert not (folder / ".git" / "airesearch").exists()


def test_a_task_with_a_mark_and_windows_line_endings_works(tmp_path: Path) -> None:
    folder = repository(tmp_path / "lab", toy_files([lr(0.2)]))
    _task(folder, b"\xef\xbb\xbf" + GOOD.replace(b"\n", b"\r\n"))
    works(airesearch(folder, "init"))


def test_huge_budgets_work_or_are_refused(tmp_path: Path) -> None:
    folder = repository(tmp_path / "lab", toy_files([lr(0.2)]))
    limits = {"output_mb": 10**15, "trial_memory_mb": 10**15, "trial_seconds": 1e300}
    with_task(budget={**limits, "trials": 10**15, "hours": 1e300})(folder)
    said = airesearch(folder, "init")
    if said.code != 0:
        complains(said, "budget.")
        assert not (folder / ".git" / "airesearch").exists()


FLAGS = ["--metric", "loss", "--candidate", "python train.py", "--editable", "train.py"]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (FLAGS, 2, ("--evaluate",)),
        (FLAGS[:2], 2, ("--candidate", "--editable", "--evaluate")),
        ([*FLAGS, "--goal", "down", "--pattern", "(.)"], 2, ("--goal", "minimize")),
        ([*FLAGS, "--pattern", "loss"], 1, ("objective.pattern", "group")),
        ([*FLAGS, "--pattern", "(", "--evaluate", "python evaluate.py"], 1, ("pattern",)),
        ([*FLAGS, "--evaluate", "python score.py"], 1, ("python score.py", "commit")),
        (["--output", "out.txt"], 2, ("--metric", "--candidate", "--editable", "--evaluate")),
        (["--example", "digits", *FLAGS], 2, ("its own task",)),
        (["--example", "digitz"], 2, ("digits",)),
        (["--example", "digits", "train.py"], 1, ("train.py is in the way",)),
        ([], 1, ("no airesearch.yaml", "airesearch init --metric")),
    ],
)
def test_wrong_flags_write_nothing(
    tmp_path: Path, words: list[str], code: int, said: tuple[str, ...]
) -> None:
    folder = repository(tmp_path / "lab", {"train.py": "print(1)\n", "evaluate.py": "pass\n"})
    before = seen(folder)
    complains(airesearch(folder, "init", *words), *said, code=code)
    assert seen(folder) == before


def test_flags_beside_a_task_of_its_own_are_refused(tmp_path: Path) -> None:
    folder = repository(tmp_path / "lab", toy_files([lr(0.2)]))
    before = seen(folder)
    complains(airesearch(folder, "init", *FLAGS, "--pattern", "(.)"), "airesearch.yaml")
    assert seen(folder) == before
