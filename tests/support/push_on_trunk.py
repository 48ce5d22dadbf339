"""Dishonest pushes to the trunk and to other refs, each with the reason it must meet."""

from collections.abc import Callable

from push_on_nodes import GROWS, N4, Attack, as_node, promotion
from pushes import World

NAMES = "the name of a ref is no claim"
SIDES = "verify reads the branches of nodes and the trunk's first parents"

ATTACKS: dict[str, Attack] = {}


def attack(reason: str, only_here: str = "") -> Callable[[Callable[[World], list[str]]], None]:
    def add(words: Callable[[World], list[str]]) -> None:
        ATTACKS[words.__name__] = Attack(words, reason, only_here)

    return add


@attack("node 4 was not judged keep")
def unmeasured_promotion(world: World) -> list[str]:
    return [*as_node(world, f"{N4}~2"), *promotion(world, f"{N4}~2", 4)]


@attack("node 4 is not here", "a clone of the trunk alone has no branches of nodes, and is true")
def promotion_of_no_branch(world: World) -> list[str]:
    return ["main"]


@attack("main is rewritten", GROWS)
def promotion_beside_the_tip(world: World) -> list[str]:
    return [N4, *promotion(world, N4, 4, onto="main~2")]


@attack("node 1 was promoted before")
def promotion_of_the_past(world: World) -> list[str]:
    return promotion(world, "node/000001", 1)


@attack("'scripted' is not who acts in a promote commit")
def promotion_by_an_agent(world: World) -> list[str]:
    text = world.message("main").replace("judge", "scripted")
    tip = world.forge("main", "main^", N4, message=text, author="scripted")
    return [N4, f"{tip}:refs/heads/main"]


@attack("it claims to be scripted's propose, on no node's branch", SIDES)
def record_on_a_side_branch(world: World) -> list[str]:
    return [f"{N4}:refs/heads/idea"]


@attack("it claims to be scripted's propose, on no node's branch", SIDES)
def record_behind_a_merge(world: World) -> list[str]:
    side = world.forge(f"{N4}~2", "main~2")
    tip = world.forge("main~4", "main^", side, message="Merge my branch\n")
    return [f"{tip}:refs/heads/main"]


@attack("is named like the trunk or a node's branch", NAMES)
def tag_like_a_node(world: World) -> list[str]:
    return ["main^:refs/tags/node/000001"]


@attack("is named like the trunk or a node's branch", NAMES)
def branch_like_a_node(world: World) -> list[str]:
    return ["main^:refs/heads/Node/000001"]


@attack("is no node's name", NAMES)
def short_node_name(world: World) -> list[str]:
    return [f"{N4}:refs/heads/node/4"]


@attack("refs/airesearch/mark is not pushed here", NAMES)
def own_refs(world: World) -> list[str]:
    return ["main^:refs/airesearch/mark"]


@attack("refs/notes/commits is not pushed here", NAMES)
def notes(world: World) -> list[str]:
    return ["main^:refs/notes/commits"]


@attack("refs/replace/", NAMES)
def replacement(world: World) -> list[str]:
    return [f"main^:refs/replace/{world.at('main~2')}"]


@attack("refs/tags/tree would hold no commit", NAMES)
def tag_of_a_tree(world: World) -> list[str]:
    return ["main^{tree}:refs/tags/tree"]
