"""What a push to a shared lab may do; every reason against it, ref by ref and commit by commit."""

from collections.abc import Iterator

from ....gitlab.errors import RecordError
from ....gitlab.hooks.push_view import Update, is_commit, short
from ....gitlab.lab.lab import Lab
from ....gitlab.store.trees import Oid
from .lab import After, Rights, person_faults
from .lease import is_lease, lease_faults
from .node import node_faults
from .trunk import trunk_faults


def read_update(line: str) -> Update:
    """One line that git gives the hook: `old new ref`, forty zeros for a ref that is not there."""
    old, new, ref = line.split(" ", 2)
    return Update(_oid(old), _oid(new), ref)


def read_rights(pusher: str, lines: tuple[str, ...], people: str) -> Rights:
    """The pusher's rights from `airesearch.pusher` lines, `alice: tuner, claude`, and `.people`.

    Without such lines anyone may push any agent's commits; with them, who is not named none. The
    runner's and the judge's come with those of whichever agent the pusher may bring.
    """
    agents: set[str] = set()
    for line in lines:
        name, _, listed = line.partition(":")
        if name.strip() == pusher:
            agents |= {agent.strip() for agent in listed.split(",")} - {""}
    return Rights(pusher, frozenset(agents) if lines else None, people == "any")


def push_faults(lab: Lab, updates: tuple[Update, ...], rights: Rights) -> tuple[str, ...]:
    """Every reason against a push, each with its ref and commit; none where it may pass."""
    wrong = tuple(
        f"{update.ref} would hold no commit, but {short(update.new)}"
        for update in updates
        if update.new is not None
        and not is_lease(update.ref)
        and not is_commit(lab.repo, update.new)
    )
    if wrong:
        return wrong
    after = After(lab, updates)
    return tuple(f"{u.ref} {why}" for u in updates for why in _faults(after, u, rights))


def _faults(after: After, update: Update, rights: Rights) -> Iterator[str]:
    kind, _, name = update.ref.removeprefix("refs/").partition("/")
    if is_lease(update.ref):
        yield from lease_faults(after.lab, update, rights)
    elif kind not in ("heads", "tags"):
        yield "is not pushed here: only branches, tags and leases are"
    elif update.ref == f"refs/heads/{after.lab.trunk}":
        yield from trunk_faults(after, update, rights)
        yield from _side_faults(after, update, rights)
    elif update.ref.startswith("refs/heads/node/"):
        yield from node_faults(after, update, rights)
    elif _is_like(name, after.lab.trunk):
        yield "is named like the trunk or a node's branch, and is neither"
    elif not rights.people:
        yield "is people's, and people push nothing here (airesearch.people is none)"
    elif kind == "tags" and update.old is not None:
        yield "is a tag that is there already, and tags stay as they are"
    else:
        yield from _side_faults(after, update, rights)


def _is_like(name: str, trunk: str) -> bool:
    """Whether plain git, or a file system that folds case, could take one for the other."""
    folded = name.casefold()
    return folded.split("/")[0] == "node" or folded == trunk.casefold()


def _side_faults(after: After, update: Update, rights: Rights) -> Iterator[str]:
    """New commits that stand on no node's branch and are no step of the trunk are a person's."""
    if update.new is None:
        return
    for commit in after.unseen(update.new):
        try:
            record = after.record(commit)
            reasons = list(person_faults(commit, rights)) if record is None else []
        except RecordError as error:
            record, reasons = None, [error.what]
        if record is not None:
            what = f"it claims to be {record.agent}'s {record.action}"
            reasons = [f"{what}, on no node's branch, nor on the trunk, {after.lab.trunk}"]
        for reason in reasons:
            yield f"{short(commit.id)}: {reason}"


def _oid(text: str) -> Oid | None:
    return None if not text.strip("0") else Oid(hex=text)
