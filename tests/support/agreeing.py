"""What `verify` and a push must say alike, and what only a push can know."""

ONLY_A_PUSH = (
    "it claims to be",  # a record off every branch: verify does not read side branches
    "is not here",  # verify takes a clone that has less than all
    "it goes back to no baseline",  # so too
    "is rewritten",  # verify asks the reflog
    "grew from does not parse",  # trunk's side of a merge
    "it carries an agent's name",  # verify says of a node's that it records nothing
    "after this server's clock",  # verify trusts no clock, its own neither
    "would leave a gap",  # verify names it at no commit
    "trunk has",  # verify names it at the promotion
)


def compare(named: list[tuple[str, str]], refused: list[str]) -> None:
    """All that `verify` names is refused in the same words; what else is, only a push can know."""
    missed = {f"{commit[:10]}: {what}" for commit, what in named if commit} - set(refused)
    assert not missed, (missed, refused)
    rest = set(refused) - {f"{commit[:10]}: {what}" for commit, what in named}
    # A push judges what it is given by every ref that leads to it, and may name it at another.
    rest = {why for why in rest if not any(why.partition(": ")[2] in what for _, what in named)}
    alone = [reason for reason in rest if not any(word in reason for word in ONLY_A_PUSH)]
    assert alone == [], (alone, named)
