"""Whether branches only grew: their reflogs, and the mark that the last clean audit left."""

import json
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ...gitlab.reader.repository import Repository, shown
from ...gitlab.reader.values import NOTHING, Objects, Unsound
from ...gitlab.record.records import Promote
from ...gitlab.store.own_file import read_own, write_own
from .node_history import Trunk, read_record

_MARK = "audited.json"


@dataclass(frozen=True)
class Violation:
    """One claim that is not true: the commit that makes it, a branch that holds it, a sentence."""

    commit: str
    branch: str
    what: str


def rewriting(repository: Repository, refs: dict[str, str], trunk: Trunk) -> Iterator[Violation]:
    """Every ref that lost commits: by its reflog, where it has one, and by the mark."""
    mark = read_mark(repository.home)
    for ref, tip in refs.items():
        moves = repository.log(ref)
        last = moves[-1][1] if moves else NOTHING
        for old, new in dict.fromkeys([*moves, (last, tip), (mark.get(ref, NOTHING), tip)]):
            if old in (new, NOTHING) or new == NOTHING or leads_to(repository.objects, old, new):
                continue
            if "/node/" in ref or _lost_promotion(repository.objects, old, trunk):
                yield Violation(old, shown(ref), f"the branch was rewritten: it lost {old}")


def deleted(repository: Repository, branches: dict[int, dict[str, str]]) -> Iterator[Violation]:
    """Node branches that an audit saw and that are nowhere now."""
    numbers = set(branches)
    for ref, tip in read_mark(repository.home).items():
        name = shown(ref)
        number = name.rpartition("node/")[2]
        if "/node/" in ref and number.isdecimal() and int(number) not in numbers:
            yield Violation(tip, name, "the branch was deleted: an earlier audit saw it here")


def disguised(repository: Repository) -> Iterator[Violation]:
    """What plain git shows here otherwise than it is: it reads these refs and files, we do not."""
    for ref in repository.refs:
        if ref.startswith("refs/replace/"):
            oid = ref.rpartition("/")[2]
            yield Violation(oid, "refs/replace", f"git shows another object in its place: {ref}")
    for ref in repository.unreadable:
        yield Violation("", shown(ref), "the branch cannot be read: its ref leads to no commit")
    if repository.has_grafts:
        yield Violation("", "info/grafts", "git shows other parents than the commits have")


def leads_to(objects: Objects, old: str, new: str) -> bool:
    """Whether `old` is `new` or one of its ancestors, or an unsound one leaves that open."""
    waiting, seen = deque([new]), {new}
    is_open = False
    while waiting:
        here = waiting.popleft()
        if here == old:
            return True
        try:
            parents = set(objects.commit(here).parents) - seen
        except Unsound:
            is_open = True
            continue
        seen |= parents
        waiting.extend(parents)
    return is_open


def _lost_promotion(objects: Objects, old: str, trunk: Trunk) -> bool:
    """People may rewrite commits of their own; a promotion is a record."""
    while old and old not in trunk.line:
        try:
            commit = objects.commit(old)
        except Unsound:
            return False
        record, fault = read_record(commit)
        if fault or isinstance(record, Promote):
            return not fault
        old = commit.parents[0] if commit.parents else ""
    return False


def read_mark(home: Path) -> dict[str, str]:
    """The tips that the last clean audit saw, by ref; none where there is no sound mark."""
    try:
        found = json.loads(read_own(home / _MARK))
    except (OSError, ValueError, RecursionError):
        return {}
    sound = isinstance(found, dict) and all(isinstance(tip, str) for tip in found.values())
    return found if sound else {}


def leave_mark(home: Path, refs: dict[str, str]) -> None:
    """Remember the tips. Where nothing can be written, only the next audit's comparison is lost."""
    with suppress(OSError):
        write_own(home / _MARK, json.dumps(refs, indent=0).encode() + b"\n")
