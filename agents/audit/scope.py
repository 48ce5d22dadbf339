"""What part of a lab is reported: `A..B`, a branch, or a node's number."""

from collections.abc import Callable

from ...gitlab.errors import AiresearchError
from ...gitlab.reader.repository import Repository
from .rewrites import Violation

Within = Callable[[Violation], bool]


def scope(repository: Repository, text: str | None) -> Within:
    """Whether a violation is asked for. Raises AiresearchError where `text` names nothing."""
    if text is None:
        return lambda _: True
    if ".." in text:
        old, _, new = text.partition("..")
        inside = repository.between(repository.resolve(old), repository.resolve(new))
        return lambda one: one.commit in inside
    branch = f"node/{int(text):06d}" if text.isdecimal() else text
    short = branch.rpartition("node/")[2]
    if short.isdecimal() and int(short) in repository.nodes():
        return lambda one: one.branch.endswith(f"node/{int(short):06d}")
    if repository.tips(branch):
        return lambda one: one.branch == branch or one.branch.endswith(f"/{branch}")
    raise AiresearchError(
        f"there is no branch or node {text!r} here", "name A..B, a branch, or a node's number"
    )
