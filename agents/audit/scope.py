"""What part of a lab is reported: `A..B`, a branch, or a node's number."""

from collections.abc import Callable

from ...gitlab.errors import AiresearchError
from ...gitlab.reader.repository import Place
from .values import Falsehood

Within = Callable[[Falsehood], bool]


def scope(place: Place, text: str | None) -> Within:
    """Whether a falsehood is asked for. Raises AiresearchError where `text` names nothing."""
    if text is None:
        return lambda _: True
    if ".." in text:
        old, _, new = text.partition("..")
        inside = place.between(place.resolve(old), place.resolve(new))
        return lambda one: one.commit in inside
    branch = f"node/{int(text):06d}" if text.isdecimal() else text
    short = branch.rpartition("node/")[2]
    if short.isdecimal() and int(short) in place.nodes():
        return lambda one: one.branch.endswith(f"node/{int(short):06d}")
    if place.tips(branch):
        return lambda one: one.branch == branch or one.branch.endswith(f"/{branch}")
    raise AiresearchError(
        f"there is no branch or node {text!r} here", "name A..B, a branch, or a node's number"
    )
