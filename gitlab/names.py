"""The names of refs: which is a node's, and which could be taken for what it is not."""

import re
from collections.abc import Collection, Iterable

from .record.unicode import folded

# Of ids that fit into 64 bits: nobody counts further.
NODE_ID = re.compile(r"[0-9]{6}|[1-9][0-9]{6,17}")
"""How a node's id is written in the name of a ref."""
LEASES = "refs/airesearch/lease"
"""Where the refs of leases are, here and on a remote."""
HEADS = "heads"
"""The place of this repository's own branches; a remote's is `remotes/NAME`."""
_REF = re.compile(rf"refs/(?P<place>heads|remotes/.+)/node/(?P<id>{NODE_ID.pattern})")
# What git tries before or after a name, so that a tag `origin/main` hides a remote's `main`.
_PREFIXES = frozenset({"heads", "tags", "remotes", "refs", "origin", "upstream"})
_HEAD = re.compile(r"@|([a-z0-9]+_)*head|auto_merge|stash")
_OBJECT = re.compile(r"[0-9a-f]{7,64}")


def node_branch(node: int) -> str:
    """`node/000042`: the branch of a node."""
    return f"node/{node:06d}"


def node_of(branch: str) -> int | None:
    """The node whose branch has this name; None where it is no node's."""
    found = branch.removeprefix("node/")
    return int(found) if found != branch and NODE_ID.fullmatch(found) else None


def node_places(remotes: Iterable[str]) -> list[str]:
    """The places a node's branch can stand at, in order: here, then `origin`, then other remotes.

    `remotes` are the configured ones: a person's branch `x/node/000009`, which a clone has below
    `refs/remotes/origin/x`, is no node.
    """
    ordered = sorted(set(remotes), key=lambda name: (name != "origin", name))
    return [HEADS, *(f"remotes/{name}" for name in ordered)]


def node_at(ref: str, places: Collection[str]) -> tuple[str, int] | None:
    """Where a full ref has a node's branch, and which node; None where it has none."""
    match = _REF.fullmatch(ref)
    return (match["place"], int(match["id"])) if match and match["place"] in places else None


def like_a_labs(name: str, trunk: str) -> str:
    """Why a branch or tag that is neither could be taken for the trunk's or a node's branch.

    Plain git takes a tag for a branch, and a file system that folds case one for another.
    """
    plain = folded(name)
    is_like = plain.split("/")[0] == "node" or plain == folded(trunk)
    return "is named like the trunk or a node's branch, and is neither" if is_like else ""


def mistakable(name: str, trunk: str) -> str:
    """What else the name of a branch or tag could be taken for, or is in the way of; or nothing."""
    one, other = f"{folded(name)}/", f"{folded(trunk)}/"
    if one != other and (one.startswith(other) or other.startswith(one)):
        return f"would be in the way of {trunk}: git has no branch in the folder of another"
    parts = folded(name).split("/")
    if any(part == "node" and parts[at + 1].isdecimal() for at, part in enumerate(parts[:-1])):
        return "has a node's name in it, and a clone could take it for that node"
    if parts[0] in _PREFIXES:
        return f"begins like the branches that git has below {parts[0]}"
    if _HEAD.fullmatch(name.casefold()):
        return "is a name that git keeps for itself"
    if _OBJECT.fullmatch(name.casefold()):
        return "could be taken for a commit's name"
    return ""
