"""Dishonest pushes to the branches of nodes, each with the reason it must meet."""

import re
from collections.abc import Callable
from typing import NamedTuple

from pushes import World
from toys import git

N4 = "node/000004"
GROWS = "verify knows what a branch was by its reflog, or by the mark of the last audit"


class Attack(NamedTuple):
    """The words of a push, what it must hear, and why only a push hears it, where that is so."""

    words: Callable[[World], list[str]]
    reason: str
    only_here: str


def as_node(world: World, tip: str, node: int = 4) -> list[str]:
    """The words that push `tip` as a node's branch."""
    return [f"{tip}:refs/heads/node/{node:06d}"]


def proposed(world: World, files: dict[str, str]) -> str:
    """Node 4 proposed anew with `files` on top, every trailer as the trees give it."""
    tree = world.tree(f"{N4}~2^{{tree}}", files)
    message = re.sub("Candidate: .*", f"Candidate: {world.without_bus(tree)}",
                     world.message(f"{N4}~2"))  # fmt: skip
    paths = git(
        world.lab, "-c", "core.quotePath=false", "diff", "--name-only", f"{N4}~3", tree
    ).split()
    listed = "\n".join(f"Diff-Path: {path}" for path in paths)
    message = re.sub("(Diff-Path: .*\n)+", listed + "\n", message)
    return world.forge(f"{N4}~2", f"{N4}~3", tree=tree, message=message)


def edited(world: World, back: int, old: str, new: str) -> list[str]:
    """Node 4 with the text of one of its commits changed, and what is above it made anew."""
    name = f"{N4}~{back}"
    text = world.message(name)
    assert re.search(old, text)
    tip = world.forge(name, f"{name}^", message=re.sub(old, new, text))
    for above in range(back - 1, -1, -1):
        tip = world.forge(f"{N4}~{above}", tip)
    return as_node(world, tip)


def promotion(world: World, winner: str, node: int, onto: str = "", **forged: str) -> list[str]:
    """Trunk with a promotion of `winner`, in the words of node 4's."""
    text = world.message("main").replace("Node: 4\n", f"Node: {node}\n", 1)
    tree = forged.pop("tree", f"{winner}^{{tree}}")
    tip = world.forge("main", onto or "main^", winner, message=text, tree=tree, **forged)
    return [f"+{tip}:refs/heads/main"]


ATTACKS: dict[str, Attack] = {}


def attack(reason: str, only_here: str = "") -> Callable[[Callable[[World], list[str]]], None]:
    def add(words: Callable[[World], list[str]]) -> None:
        ATTACKS[words.__name__] = Attack(words, reason, only_here)

    return add


@attack("node/000001 is rewritten: its new tip does not descend from", GROWS)
def force_push(world: World) -> list[str]:
    return ["+node/000001^:refs/heads/node/000001"]


@attack("node/000001 is deleted", GROWS)
def delete_node(world: World) -> list[str]:
    return [":refs/heads/node/000001"]


@attack("main is deleted", GROWS)
def delete_trunk(world: World) -> list[str]:
    return [":refs/heads/main"]


@attack("main is rewritten", GROWS)
def rewind_trunk(world: World) -> list[str]:
    return ["+main~2:refs/heads/main"]


@attack("its Reason is surely")
def amended_verdict(world: World) -> list[str]:
    text = world.message("node/000001").replace("Reason: ", "Reason: surely ")
    tip = world.forge("node/000001", "node/000001^", message=text)
    return [f"+{tip}:refs/heads/node/000001"]


@attack("research/result.json is on the bus")
def bus_written(world: World) -> list[str]:
    return as_node(world, proposed(world, {"research/result.json": "{}\n"}))


@attack("is protected")
def unseen_letter(world: World) -> list[str]:
    return as_node(world, proposed(world, {"eval\ufe0fuate.py": "x\n"}))


@attack("could configure git or its hooks")
def joined_letters(world: World) -> list[str]:
    return as_node(world, proposed(world, {"lib/.g\u034fitattributes": "x\n"}))


@attack("AIRESE~1.YAM is protected")
def short_name(world: World) -> list[str]:
    return as_node(world, proposed(world, {"AIRESE~1.YAM": "x\n"}))


@attack("evaluate.py::$DATA is protected")
def stream(world: World) -> list[str]:
    return as_node(world, proposed(world, {"evaluate.py::$DATA": "x\n"}))


@attack("train.py is a symlink")
def symlink(world: World) -> list[str]:
    return as_node(world, proposed(world, {"train.py": "120000:/etc/passwd"}))


@attack("lib/sub is a submodule")
def submodule(world: World) -> list[str]:
    return as_node(world, proposed(world, {"lib/sub": "160000:"}))


@attack("its Verdict is keep, and the trials give fail")
def kept_a_crash(world: World) -> list[str]:
    result = world.lab / ".git" / "r"
    text = git(world.lab, "show", f"{N4}:research/result.json").replace('"ok"', '"crash"')
    result.write_text(text)
    words = world.message(f"{N4}^").replace("Status: ok", "Status: crash")
    measure = world.forge(f"{N4}^", f"{N4}~2", message=words, files={"research/result.json": text})
    verdict = re.sub("Metric: .*\n", "", world.message(N4))
    tree = f"{measure}^{{tree}}"
    return as_node(world, world.forge(N4, measure, message=verdict, tree=tree))


@attack("its actions come as propose, judge")
def promoted_without_a_measure(world: World) -> list[str]:
    tip = world.forge(N4, f"{N4}~2", tree=f"{N4}~2^{{tree}}")
    return [*as_node(world, tip), *promotion(world, tip, 4)]


@attack("its actions come as propose, measure, judge, promote")
def promote_on_a_node(world: World) -> list[str]:
    return as_node(world, world.forge("main", N4))


@attack("which is no commit of people on trunk")
def foreign_root(world: World) -> list[str]:
    root = world.forge("main~4", tree="main~4^{tree}", message="Another start\n")
    text = world.message("node/000000~2").replace("Node: 0", "Node: 4")
    return as_node(world, world.forge("node/000000~2", root, message=text))


@attack("on the branch of node 3, it records nothing")
def no_verify(world: World) -> list[str]:
    git(world.lab, "switch", "-q", "-C", "x", "node/000003")
    (world.lab / "evaluate.py").write_text("print()\n")
    git(world.lab, "commit", "-qam", "Better", "--no-verify", "--author", "s <s@airesearch>")
    return ["x:refs/heads/node/000003"]


@attack("a baseline is proposed by nobody")
def baseline_by_an_agent(world: World) -> list[str]:
    text = world.message("node/000000~2").replace("Node: 0", "Node: 4")
    text = text.replace("airesearch: ", "tuner: ").replace("Agent: airesearch", "Agent: tuner")
    return as_node(world, world.forge("node/000000~2", "main~4", message=text, author="tuner"))


def left(world: World, path: str, text: str, why: str = "Refused: it may not") -> list[str]:
    """Node 4 as a proposal that came to nothing and left `text`, with a mode, at `path`."""
    tree = world.tree(f"{N4}~3^{{tree}}", {path: text})
    message = re.sub("Candidate: .*", f"Candidate: {world.without_bus(tree)}",
                     world.message(f"{N4}~2"))  # fmt: skip
    message = re.sub("(Diff-Path: .*\n)+", "", message)
    message = re.sub("Diff: .*", "Diff: 0 files, +0 -0", message)
    head, _, block = message.partition("\n\n")
    message = "\n\n".join(filter(None, (head, why, block)))
    return as_node(world, world.forge(f"{N4}~2", f"{N4}~3", tree=tree, message=message))


@attack("its research/refused.patch is larger than 65,536 bytes")
def refused_patch_of_40_mib(world: World) -> list[str]:
    return left(world, "research/refused.patch", "100644:" + "x" * (40 << 20))


@attack("its research/error.txt is larger than 65,536 bytes")
def error_of_a_mib(world: World) -> list[str]:
    return left(world, "research/error.txt", "100644:" + "x" * (1 << 20), "")


@attack("a refused proposal says why in `Refused:` lines, and it has none")
def refused_without_a_word(world: World) -> list[str]:
    return left(world, "research/refused.patch", "100644:x", "It was not to be")


@attack("its research/refused.patch is no plain file")
def refused_patch_that_is_a_link(world: World) -> list[str]:
    return left(world, "research/refused.patch", "120000:/etc/passwd")


@attack("its research/refused.patch is no plain file")
def refused_patch_that_can_be_run(world: World) -> list[str]:
    return left(world, "research/refused.patch", "100755:x")


def merging(world: World, names: tuple[int, ...], parents: tuple[str, ...]) -> list[str]:
    """Node 4 as a merge that names these nodes and has these parents."""
    listed = "".join(f"Parent-Node: {name}\n" for name in names)
    message = re.sub("Parent-Node: .*\n", listed, world.message(f"{N4}~2"))
    message = re.sub("Operator: .*", "Operator: merge", message)
    return as_node(world, world.forge(f"{N4}~2", *parents, message=message))


@attack("its Parent-Node 777777 is not older than it")
def merge_of_a_node_to_come(world: World) -> list[str]:
    return merging(world, (3, 777777), (f"{N4}~3", "node/000001"))


@attack("is not on the branch of its Parent-Node 1")
def merge_of_another_commit(world: World) -> list[str]:
    return merging(world, (3, 1), (f"{N4}~3", "main~4"))


@attack("is not on the branch of its Parent-Node")
def merge_in_the_other_order(world: World) -> list[str]:
    return merging(world, (1, 3), (f"{N4}~3", "node/000001"))


@attack("a merge names two nodes, and it does not")
def merge_of_one_node(world: World) -> list[str]:
    return merging(world, (3,), (f"{N4}~3",))


@attack("a merge names two nodes, and it does not")
def merge_of_a_node_with_itself(world: World) -> list[str]:
    return merging(world, (3, 3), (f"{N4}~3", f"{N4}~3"))


@attack("a propose commit has 1 parents")
def merge_with_one_parent(world: World) -> list[str]:
    return merging(world, (3, 1), (f"{N4}~3",))


@attack("a propose commit has 3 parents")
def merge_with_a_stranger(world: World) -> list[str]:
    return merging(world, (3, 1), (f"{N4}~3", "node/000001", "main~4"))
