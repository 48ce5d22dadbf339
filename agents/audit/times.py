"""Whether the dates of a branch can be true: clocks differ, but none runs back by minutes."""

from collections.abc import Iterator

from ...gitlab.reader.values import Commit
from .context import AuditContext
from .node_history import CLOCKS_APART_SECONDS, Claims, NodeHistory, Promotion


def node_time_claims(context: AuditContext, history: NodeHistory) -> Claims:
    """The dates of a node's actions, from the commit on that it grew from."""
    before = context.objects.commit(history.onto) if history.propose.parent_node else None
    for commit, _ in history.steps:
        yield from _after(before, commit)
        before = commit


def promotion_time_claims(context: AuditContext, promotion: Promotion) -> Claims:
    """The date of a promotion, beside the winner's and the promotion's before it."""
    parents = promotion.commit.parents
    for parent in parents if promotion.place else parents[1:]:
        yield from _after(context.objects.commit(parent), promotion.commit)


def future_faults(commit: Commit, now: float) -> Iterator[str]:
    """The dates of a commit that are yet to come, by the clock of who is given it.

    Claims are held to what was recorded before them, by these dates: one from the future would be
    held against whoever comes after it.
    """
    for whose, time in (("committer", commit.time), ("author", commit.authored)):
        ahead = int(time - now)
        if ahead > CLOCKS_APART_SECONDS:
            yield (
                f"its {whose} date is {ahead} seconds after this server's clock: set the clock of "
                f"the machine that made it, and push it once that date has come, or make it anew"
            )


def _after(before: Commit | None, commit: Commit) -> Claims:
    back = 0 if before is None else before.time - commit.time
    if before is not None and back > CLOCKS_APART_SECONDS:
        yield commit.id, f"its date is {back} seconds before that of {before.id[:10]}, its parent"
