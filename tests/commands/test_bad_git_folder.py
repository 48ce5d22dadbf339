"""Whatever lies in `.git`, `verify` and the commands that read end: by what they read, or an error.

No traceback, no wait for a pipe that nobody writes to, and never a true lab called false.
"""

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from bad_labs import copied
from toys import airesearch, git, lr, toy

READS, RUNS = "everything is true", ""
Harm = Callable[[Path], object]


def add(name: str, data: bytes) -> Harm:
    """More bytes at the end of a file of the git folder."""

    def harm(own: Path) -> None:
        (own / name).parent.mkdir(exist_ok=True)
        with (own / name).open("ab") as file:
            file.write(data)

    return harm


def pipe(name: str) -> Harm:
    """A pipe in the place of a file."""

    def harm(own: Path) -> None:
        (own / name).parent.mkdir(exist_ok=True)
        (own / name).unlink(missing_ok=True)
        os.mkfifo(own / name)

    return harm


def setting(name: str, value: str) -> Harm:
    return lambda own: git(own.parent, "config", name, value)


def packed(*files: str, data: bytes = b"garbage") -> Harm:
    """All objects in a pack, and files beside it that are none."""

    def harm(own: Path) -> None:
        git(own.parent, "repack", "-adq")
        for file in files:
            (own / "objects" / "pack" / file).write_bytes(data)

    return harm


def damaged_index(own: Path) -> None:
    packed()(own)
    (index,) = (own / "objects" / "pack").glob("*.idx")
    index.chmod(0o644)
    index.write_bytes(b"garbage")


REMOTE = b'[remote "caf\xe9"]\n\turl = /tmp/caf\xe9\n\tfetch = +refs/heads/*:refs/remotes/x/*\n'
PACK = "pack-" + "0" * 40
PACKS = [f"pack-{digit * 40}.{kind}" for digit in "07f" for kind in ("pack", "idx")]
# What `verify` and then `status` say; "" where a command works.
HARMS: dict[str, tuple[Harm, str, str]] = {
    "packed-refs of garbage": (add("packed-refs", b"garbage\n"), "packed-refs", RUNS),
    "packed-refs with bytes": (add("packed-refs", b"\xff\xfe no\n^zz\n"), "packed-refs", RUNS),
    "shallow of garbage": (add("shallow", b"garbage\n"), "shallow", "git fsck"),
    "shallow of bytes": (add("shallow", b"\xff\xfe\n"), "shallow", "git fsck"),
    "no such promisor": (setting("extensions.partialClone", "x"), "git clone", RUNS),
    "an unknown extension": (
        lambda own: [setting("core.repositoryformatversion", "1")(own),
                     setting("extensions.foo", "1")(own)],
        "UnsupportedExtension", "unsupported extension"),
    "a version to come": (setting("core.repositoryformatversion", "9"), "UnsupportedVersion: 9",
                          "unsupported repository version"),
    "no version": (setting("core.repositoryformatversion", "x"), "config", "git fsck"),
    "a remote in latin-1": (add("config", REMOTE), READS, RUNS),
    "a remote's URL in latin-1": (add("config", REMOTE.replace(b"caf\xe9", b"x", 1)), READS, RUNS),
    "settings of garbage": (add("config", b"[[[\n"), "config", "config"),
    "a trunk in latin-1": (add("config", b"[airesearch]\n\ttrunk = caf\xe9\n"),
                           "git config airesearch.trunk", "not UTF-8"),
    "a trunk that is nowhere": (setting("airesearch.trunk", "x"), "git config airesearch.trunk",
                                "git config airesearch.trunk"),
    "a link to no folder": (add("commondir", b"\xff\0x"), "cannot be read", "not in a git repo"),
    "an index without its pack": (packed(f"{PACK}.idx"), READS, RUNS),
    "a pack without its index": (packed(f"{PACK}.pack"), READS, RUNS),
    "packs that are none": (packed(*PACKS), "objects/pack", RUNS),
    "a damaged index": (damaged_index, "objects/pack", "git fsck"),
    "a damaged index of packs": (packed("multi-pack-index"), "objects/pack", RUNS),
    "a commit-graph of garbage": (add("objects/info/commit-graph", b"x"), READS, RUNS),
    "alternates of bytes": (add("objects/info/alternates", b"\xff\xfe\n/x\n"), READS, RUNS),
    "a HEAD of garbage": (lambda own: (own / "HEAD").write_bytes(b"\xffx\n"), READS, RUNS),
    "a ref that is no name": (add("refs/heads/x", b"\xff\xfe"), READS, RUNS),
    "folders in a round": (
        lambda own: (own / "refs/heads/x").symlink_to(".."), READS, RUNS),
    **{
        f"a pipe at {name}": (pipe(name), f"rm .*{name}", f"rm .*{name}")
        for name in ("config", "packed-refs", "shallow", "info/grafts", "refs/heads/x",
                     "refs/heads/node/000001", "objects/info/alternates", "logs/refs/heads/main",
                     f"objects/pack/{PACK}.idx")
    },
    "a pipe at HEAD": (pipe("HEAD"), "rm .*HEAD", "not in a git repository"),
    "a pipe among the objects": (pipe("objects/ab/" + "0" * 38), "rm .*objects/ab", RUNS),
}  # fmt: skip


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = toy(tmp_path_factory.mktemp("whole") / "lab", [lr(0.2), lr(0.4)])
    assert airesearch(folder, "run", "--trials", "1").code == 0
    return folder


@pytest.mark.timeout(60)
@pytest.mark.parametrize("name", HARMS)
def test_every_command_ends_and_says_what_is_wrong(name: str, lab: Path, tmp_path: Path) -> None:
    folder = copied(lab, tmp_path / "lab")
    harm, audited, shown = HARMS[name]
    harm(folder / ".git")
    said = airesearch(folder, "verify")
    assert "Traceback" not in said.err
    assert said.code == (0 if audited == READS else 1)
    assert re.search(audited, said.out + said.err), said
    assert "falsehood" not in said.err
    for words in (["status"], ["log"], ["step"]):
        said = airesearch(folder, *words)
        assert "Traceback" not in said.err
        if shown or words != ["step"]:
            assert said.code == (1 if shown else 0), said.err
        assert re.search(shown, said.err), said
