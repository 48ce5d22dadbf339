"""Folders an agent could leave behind: links, pipes, names, floods; and what becomes of each."""

import os
import shutil
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from folders import SECRET, Place
from toys import git

Attack = Callable[[Place], None]
ATTACKS: dict[str, tuple[Attack, "Refused | Taken"]] = {}
FAR = "x" * 250


@dataclass(frozen=True)
class Refused:
    """One of the reasons, under a bound of so many new files."""

    reason: str
    files: int = 10_000


@dataclass(frozen=True)
class Taken:
    """What is staged and said; nothing else."""

    written: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    messages: tuple[str, ...] = ()
    modes: tuple[str, ...] = ()


def attack(expected: Refused | Taken) -> Callable[[Attack], Attack]:
    """Enter a hostile folder under its function's name."""

    def enter(function: Attack) -> Attack:
        ATTACKS[function.__name__] = (function, expected)
        return function

    return enter


def outside(here: Place) -> Path:
    """A secret beside the lab."""
    path = here.root.parent / "outside"
    path.mkdir(exist_ok=True)
    (path / "secret").write_text(SECRET)
    return path / "secret"


def trap(here: Place) -> str:
    """A program that leaves a mark where it is run."""
    program = here.root.parent / "trap"
    program.write_text(f"#!/bin/sh\ntouch {here.root.parent}/sprung\nexit 0\n")
    program.chmod(0o755)
    return str(program)


def commit(here: Place, message: str) -> None:
    """A commit of all that changed, by the agent."""
    git(here.folder, "add", "-A")
    git(here.folder, "commit", "-qm", message, "--no-verify", "--allow-empty")


def config(here: Place, text: str) -> None:
    """Add to the settings of the folder's repository."""
    with (here.folder / ".git" / "config").open("a") as file:
        file.write(text)


# --- links, and what is no file


@attack(Refused("^notes is a symlink$"))
def symlink_to_a_secret(here: Place) -> None:
    (here.folder / "notes").symlink_to(outside(here))


@attack(Refused("^train.py is a symlink$"))
def symlink_in_a_files_place(here: Place) -> None:
    (here.folder / "train.py").unlink()
    (here.folder / "train.py").symlink_to(outside(here))


@attack(Refused("^lib is a symlink$"))
def symlink_in_a_folders_place(here: Place) -> None:
    shutil.rmtree(here.folder / "lib")
    (here.folder / "lib").symlink_to(outside(here).parent)


@attack(Refused("^loop is a symlink$"))
def symlink_to_itself(here: Place) -> None:
    (here.folder / "loop").symlink_to("loop")


@attack(Refused("^up is a symlink$"))
def symlink_to_the_folder_above(here: Place) -> None:
    (here.folder / "up").symlink_to("..")


@attack(Refused("^env is a symlink$"))
def symlink_to_our_environment(here: Place) -> None:
    (here.folder / "env").symlink_to("/proc/self/environ")


@attack(Refused("^lib/lab is a symlink$"))
def symlink_to_the_labs_git(here: Place) -> None:
    (here.folder / "lib" / "lab").symlink_to(here.lab.repo.path)


@attack(Refused("^train.py is a hard link"))
def hard_link_to_a_secret(here: Place) -> None:
    (here.folder / "train.py").unlink()
    (here.folder / "train.py").hardlink_to(outside(here))


@attack(Refused("^twin is a hard link"))
def hard_link_inside(here: Place) -> None:
    (here.folder / "twin").hardlink_to(here.folder / "train.py")


@attack(Refused("^pipe is a FIFO$"))
def fifo(here: Place) -> None:
    os.mkfifo(here.folder / "pipe")


@attack(Refused("^train.py is a FIFO$"))
def fifo_in_a_files_place(here: Place) -> None:
    (here.folder / "train.py").unlink()
    os.mkfifo(here.folder / "train.py")


@attack(Refused("^lib/s is a socket$"))
def unix_socket(here: Place) -> None:
    before = Path.cwd()
    os.chdir(here.folder / "lib")  # the path of a socket has at most 107 bytes
    with socket.socket(socket.AF_UNIX) as one:
        one.bind("s")
    os.chdir(before)


@attack(Refused("^zero is a (device|symlink)$"))
def device(here: Place) -> None:
    try:
        os.mknod(here.folder / "zero", 0o20666, os.makedev(1, 5))
    except PermissionError:  # only root can; a link to one is the next best
        (here.folder / "zero").symlink_to("/dev/zero")


# --- repositories inside, and names that are not what they seem


@attack(Refused("^lib/.git is a git repository inside it$"))
def nested_repository(here: Place) -> None:
    git(here.folder, "init", "-q", "lib")


@attack(Refused("^lib/.git is a git repository inside it$"))
def nested_gitfile(here: Place) -> None:
    here.write("lib/.git", f"gitdir: {here.lab.repo.path}\n")


@attack(Refused("^.GIT is a git repository inside it$"))
def git_folder_in_capitals(here: Place) -> None:
    here.write(".GIT/config", "[core]\nfsmonitor = evil\n")


@attack(Refused("is not a path inside the lab$"))
def git_folder_with_an_invisible_letter(here: Place) -> None:
    here.write(".g\u200cit/config", "")


@attack(Refused("^GIT~1 is not a path inside the lab$"))
def git_folder_as_a_short_name(here: Place) -> None:
    here.write("GIT~1", "")


@attack(Refused("Train.py is train.py where case is not told apart"))
def names_that_differ_in_case(here: Place) -> None:
    here.write("Train.py", "LR = 9\n")


@attack(Refused("LIB is lib where case is not told apart"))
def folders_that_differ_in_case(here: Place) -> None:
    here.write("LIB/other.py", "")


@attack(Refused("where case is not told apart"))
def names_in_two_unicode_forms(here: Place) -> None:
    here.write("caf\u00e9", "1")
    here.write("cafe\u0301", "2")


@attack(Taken(written=("lib/\udcff.py", "lib/a\nb", "lib/back\\slash")))
def names_that_are_odd(here: Place) -> None:
    for name in ("\udcff.py", "a\nb", "back\\slash"):
        here.write(f"lib/{name}", "odd")


# --- too much of it


@attack(Refused("holds more than 10,000 new files"))
def ten_thousand_files(here: Place) -> None:
    for number in range(10_001):
        os.close(os.open(here.folder / f"f{number}", os.O_CREAT | os.O_WRONLY))


@attack(Refused("holds more than 100 new files", files=100))
def too_many_folders(here: Place) -> None:
    for number in range(101):
        os.mkdir(here.folder / "lib" / f"d{number}")


@attack(Refused("^hole is too large: 1,099,511,627,776 bytes"))
def a_file_that_is_a_hole(here: Place) -> None:
    with (here.folder / "hole").open("wb") as file:
        file.truncate(1 << 40)


@attack(Refused("is too large: 600,000 bytes where 448,576 are left$"))
def files_that_are_large_together(here: Place) -> None:
    here.write("a", "a" * 600_000)
    here.write("b", "b" * 600_000)


@attack(Refused("lies more than 64 folders deep$"))
def hundreds_of_folders_deep(here: Place) -> None:
    before = os.open(".", os.O_RDONLY)
    os.chdir(here.folder)
    for _ in range(300):
        os.mkdir("d")
        os.chdir("d")
    os.fchdir(before)
    os.close(before)


@attack(Refused("is a path of more than 1,024 bytes$"))
def a_path_too_long_to_lay_out(here: Place) -> None:
    here.write("/".join([FAR] * 5), "")


# --- the folder itself


@attack(Refused("^the desk's folder is gone or replaced"))
def folder_replaced_by_a_symlink(here: Place) -> None:
    here.folder.rename(here.folder.with_name("moved"))
    here.folder.symlink_to(outside(here).parent)


@attack(Refused("^another folder stands where the desk was laid out$"))
def folder_replaced_by_another(here: Place) -> None:
    here.folder.rename(here.folder.with_name("moved"))
    shutil.copytree(outside(here).parent, here.folder)


@attack(Refused("^the desk's folder is gone"))
def folder_removed(here: Place) -> None:
    shutil.rmtree(here.folder)


# --- what looks odd and is fine


@attack(Taken(written=("lib", "train.py/main.py"), removed=("lib/util.py", "train.py")))
def file_and_folder_change_places(here: Place) -> None:
    (here.folder / "train.py").unlink()
    here.write("train.py/main.py", "LR = 1\n")
    shutil.rmtree(here.folder / "lib")
    here.write("lib", "flat\n")


@attack(Taken(modes=("run.sh", "train.py")))
def executable_bits(here: Place) -> None:
    (here.folder / "train.py").chmod(0o4755)
    (here.folder / "run.sh").chmod(0o644)


@attack(Taken())
def our_own_corner_filled(here: Place) -> None:
    here.write(".airesearch/brief.md", "changed")
    os.mkfifo(here.folder / ".airesearch" / "pipe")


@attack(Taken())
def index_that_claims_a_change(here: Place) -> None:
    here.write("train.py", "LR = 7\n")
    git(here.folder, "add", "train.py")
    (here.folder / "train.py").write_bytes(here.desk.read("train.py"))
