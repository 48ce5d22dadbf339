"""Git's proc-receive hook: the branches and tags of a push move together, or none does.

Left to itself git moves one ref after the other, so that trunk can have a promotion whose node's
branch was taken by somebody else in between. Here one push moves at a time, by one transaction, and
what it was judged against is what stands: where that is no longer so it is judged again. Every
push to a branch waits for this Python to start, so it imports next to nothing.
"""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from ..errors import AiresearchError
from ..isolated import own_git, own_module
from ..store.file_lock import file_lock

REFS = ("refs/heads", "refs/tags")
"""What git leaves to this hook (`receive.procReceiveRefs`); a lease alone is git's own to move."""
_FOLDER = Path("airesearch", "judged")


def judged_file(git: Path, lines: Sequence[str]) -> Path:
    """The file that is there while a push may move: it stands for these lines and these branches.

    A line is `old new ref`, as git gives it to a hook.
    """
    branches = own_git("--git-dir", git, "show-ref", "--heads").stdout
    ours = sorted(line for line in lines if line.split(" ", 2)[2].startswith(REFS))
    told = "\n".join(ours).encode("utf-8", "surrogateescape")
    return git / _FOLDER / sha256(told + b"\0" + branches).hexdigest()


def remember(judged: Path) -> None:
    """Note that a push may move."""
    judged.parent.mkdir(parents=True, exist_ok=True)
    judged.touch()


def move(git: Path, lines: Sequence[str]) -> str:
    """Move all refs that the lines of a push name; why none did, or nothing."""
    (git / _FOLDER).mkdir(parents=True, exist_ok=True)
    with file_lock(git / _FOLDER.parent / "push"):
        judged = judged_file(git, lines)
        if not judged.exists() and not _judge(lines):
            return "it does not fit to what others pushed meanwhile"
        judged.unlink(missing_ok=True)
        # Git asks this hook, where there is one, of the refs that it moves itself.
        hook = git.resolve() / "hooks" / "update"
        for old, new, ref in (line.split(" ", 2) for line in lines):
            if os.access(hook, os.X_OK) and subprocess.run([hook, ref, old, new]).returncode:
                return f"the update hook declined {ref}"
        orders = "".join(map(_order, lines)).encode("utf-8", "surrogateescape")
        words = ("update-ref", "--no-deref", "-m", "push", "-z", "--stdin")
        done = own_git("--git-dir", git, *words, data=orders)
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        return (said or ["git moves none of them"])[0] if done.returncode else ""


def _judge(lines: Sequence[str]) -> bool:
    """Judge the push against what stands now."""
    text = "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape")
    again = own_module("airesearch", "hook", "pre-receive")
    return subprocess.run(again, input=text, stdout=sys.stderr).returncode == 0


def _order(line: str) -> str:
    old, new, ref = line.split(" ", 2)
    return f"update {ref}\0{new}\0{old}\0" if new.strip("0") else f"delete {ref}\0{old}\0"


def _read(stream: BinaryIO) -> Iterator[bytes]:
    """The lines that git sends, up to its next pause."""
    while size := int(stream.read(4) or b"0", 16):
        yield stream.read(size - 4).rstrip(b"\n")


def _write(stream: BinaryIO, lines: Sequence[bytes]) -> None:
    stream.write(b"".join(b"%04x%s" % (len(line) + 4, line) for line in lines) + b"0000")
    stream.flush()


def main() -> int:
    """Do what git asks on our standard input; what went wrong is said to who pushes."""
    git = Path(os.environ.get("GIT_DIR", ".")).resolve()
    for _ in _read(sys.stdin.buffer):
        pass  # what this git could do beside: none of it is used
    _write(sys.stdout.buffer, [b"version=1"])
    lines = [line.decode("utf-8", "surrogateescape") for line in _read(sys.stdin.buffer)]
    try:
        why = move(git, lines)
    except (AiresearchError, OSError) as error:
        why = " ".join(str(error).split())
    refs = [line.split(" ", 2)[2].encode("utf-8", "surrogateescape") for line in lines]
    answer = b" " + why.encode("utf-8", "surrogateescape") if why else b""
    _write(sys.stdout.buffer, [b"%s %s%s" % (b"ng" if why else b"ok", r, answer) for r in refs])
    return 0


if __name__ == "__main__":
    sys.exit(main())
