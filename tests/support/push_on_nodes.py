"""Dishonest pushes to the branches of nodes, each with the reason it must meet."""

import re
from collections.abc import Callable

from pushes import World
from toys import git

N4 = "node/000004"


def as_node(world: World, tip: str, node: int = 4) -> list[str]:
    """The words that push `tip` as a node's branch."""
    return [f"{tip}:refs/heads/node/{node:06d}"]


def proposed(world: World, files: dict[str, str]) -> str:
    """Node 4 proposed anew with `files` on top, every trailer as the trees give it."""
    tree = world.tree(f"{N4}~2^{{tree}}", files)
    message = re.sub("Candidate: .*", f"Candidate: {world.without_bus(tree)}",
                     world.message(f"{N4}~2"))  # fmt: skip
    paths = git(world.lab, "diff", "--name-only", f"{N4}~3", tree).split()
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


ATTACKS: dict[str, tuple[Callable[[World], list[str]], str]] = {}


def attack(reason: str) -> Callable[[Callable[[World], list[str]]], None]:
    def add(words: Callable[[World], list[str]]) -> None:
        ATTACKS[words.__name__] = (words, reason)

    return add


@attack("node/000001 is rewritten: its new tip does not descend from")
def force_push(world: World) -> list[str]:
    return ["+node/000001^:refs/heads/node/000001"]


@attack("node/000001 is deleted")
def delete_node(world: World) -> list[str]:
    return [":refs/heads/node/000001"]


@attack("main is deleted")
def delete_trunk(world: World) -> list[str]:
    return [":refs/heads/main"]


@attack("main is rewritten")
def rewind_trunk(world: World) -> list[str]:
    return ["+main~2:refs/heads/main"]


@attack("node/000001 is rewritten")
def amended_verdict(world: World) -> list[str]:
    text = world.message("node/000001").replace("Reason: ", "Reason: surely ")
    tip = world.forge("node/000001", "node/000001^", message=text)
    return [f"+{tip}:refs/heads/node/000001"]


@attack("its author is tuner <tuner@airesearch>, and its Agent is runner")
def forged_author(world: World) -> list[str]:
    measure = world.forge(f"{N4}^", f"{N4}~2", author="tuner")
    return as_node(world, world.forge(N4, measure))


@attack("it is of node 4, not of 9")
def wrong_number(world: World) -> list[str]:
    return as_node(world, N4, 9)


@attack("its Program says 0000")
def forged_program(world: World) -> list[str]:
    return edited(world, 2, "Program: .*", f"Program: {'0' * 64}")


@attack("its Metric says {'val_error': 0.001}, and the lab gives")
def edited_metric(world: World) -> list[str]:
    return edited(world, 1, "Metric: .*", "Metric: val_error=0.001")


@attack("its Metric says ['val_error=0.001'], and the lab gives")
def edited_verdict_metric(world: World) -> list[str]:
    return edited(world, 0, "Metric: .*", "Metric: val_error=0.001")


@attack("not a record: it does not read back to the same text")
def bent_record(world: World) -> list[str]:
    return edited(world, 1, "Metric: val_error=", "Metric: val_error=  ")


@attack("evaluate.py is protected")
def evaluator_changed(world: World) -> list[str]:
    return as_node(world, proposed(world, {"evaluate.py": "print()\n"}))


@attack("research/result.json is on the bus")
def bus_written(world: World) -> list[str]:
    return as_node(world, proposed(world, {"research/result.json": "{}\n"}))


@attack("train.py is a symlink")
def symlink(world: World) -> list[str]:
    return as_node(world, proposed(world, {"train.py": "120000:/etc/passwd"}))


@attack("lib/sub is a submodule")
def submodule(world: World) -> list[str]:
    return as_node(world, proposed(world, {"lib/sub": "160000:"}))


@attack("lib/.gitattributes could configure git")
def attributes(world: World) -> list[str]:
    return as_node(world, proposed(world, {"lib/.gitattributes": "* text\n"}))


@attack("its Candidate says")
def false_candidate(world: World) -> list[str]:
    return edited(world, 2, "Candidate: .*", f"Candidate: {world.at('main~3^{tree}')}")


@attack("its Protocol says")
def false_protocol(world: World) -> list[str]:
    return edited(world, 2, "Protocol: .*", f"Protocol: {world.at('main~3^{tree}')}")


@attack("its Diff-Path says ['README']")
def false_paths(world: World) -> list[str]:
    return edited(world, 2, "Diff-Path: .*", "Diff-Path: README")


@attack("its Trial is 4.2, which cannot follow replicates []")
def skipped_trial(world: World) -> list[str]:
    return edited(world, 1, "Trial: .*", "Trial: 4.2")


@attack("its Environment says")
def false_environment(world: World) -> list[str]:
    return edited(world, 1, "Environment: .*", f"Environment: {world.at('main:train.py')}")


@attack("it keeps a node of which a trial ended as crash")
def kept_a_crash(world: World) -> list[str]:
    result = world.lab / ".git" / "r"
    text = git(world.lab, "show", f"{N4}:research/result.json").replace('"ok"', '"crash"')
    result.write_text(text)
    words = world.message(f"{N4}^").replace("Status: ok", "Status: crash")
    measure = world.forge(f"{N4}^", f"{N4}~2", message=words, files={"research/result.json": text})
    verdict = re.sub("Metric: .*\n", "", world.message(N4))
    tree = f"{measure}^{{tree}}"
    return as_node(world, world.forge(N4, measure, message=verdict, tree=tree))


@attack("train.py is not among what judge writes")
def judge_changes_files(world: World) -> list[str]:
    return as_node(world, world.forge(N4, f"{N4}^", files={"train.py": "LR = 0.1\n"}))


@attack("train.py is not among what runner writes")
def runner_edits(world: World) -> list[str]:
    measure = world.forge(f"{N4}^", f"{N4}~2", files={"train.py": "LR = 0.1\n"})
    return as_node(world, world.forge(N4, measure, tree=f"{measure}^{{tree}}"))


@attack("measure without a propose before it")
def measure_without_propose(world: World) -> list[str]:
    return as_node(world, world.forge(N4, world.forge(f"{N4}^", "main~3")))


@attack("judge without a measure before it")
def judge_without_measure(world: World) -> list[str]:
    return as_node(world, world.forge(N4, f"{N4}~2", tree=f"{N4}~2^{{tree}}"))


@attack("judge without a measure before it")
def promoted_without_a_measure(world: World) -> list[str]:
    tip = world.forge(N4, f"{N4}~2", tree=f"{N4}~2^{{tree}}")
    return [*as_node(world, tip), *promotion(world, tip, 4)]


@attack("promote belongs on the trunk")
def promote_on_a_node(world: World) -> list[str]:
    return as_node(world, world.forge("main", N4))


@attack("it has 2 parents, and an action on a node has one")
def merge_on_a_node(world: World) -> list[str]:
    return as_node(world, world.forge(N4, f"{N4}^", "node/000002"))


@attack("KeyError('dance')")
def unknown_action(world: World) -> list[str]:
    return edited(world, 0, "Action: judge", "Action: dance")


@attack("which is no person's commit on trunk")
def foreign_root(world: World) -> list[str]:
    root = world.forge("main~4", tree="main~4^{tree}", message="Another start\n")
    text = world.message("node/000000~2").replace("Node: 0", "Node: 4")
    return as_node(world, world.forge("node/000000~2", root, message=text))


@attack("which is not on the branch of node 3")
def foreign_parent(world: World) -> list[str]:
    return as_node(world, world.forge(f"{N4}~2", "node/000002"))


@attack("it is no record of an action")
def no_verify(world: World) -> list[str]:
    git(world.lab, "switch", "-q", "-C", "x", "node/000003")
    (world.lab / "evaluate.py").write_text("print()\n")
    git(world.lab, "commit", "-qam", "Better", "--no-verify", "--author", "s <s@airesearch>")
    return ["x:refs/heads/node/000003"]


@attack("claude is no agent of the team")
def unknown_agent(world: World) -> list[str]:
    text = world.message(f"{N4}~2").replace("scripted", "claude")
    return as_node(world, world.forge(f"{N4}~2", f"{N4}~3", message=text, author="claude"))


@attack("its Agent says tuner, and the lab gives airesearch")
def baseline_by_an_agent(world: World) -> list[str]:
    text = world.message("node/000000~2").replace("Node: 0", "Node: 4")
    text = text.replace("airesearch: ", "tuner: ").replace("Agent: airesearch", "Agent: tuner")
    return as_node(world, world.forge("node/000000~2", "main~4", message=text, author="tuner"))
