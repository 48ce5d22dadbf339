"""Folders whose repository is the weapon: settings, attributes, hooks and false histories."""

import os
import shutil
import zlib
from hashlib import sha1
from pathlib import Path

from folders import Place
from hostile_files import ATTACKS, Taken, attack, commit, config, trap
from toys import git

__all__ = ["ATTACKS"]

# --- git's settings, attributes and hooks: taken as plain bytes, or not at all


@attack(Taken(written=(".gitattributes", "train.py"), messages=("tidy\n",)))
def filter_driver(here: Place) -> None:
    commit(here, "tidy")
    config(here, f'[filter "f"]\nclean = {trap(here)}\nsmudge = {trap(here)}\nrequired = true\n')
    here.write(".gitattributes", "* filter=f text eol=crlf\n")
    here.write("train.py", "LR = 3\r\n")


@attack(Taken(written=(".gitmodules",), messages=()))
def submodule_file(here: Place) -> None:
    here.write(".gitmodules", f'[submodule "x"]\npath = x\nurl = {here.root}\nupdate = !trap\n')


@attack(Taken(written=("train.py",), messages=("lower it\n",)))
def settings_that_run_programs(here: Place) -> None:
    here.write("train.py", "LR = 1\n")
    commit(here, "lower it")
    program = trap(here)
    config(
        here,
        f"[core]\nfsmonitor = {program}\npager = {program}\nsshCommand = {program}\n"
        f"editor = {program}\nalternateRefsCommand = {program}\n[diff]\nexternal = {program}\n"
        f"[gpg]\nprogram = {program}\n[log]\nshowSignature = true\n[alias]\nlog = !{program}\n"
        f"[uploadpack]\npackObjectsHook = {program}\n[credential]\nhelper = !{program}\n",
    )


@attack(Taken(messages=("why\n",)))
def settings_that_block(here: Place) -> None:
    commit(here, "why")
    os.mkfifo(here.folder / ".git" / "included")
    config(here, "[include]\npath = included\n[core]\nattributesFile = .git/included\n")


@attack(Taken(messages=("why\n",)))
def settings_that_are_a_pipe(here: Place) -> None:
    commit(here, "why")
    (here.folder / ".git" / "config").unlink()
    os.mkfifo(here.folder / ".git" / "config")


@attack(Taken(written=("train.py",), messages=("hooked\n",)))
def hooks_of_every_name(here: Place) -> None:
    here.write("train.py", "LR = 1\n")
    commit(here, "hooked")
    for name in ("post-index-change", "reference-transaction", "post-checkout", "pre-auto-gc",
                 "fsmonitor-watchman", "pre-commit"):  # fmt: skip
        shutil.copy(trap(here), here.folder / ".git" / "hooks" / name)


# --- a repository that lies about its history


@attack(Taken(written=("train.py",)))
def git_folder_linked_to_the_lab(here: Place) -> None:
    here.write("train.py", "LR = 1\n")
    shutil.rmtree(here.folder / ".git")
    (here.folder / ".git").symlink_to(here.lab.repo.path)


@attack(Taken())
def git_folder_that_points_to_the_lab(here: Place) -> None:
    shutil.rmtree(here.folder / ".git")
    here.write(".git", f"gitdir: {here.lab.repo.path}\n")


@attack(Taken(removed=("lib/util.py",)))
def git_folder_removed(here: Place) -> None:
    shutil.rmtree(here.folder / ".git")
    (here.folder / "lib" / "util.py").unlink()


@attack(Taken())
def git_folder_of_another_history(here: Place) -> None:
    shutil.rmtree(here.folder / ".git")
    git(here.folder, "init", "-q")
    commit(here, "I was always here")


@attack(Taken())
def head_in_the_labs_objects(here: Place) -> None:
    own = here.folder / ".git"
    (own / "objects" / "info").mkdir(exist_ok=True)
    (own / "objects" / "info" / "alternates").write_text(f"{here.lab.repo.path}objects\n")
    (own / "HEAD").write_text(f"{here.lab.trunk_tip}\n")


@attack(Taken())
def objects_linked_to_the_labs(here: Place) -> None:
    own = here.folder / ".git"
    shutil.rmtree(own / "objects")
    (own / "objects").symlink_to(f"{here.lab.repo.path}objects")
    (own / "HEAD").write_text(f"{here.lab.trunk_tip}\n")


@attack(Taken())
def object_hard_linked_from_the_lab(here: Place) -> None:
    oid, own = str(here.lab.trunk_tip), here.folder / ".git"
    (own / "objects" / oid[:2]).mkdir(exist_ok=True)
    theirs = Path(here.lab.repo.path, "objects", oid[:2], oid[2:])
    (own / "objects" / oid[:2] / oid[2:]).hardlink_to(theirs)
    (own / "HEAD").write_text(f"{oid}\n")


@attack(Taken())
def branch_outside_the_folder(here: Place) -> None:
    ref = "refs/heads/../../../../../../../.git/refs/heads/main"
    (here.folder / ".git" / "HEAD").write_text(f"ref: {ref}\n")


@attack(Taken())
def head_that_is_a_pipe(here: Place) -> None:
    (here.folder / ".git" / "HEAD").unlink()
    os.mkfifo(here.folder / ".git" / "HEAD")


def forge(here: Place, data: bytes, oid: str = "") -> None:
    """An object, and HEAD at it."""
    oid = oid or sha1(data).hexdigest()
    own = here.folder / ".git"
    (own / "objects" / oid[:2]).mkdir(exist_ok=True)
    (own / "objects" / oid[:2] / oid[2:]).write_bytes(zlib.compress(data))
    (own / "HEAD").write_text(f"{oid}\n")


def body(here: Place, message: bytes) -> bytes:
    """A commit object on the root, as bytes."""
    content = b"tree %s\nparent %s\n\n%s" % (b"0" * 40, here.laid.root.encode(), message)
    return b"commit %d\0%s" % (len(content), content)


@attack(Taken(messages=("true",)))
def commit_written_by_hand(here: Place) -> None:
    forge(here, body(here, b"true"))


@attack(Taken())
def commit_under_another_name(here: Place) -> None:
    forge(here, body(here, b"false"), "ab" * 20)


@attack(Taken())
def commit_that_is_its_own_parent(here: Place) -> None:
    content = b"tree %s\nparent %s\n\nround" % (b"0" * 40, b"cd" * 20)
    forge(here, b"commit %d\0%s" % (len(content), content), "cd" * 20)


@attack(Taken())
def commit_that_is_a_zip_bomb(here: Place) -> None:
    forge(here, body(here, b"0" * (64 << 20)))


@attack(Taken())
def commit_that_is_garbage(here: Place) -> None:
    commit(here, "lost")
    oid = git(here.folder, "rev-parse", "HEAD").strip()
    path = here.folder / ".git" / "objects" / oid[:2] / oid[2:]
    path.chmod(0o644)
    path.write_bytes(b"garbage")
