"""Hostile folders: each is refused with its reason or does no harm, and the lab stays as it is."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from airesearch.gitlab.desk.collect import Bounds
from airesearch.gitlab.desk.safe_open import Unfit, opened_root, read_plain
from airesearch.gitlab.errors import Denied
from folders import PROFESSED, SECRET, Place, place
from hostile_files import Refused, commit, config, trap
from hostile_git import ATTACKS
from toys import git


@pytest.mark.parametrize("name", ATTACKS)
def test_hostile_folder(name: str, tmp_path: Path) -> None:
    function, expected = ATTACKS[name]
    here = place(tmp_path)
    before = here.state()
    function(here)
    if isinstance(expected, Refused):
        with pytest.raises(Denied) as denied:
            here.back(Bounds(1 << 20, expected.files))
        assert any(re.search(expected.reason, reason) for reason in denied.value.reasons)
        said = denied.value.what
    else:
        back = here.back()
        assert back.written == tuple(sorted(expected.written))
        assert (back.removed, back.messages) == (expected.removed, expected.messages)
        assert back.other_modes == expected.modes
        for path in back.written:
            assert here.desk.read(path) == (here.folder / path).read_bytes()
        said = "".join(back.messages)
    assert here.state() == before
    assert not (tmp_path / "sprung").exists()
    staged = "".join(here.desk.read(p).decode("utf-8", "replace") for p in readable(here))
    assert not any(hidden in text for hidden in (SECRET, PROFESSED) for text in (said, staged))
    empty(here)


def readable(here: Place) -> list[str]:
    """The regular files on the desk, staged edits included."""
    return [path for path in here.desk.list() if path not in ("link", "module")]


def empty(here: Place) -> None:
    """Remove the desks, which can be too deep for pytest."""
    subprocess.run(["rm", "-rf", here.lab.home / "desks"], check=True)


def test_there_are_enough_of_them() -> None:
    assert len(ATTACKS) >= 50


def test_the_trap_would_spring(tmp_path: Path) -> None:
    here = place(tmp_path)
    config(here, f"[core]\nfsmonitor = {trap(here)}\n")
    git(here.folder, "status")
    assert (tmp_path / "sprung").exists()


def test_every_reason_is_given_and_sound_edits_are_staged(tmp_path: Path) -> None:
    here = place(tmp_path)
    os.mkfifo(here.folder / "pipe")
    (here.folder / "link2").symlink_to("/")
    here.write("train.py", "LR = 1\n")
    with pytest.raises(Denied) as denied:
        here.back()
    assert denied.value.reasons == ("link2 is a symlink", "pipe is a FIFO")
    assert here.desk.read("train.py") == b"LR = 1\n"


def test_many_reasons_are_bounded(tmp_path: Path) -> None:
    here = place(tmp_path)
    for number in range(30):
        (here.folder / f"s{number:02}").symlink_to("/")
    with pytest.raises(Denied) as denied:
        here.back()
    assert denied.value.reasons[-2:] == ("s19 is a symlink", "and 10 reasons more")


def test_closed_files_and_folders_are_named(tmp_path: Path) -> None:
    here = place(tmp_path)
    here.write("shut/x", "")
    (here.folder / "shut").chmod(0)
    (here.folder / "train.py").chmod(0)
    if os.access(here.folder / "shut", os.R_OK):
        pytest.skip("who may read everything, as root, is not kept out")
    with pytest.raises(Denied) as denied:
        here.back()
    assert denied.value.reasons == (
        "shut cannot be read: Permission denied",
        "train.py cannot be read: Permission denied",
    )
    (here.folder / "shut").chmod(0o700)


def test_a_file_that_grows_while_it_is_read_is_not_taken(tmp_path: Path) -> None:
    path = tmp_path / "grows"
    path.write_bytes(bytes(32 << 20))
    grow = f"f = open({str(path)!r}, 'ab', 0)\nfor _ in range(10**6): f.write(b'x')"
    with subprocess.Popen([sys.executable, "-c", grow]) as writer, opened_root(tmp_path) as root:
        while path.stat().st_size == 32 << 20:
            pass
        with pytest.raises(Unfit, match="changed while it was read"):
            read_plain(root, "grows", 1 << 30)
        writer.kill()


def test_ignored_files_are_left_behind_and_still_counted(tmp_path: Path) -> None:
    here = place(tmp_path)
    here.write("lib/__pycache__/util.pyc", "x")
    (here.folder / "lib" / "__pycache__" / "link").symlink_to("/")
    here.write("train.py", "LR = 1\n")
    assert here.back(ignored="__pycache__/").written == ("train.py",)
    for number in range(10):
        here.write(f"__pycache__/{number}", "")
    with pytest.raises(Denied, match="more than 10 new files"):
        here.back(Bounds(1 << 20, files=10), ignored="__pycache__/")


def test_a_file_that_was_laid_out_is_never_ignored(tmp_path: Path) -> None:
    here = place(tmp_path)
    here.write("lib/util.py", "A = 2\n")
    assert here.back(ignored="lib/").written == ("lib/util.py",)


def test_all_messages_come_back_oldest_first(tmp_path: Path) -> None:
    here = place(tmp_path)
    for word in ("one", "two", "three"):
        here.write("train.py", word)
        commit(here, f"{word}\n\nbecause {word}")
    assert here.back().messages == tuple(f"{w}\n\nbecause {w}\n" for w in ("one", "two", "three"))
