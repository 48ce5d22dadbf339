"""One byte changed, in an object as it lies on disk or in a record written anew, is named."""

import random
import zlib
from dataclasses import replace
from hashlib import sha1
from pathlib import Path

import pytest
from forgeries import JUDGE, LEAF, MEASURE, PROPOSE
from forging import Forger, Raw, audited
from labs_to_verify import healthy
from toys import git


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """See `labs_to_verify`."""
    return healthy(tmp_path_factory.mktemp("tamper") / "lab")


def holders(lab: Path) -> dict[str, set[str]]:
    """Each object that belongs to a record, or to a base, with the commits that hold it."""
    found: dict[str, set[str]] = {}
    for commit in git(lab, "rev-list", "--all").split():
        found.setdefault(commit, set()).add(commit)
        found.setdefault(git(lab, "rev-parse", f"{commit}^{{tree}}").strip(), set()).add(commit)
        for line in git(lab, "ls-tree", "-r", "-t", commit).splitlines():
            found.setdefault(line.split()[2], set()).add(commit)
    return found


def test_a_flipped_byte_in_an_object_names_a_commit_that_holds_it(
    lab: Path, tmp_path: Path
) -> None:
    folder = Forger(lab, tmp_path / "lab").folder
    root = git(folder, "rev-list", "--max-parents=0", "main").strip()
    held = {oid: commits for oid, commits in holders(folder).items() if commits != {root}}
    rng = random.Random(5)
    for oid in rng.choices(sorted(held), k=80):
        path = folder / ".git" / "objects" / oid[:2] / oid[2:]
        kept = path.read_bytes()
        data = bytearray(zlib.decompress(kept))
        place = rng.randrange(data.index(0) + 1, len(data)) if data[-1] else 0
        data[place] ^= 1 << rng.randrange(8)
        path.chmod(0o644)
        path.write_bytes(zlib.compress(bytes(data), 1))
        named = {one.commit for one in audited(folder).violations}
        path.write_bytes(kept)
        assert named & held[oid], (oid, place)


def store(folder: Path, raw: Raw) -> str:
    """A loose commit object, written without a process."""
    data = bytes(raw)
    whole = b"commit %d\0" % len(data) + data
    oid = sha1(whole).hexdigest()
    path = folder / ".git" / "objects" / oid[:2] / oid[2:]
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(zlib.compress(whole, 1))
    return oid


@pytest.mark.parametrize("step", [PROPOSE, MEASURE, JUDGE])
def test_a_flipped_byte_in_a_record_written_anew_names_that_commit(
    step: int, lab: Path, tmp_path: Path
) -> None:
    forger = Forger(lab, tmp_path / "lab")
    raws = [forger.raw(commit) for commit in forger.steps(LEAF)]
    ref = forger.folder / ".git" / "refs" / "heads" / "node" / f"{LEAF:06d}"
    rng = random.Random(step)
    message = raws[step].message
    block = message.rindex("\n\n") + 2
    for place in rng.sample(range(block, len(message)), 40):
        flipped = chr(ord(message[place]) ^ 1)
        lie = replace(raws[step], message=message[:place] + flipped + message[place + 1 :])
        forged = above = store(forger.folder, lie)
        for raw in raws[step + 1 :]:
            above = store(forger.folder, replace(raw, parents=(above,)))
        ref.write_text(f"{above}\n")
        named = {one.commit for one in audited(forger.folder).violations}
        assert forged in named, (message[place - 20 : place + 20], flipped)
