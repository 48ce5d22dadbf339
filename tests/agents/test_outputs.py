"""What passes from candidate to evaluator, and every trick that does not."""

import os
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from airesearch.agents.trials.outputs import MOST_FILES, BadOutput, pass_outputs, read_regular
from airesearch.agents.trials.score import BadScore, read_metrics

LIMIT = 1000
SECRET = "sealed answers"


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """The candidate's folder, beside a file that it must not pass on."""
    (tmp_path / "secret").write_text(SECRET)
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "real").write_text("real")
    return tmp_path / "made"


def passed(made: Path, *outputs: str) -> dict[str, bytes]:
    target = made.parent / "target"
    target.mkdir()
    pass_outputs(outputs, made, target, LIMIT)
    return {
        p.relative_to(target).as_posix(): p.read_bytes() for p in target.rglob("*") if p.is_file()
    }


def test_files_and_folders_pass(made: Path) -> None:
    (made / "a" / "b").mkdir(parents=True)
    (made / "a" / "b" / "ä b").write_bytes(b"\0\xff")
    (made / "a" / "empty").mkdir()
    assert passed(made, "real", "a") == {"real": b"real", "a/b/ä b": b"\0\xff"}
    assert (made.parent / "target" / "a" / "empty").is_dir()


def test_one_file_of_a_folder_passes_alone(made: Path) -> None:
    (made / "a").mkdir()
    (made / "a" / "one").write_text("1")
    (made / "a" / "two").write_text("2")
    assert passed(made, "a/one") == {"a/one": b"1"}


def listen(out: Path) -> None:
    home = Path.cwd()
    os.chdir(out.parent)  # a socket's name may have 107 bytes
    try:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(out.name)
    finally:
        os.chdir(home)


def deep(out: Path) -> None:
    folder = out
    for _ in range(40):
        folder = folder / "d"
    folder.mkdir(parents=True)


def many(out: Path) -> None:
    out.mkdir()
    for number in range(MOST_FILES + 1):
        (out / str(number)).touch()


def sparse(out: Path) -> None:
    with out.open("wb") as file:
        file.truncate(2**40)


def in_folder(name: str, make: Callable[[Path], None]) -> Callable[[Path], None]:
    def build(out: Path) -> None:
        out.mkdir()
        make(out / name)

    return build


TRICKS: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (lambda out: None, "the candidate did not write out"),
    "symlink": (lambda out: out.symlink_to("../secret"), "out is not a regular file: .* symlink"),
    "symlink inside": (lambda out: out.symlink_to("real"), "symlink"),
    "dangling symlink": (lambda out: out.symlink_to("nothing"), "symlink"),
    "symlink to a folder": (lambda out: out.symlink_to(".."), "symlink"),
    "symlink in a folder": (in_folder("x", lambda p: p.symlink_to("/etc")), "out/x is .* symlink"),
    "fifo": (lambda out: os.mkfifo(out), "out is not a regular file: it is a FIFO"),
    "fifo in a folder": (in_folder("x", os.mkfifo), "out/x is .* FIFO"),
    "socket": (listen, "it is a socket"),
    "hard link": (lambda out: os.link(out.parent.parent / "secret", out), "hard link"),
    "sparse": (sparse, r"has 1,099,511,627,776 bytes, more than the 1,000 still allowed"),
    "large": (lambda out: out.write_text("x" * 1001), "has 1,001 bytes"),
    "deep": (deep, "more than 32 folders deep"),
    "many": (many, "holds more than the .* files still allowed"),
    "newline": (in_folder("a\nb", lambda p: p.touch()), r"'out/a\\nb' holds a character"),
    "no text": (in_folder("a\udcff", lambda p: p.touch()), "holds a character"),
}


@pytest.mark.parametrize("trick", TRICKS)
def test_a_trick_is_refused_and_says_why(made: Path, trick: str) -> None:
    make, reason = TRICKS[trick]
    make(made / "out")
    with pytest.raises(BadOutput, match=reason) as refused:
        passed(made, "out")
    assert SECRET not in str(refused.value)
    assert str(made) not in str(refused.value)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a device")
def test_a_device_is_refused(made: Path) -> None:
    os.mknod(made / "out", 0o020644, os.makedev(1, 3))
    with pytest.raises(BadOutput, match="it is a device"):
        passed(made, "out")


def test_a_folder_above_an_output_may_be_no_link(made: Path) -> None:
    (made.parent / "other").mkdir()
    (made.parent / "other" / "out").write_text(SECRET)
    (made / "a").symlink_to("../other")
    with pytest.raises(BadOutput, match="a is not a regular file: it is a symlink"):
        passed(made, "a/out")
    with pytest.raises(BadOutput, match="real is not a folder"):
        pass_outputs(("real/out",), made, made.parent, LIMIT)


def test_a_folder_that_was_replaced_passes_nothing(made: Path) -> None:
    (made / "out").write_text(SECRET)
    made.rename(made.parent / "moved")
    with pytest.raises(BadOutput, match="is gone"):
        passed(made, "out")
    made.symlink_to("moved")
    with pytest.raises(BadOutput, match="no folder any more"):
        pass_outputs(("out",), made, made.parent, LIMIT)


def test_all_outputs_share_one_limit(made: Path) -> None:
    (made / "one").write_bytes(b"x" * 600)
    (made / "two").write_bytes(b"x" * 600)
    with pytest.raises(BadOutput, match="two has 600 bytes, more than the 400 still allowed"):
        passed(made, "one", "two")


def test_a_path_longer_than_the_evaluator_could_open_is_refused(made: Path) -> None:
    """By handles, since nobody could be told of it by its path."""
    target = made.parent / "target"
    target.mkdir()
    try:
        handle = os.open(made, os.O_DIRECTORY)
        for name in ("out", *["d" * 144] * 28):
            os.mkdir(name, dir_fd=handle)
            below = os.open(name, os.O_DIRECTORY, dir_fd=handle)
            os.close(handle)
            handle = below
        os.close(os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=handle))
        os.close(handle)
        with pytest.raises(BadOutput, match="an output's path has more than 1,024 bytes"):
            pass_outputs(("out",), made, target, LIMIT)
    finally:
        subprocess.run(["rm", "-rf", made, target], check=True)


def test_an_output_in_another_passes_once(made: Path) -> None:
    (made / "a").mkdir()
    (made / "a" / "one").write_text("1")
    assert passed(made, "a/one", "a") == {"a/one": b"1"}


def test_a_name_that_is_taken_in_the_evaluators_folder(made: Path) -> None:
    (made.parent / "other").mkdir()
    (made.parent / "other" / "real").write_text(SECRET)
    with pytest.raises(BadOutput, match="real is the name of two files"):
        pass_outputs(("real",), made, made.parent / "other", LIMIT)
    (made / "d").mkdir()
    (made.parent / "other" / "d").symlink_to(made.parent)
    with pytest.raises(BadOutput, match="d is no folder for the evaluator"):
        pass_outputs(("d",), made, made.parent / "other", LIMIT)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user here")
@pytest.mark.parametrize("closed", ["a", "a/file", "."])
def test_what_may_not_be_read_is_refused(made: Path, closed: str) -> None:
    (made / "a").mkdir()
    (made / "a" / "file").write_text("x")
    (made.parent / "target").mkdir(mode=0o777)
    for folder in (made.parent, *made.parent.parents):
        if folder.is_relative_to("/tmp/pytest-of-root"):
            folder.chmod(0o755)
    (made.parent / "target").chmod(0o777)
    (made / closed).chmod(0)
    child = os.fork()
    if child == 0:
        os.seteuid(65534)
        try:
            pass_outputs(("a",), made, made.parent / "target", LIMIT)
        except BadOutput as bad:
            os._exit(0 if "cannot be read" in str(bad) or "is gone" in str(bad) else 2)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_metrics_file_is_read_as_warily(made: Path) -> None:
    (made / "metrics").write_text('{"a": 1}')
    assert read_metrics(made / "metrics", None) == {"a": 1.0}
    (made / "link").symlink_to("metrics")
    os.mkfifo(made / "fifo")
    for name in ("link", "fifo", "absent"):
        with pytest.raises(BadScore, match="no regular file"):
            read_metrics(made / name, None)
    with pytest.raises(BadOutput, match="has 4 bytes"):
        read_regular(made / "real", 3)


@pytest.mark.parametrize(
    "text", [f'"{SECRET}"', f'{{"{SECRET}": 1}}', f'{{"a": "{SECRET}"}}', f"[{SECRET}", ""]
)
def test_no_word_of_a_bad_metrics_file_is_repeated(made: Path, text: str) -> None:
    (made / "metrics").write_text(text)
    with pytest.raises(BadScore) as bad:
        read_metrics(made / "metrics", None)
    assert "sealed" not in bad.value.reason
