"""Which promoted nodes stand: to step down to one takes away what was promoted after it."""

from collections.abc import Iterable


def standing(promoted: Iterable[int]) -> tuple[int, ...]:
    """The nodes that stand after these promotions, in the order they were made, the last on top."""
    found: list[int] = []
    for node in promoted:
        if node in found:
            del found[found.index(node) + 1 :]
        else:
            found.append(node)
    return tuple(found)
