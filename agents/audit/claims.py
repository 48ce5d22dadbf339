"""Every claim of a node's branch: `verify` and the push of a shared lab both go through here."""

from .context import AuditContext
from .node_history import Claims, NodeHistory, form_claims
from .proposals import proposal_claims
from .times import node_time_claims
from .trials import trial_claims
from .verdicts import verdict_claims


def node_claims(context: AuditContext, history: NodeHistory) -> Claims:
    """Every claim of a node that is false; of one with an unsound object, that alone.

    Raises Unsound where another's object, which a claim rests on, is.
    """
    before, is_sound = context.objects.commit(history.onto).tree, True
    for commit, _ in history.steps:
        for what in context.objects.unsound(commit.tree, before):
            is_sound = False
            yield commit.id, what
        before = commit.tree
    if not is_sound:
        return
    yield from form_claims(history)
    for claims in (node_time_claims, proposal_claims, trial_claims, verdict_claims):
        yield from claims(context, history)
