"""Dishonest pushes to the trunk and to other refs, each with the reason it must meet."""

import re
from collections.abc import Callable

from push_on_nodes import N4, as_node, promotion
from pushes import World

ATTACKS: dict[str, tuple[Callable[[World], list[str]], str]] = {}


def attack(reason: str) -> Callable[[Callable[[World], list[str]]], None]:
    def add(words: Callable[[World], list[str]]) -> None:
        ATTACKS[words.__name__] = (words, reason)

    return add


@attack("node 4 was not judged keep")
def unmeasured_promotion(world: World) -> list[str]:
    return [*as_node(world, f"{N4}~2"), *promotion(world, f"{N4}~2", 4)]


@attack("its tree is not the tree of the node it promotes")
def other_tree(world: World) -> list[str]:
    return [N4, *promotion(world, N4, 4, files={"train.py": "LR = 0.1\n"})]  # type: ignore[arg-type]


@attack("node 2 was not judged keep")
def discarded_promotion(world: World) -> list[str]:
    return promotion(world, "node/000002", 2)


@attack("node 4 was not judged keep")
def promotion_before_the_verdict(world: World) -> list[str]:
    return [N4, *promotion(world, f"{N4}^", 4)]


@attack("its second parent is not on node/000004")
def promotion_of_no_branch(world: World) -> list[str]:
    return ["main"]


@attack("main is rewritten")
def promotion_beside_the_tip(world: World) -> list[str]:
    return [N4, *promotion(world, N4, 4, onto="main~2")]


@attack("node 1 was judged against another incumbent: trunk's is node 3")
def promotion_of_the_past(world: World) -> list[str]:
    return promotion(world, "node/000001", 1)


@attack("was measured under another protocol than the trunk's")
def promotion_under_other_rules(world: World) -> list[str]:
    base = world.forge("main~4", "main^", tree="main^^{tree}", message="New rules\n",
                       files={"evaluate.py": "print()\n"})  # fmt: skip
    return [N4, *promotion(world, N4, 4, onto=base)]


@attack("its Agent is scripted, and the judge promotes")
def promotion_by_an_agent(world: World) -> list[str]:
    text = world.message("main").replace("judge", "scripted")
    tip = world.forge("main", "main^", N4, message=text, author="scripted")
    return [N4, f"{tip}:refs/heads/main"]


@attack("its Metric lines are not those of the trial")
def promotion_with_a_better_metric(world: World) -> list[str]:
    text = re.sub("Metric: .*", "Metric: val_error=0.0", world.message("main"))
    return [N4, f"{world.forge('main', 'main^', N4, message=text)}:refs/heads/main"]


@attack("it is scripted's, an agent's, and no record of an action")
def agent_on_trunk(world: World) -> list[str]:
    tip = world.forge("main", "main^", message="Better\n", author="scripted",
                      files={"train.py": "LR = 0.1\n"})  # fmt: skip
    return [f"{tip}:refs/heads/main"]


@attack("propose belongs on a node's branch")
def proposal_on_trunk(world: World) -> list[str]:
    return [f"{world.forge(f'{N4}~2', 'main^')}:refs/heads/main"]


@attack("it claims to be scripted's propose, on no node's branch")
def record_on_a_side_branch(world: World) -> list[str]:
    return [f"{N4}:refs/heads/idea"]


@attack("it claims to be scripted's propose, on no node's branch")
def record_behind_a_merge(world: World) -> list[str]:
    side = world.forge(f"{N4}~2", "main~2")
    tip = world.forge("main~4", "main^", side, message="Merge my branch\n")
    return [f"{tip}:refs/heads/main"]


@attack("is named like the trunk or a node's branch")
def tag_like_a_node(world: World) -> list[str]:
    return ["main^:refs/tags/node/000001"]


@attack("is named like the trunk or a node's branch")
def branch_like_a_node(world: World) -> list[str]:
    return ["main^:refs/heads/Node/000001"]


@attack("is no node's name")
def short_node_name(world: World) -> list[str]:
    return [f"{N4}:refs/heads/node/4"]


@attack("refs/airesearch/mark is not pushed here")
def own_refs(world: World) -> list[str]:
    return ["main^:refs/airesearch/mark"]


@attack("refs/notes/commits is not pushed here")
def notes(world: World) -> list[str]:
    return ["main^:refs/notes/commits"]


@attack("refs/replace/")
def replacement(world: World) -> list[str]:
    return [f"main^:refs/replace/{world.at('main~2')}"]


@attack("refs/tags/tree would hold no commit")
def tag_of_a_tree(world: World) -> list[str]:
    return ["main^{tree}:refs/tags/tree"]
