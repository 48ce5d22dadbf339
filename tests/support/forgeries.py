"""Ways to lie about a lab; each takes a forger and gives the commit that tells the lie."""

import json
from collections.abc import Callable
from dataclasses import replace

from forging import Forger, Raw

PROPOSE, MEASURE, JUDGE = 0, 1, 2
LEAF = 10
"""Discarded at 0.1 against node 9 (0.0); nothing grew from it."""
RESULT = "research/result.json"


def says(node: int, step: int, old: str, new: str) -> Callable[[Forger], str]:
    """A lie in words: `new` for `old` in one message."""
    return lambda forger: forger.forge(node, {step: lambda raw: raw.say(old, new)})


def result(forger: Forger, node: int, **facts: object) -> dict[str, bytes | None]:
    """The node's result file with other facts."""
    found = json.loads(forger.git("show", f"node/{node:06d}:{RESULT}"))
    return {RESULT: json.dumps({**found, **facts}, indent=1).encode() + b"\n"}


def better_everywhere(forger: Forger) -> str:
    """A better metric in trailers, file and verdict: only the verdict does not follow from it."""

    def lie(raw: Raw) -> Raw:
        return replace(raw, message=raw.message.replace("val_error=0.1", "val_error=-0.5")
                       .replace("runner: val_error 0.1", "runner: val_error -0.5"))  # fmt: skip

    files = result(forger, LEAF, metrics={"val_error": -0.5})
    forger.forge(LEAF, {MEASURE: lie, JUDGE: lie}, files)
    return forger.steps(LEAF)[JUDGE]


def other_seed(forger: Forger) -> str:
    seed = forger.git("log", "-1", "--skip=1", "--format=%(trailers:key=Seed,valueonly)",
                      f"node/{LEAF:06d}").strip()  # fmt: skip
    lie = {MEASURE: lambda raw: raw.say(f"Seed: {seed}", "Seed: 7")}
    return forger.forge(LEAF, lie, result(forger, LEAF, seed=7))


def run_twice(forger: Forger) -> str:
    """Node 7, a duplicate of node 3, says it was run."""
    score = forger.git("log", "--format=%(trailers:key=Metric,valueonly)", "node/000003", "-1")

    def lie(raw: Raw) -> Raw:
        said = raw.say("Status: duplicate", f"Status: ok\nMetric: {score}").message
        lines = [line for line in said.split("\n") if not line.startswith("Reason: ")]
        return replace(raw, message="\n".join(["runner: val_error 0.05", *lines[1:]]))

    metrics = {"val_error": float(score.partition("=")[2])}
    files = result(forger, 7, status="ok", reason=None, metrics=metrics)
    steps = {PROPOSE: lambda raw: raw.later(3600), MEASURE: lie}
    forger.forge(7, steps, files)
    return forger.steps(7)[MEASURE]


def program_of(node: int, other: int) -> Callable[[Forger], str]:
    """A node says it is the program of another."""

    def make(forger: Forger) -> str:
        claims = (
            forger.git("log", "-1", "--format=%(trailers:key=Program,valueonly)",
                       forger.steps(one)[PROPOSE])
            for one in (node, other)
        )  # fmt: skip
        old, new = claims
        return forger.forge(node, {PROPOSE: lambda raw: raw.say(old, new)})

    return make


def never_run(node: int, reason: str) -> Callable[[Forger], str]:
    """A node that was run says it was answered from the record."""

    def lie(raw: Raw) -> Raw:
        said = raw.say("Status: ok", f"Status: duplicate\nReason: {reason}").message
        lines = [line for line in said.split("\n") if not line.startswith("Metric: ")]
        return replace(raw, message="\n".join([f"runner: duplicate, {reason}"[:72], *lines[1:]]))

    def make(forger: Forger) -> str:
        files = result(forger, node, status="duplicate", reason=reason, metrics={})
        return forger.forge(node, {MEASURE: lie}, files)

    return make


def denied_was_ok(forger: Forger) -> str:
    lie = {MEASURE: lambda raw: raw.say("Status: denied", "Status: ok")}
    return forger.forge(4, lie, result(forger, 4, status="ok"))


def invalid_was_ok(forger: Forger) -> str:
    def lie(raw: Raw) -> Raw:
        said = raw.say("Status: invalid", "Status: ok").message
        lines = [line for line in said.split("\n") if not line.startswith("Reason: ")]
        return replace(raw, message="\n".join(["runner: ok", *lines[1:]]))

    return forger.forge(6, {MEASURE: lie}, result(forger, 6, status="ok", reason=None))


def twice_measured(forger: Forger) -> str:
    steps = forger.steps(LEAF)
    again = replace(forger.raw(steps[MEASURE]), parents=(steps[JUDGE],))
    forger.point(LEAF, forger.write(again))
    return forger.steps(LEAF)[-1]


def judged_unmeasured(forger: Forger) -> str:
    steps = forger.steps(LEAF)
    propose = forger.raw(steps[PROPOSE])
    raw = replace(forger.raw(steps[JUDGE]), parents=(steps[PROPOSE],), tree=propose.tree)
    forger.point(LEAF, forger.write(raw))
    return forger.git("rev-parse", f"node/{LEAF:06d}")


def plain_commit(forger: Forger) -> str:
    steps = forger.steps(LEAF)
    raw = replace(forger.raw(steps[JUDGE]), parents=(steps[JUDGE],), message="Tidy up\n")
    forger.point(LEAF, forger.write(raw))
    return forger.git("rev-parse", f"node/{LEAF:06d}")


def no_proposal(forger: Forger) -> str:
    steps = forger.steps(LEAF)
    raw = replace(forger.raw(steps[MEASURE]), parents=())
    forger.point(LEAF, forger.write(raw))
    return forger.git("rev-parse", f"node/{LEAF:06d}")


def grafted(forger: Forger) -> str:
    """Node 10 says it grew from node 9 and grows from node 3."""
    other = forger.steps(3)[-1]
    return forger.forge(LEAF, {PROPOSE: lambda raw: replace(raw, parents=(other,))})


def baseline_elsewhere(forger: Forger) -> str:
    """The second baseline as if it had grown from a promotion."""
    first = forger.git("rev-parse", "main~4")
    return forger.forge(11, {PROPOSE: lambda raw: replace(raw, parents=(first,))})


def changes(node: int, step: int, path: str) -> Callable[[Forger], str]:
    """A file that is not the actor's to change, from one step on."""
    return lambda forger: forger.forge(node, {step: lambda raw: raw}, {path: b"forged\n"})


def honest_about(path: str) -> Callable[[Forger], str]:
    """A change outside policy by a proposal that claims it in every trailer."""

    def make(forger: Forger) -> str:
        old = forger.raw(forger.steps(LEAF)[PROPOSE])
        tree = forger.tree(old.tree, {path: b"forged\n"})
        files = [name for name in forger.git("ls-tree", "-r", "--name-only", tree).split("\n")
                 if name.startswith("research/")]  # fmt: skip
        candidate = forger.tree(tree, dict.fromkeys(files))
        was = forger.git("log", "-1", "--format=%(trailers:key=Candidate,valueonly)",
                         forger.steps(LEAF)[PROPOSE])  # fmt: skip
        before = forger.raw(old.parents[0]).tree
        stat = forger.git("diff", "--numstat", before, tree).split("\n")
        rows = [row.split("\t") for row in stat]
        added, removed = (sum(int(row[i]) for row in rows) for i in (0, 1))
        paths = "".join(f"Diff-Path: {row[2]}\n" for row in rows)

        def lie(raw: Raw) -> Raw:
            said = raw.say(was, candidate)
            lines = [x for x in said.message.split("\n") if not x.startswith("Diff-Path: ")]
            at = next(n for n, x in enumerate(lines) if x.startswith("Diff: "))
            lines[at] = f"Diff: {len(rows)} files, +{added} -{removed}\n{paths.rstrip()}"
            return replace(said, tree=tree, message="\n".join(lines))

        return forger.forge(LEAF, {PROPOSE: lie})

    return make


def impostor(node: int, step: int, old: str, new: str) -> Callable[[Forger], str]:
    """Another agent, consistently: subject, trailer and author."""

    def lie(raw: Raw) -> Raw:
        said = raw.say(f"Agent: {old}", f"Agent: {new}").by(new, f"{new}@airesearch")
        return replace(said, message=f"{new}: " + said.message.partition(": ")[2])

    return lambda forger: forger.forge(node, {step: lie})


def author(name: str, mail: str) -> Callable[[Forger], str]:
    return lambda forger: forger.forge(LEAF, {MEASURE: lambda raw: raw.by(name, mail)})


def on_trunk(old: str, new: str) -> Callable[[Forger], str]:
    """A lie in words in trunk's last promotion."""
    return lambda forger: forger.forge_trunk(lambda raw: raw.say(old, new))


def promoted(node: int) -> Callable[[Forger], str]:
    """A promotion of `node` that nobody decided."""

    def make(forger: Forger) -> str:
        steps = forger.steps(node)
        model = forger.raw("main")
        message = f"judge: promote node {node}\n\nAction: promote\nAgent: judge\nNode: {node}\n"
        raw = replace(model, tree=forger.raw(steps[-1]).tree, parents=(steps[-1],),
                      message=message)  # fmt: skip
        return forger.on_trunk(raw)

    return make


def record_on_trunk(forger: Forger) -> str:
    return forger.on_trunk(replace(forger.raw(forger.steps(LEAF)[MEASURE]), parents=()))


def agent_on_trunk(forger: Forger) -> str:
    raw = replace(forger.raw("main"), parents=(), message="Better defaults\n")
    return forger.on_trunk(raw)


def extra_parent(forger: Forger) -> str:
    other = forger.steps(3)[-1]
    lie = {JUDGE: lambda raw: replace(raw, parents=(*raw.parents, other))}
    return forger.forge(LEAF, lie)


def missing_object(forger: Forger) -> str:
    """A blob that only one measure commit holds is gone."""
    commit = forger.steps(LEAF)[MEASURE]
    blob = forger.git("rev-parse", f"{commit}:research/result.json")
    (forger.folder / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    return commit


def trunk_parents(*parents: int) -> Callable[[Forger], str]:
    """Trunk's last promotion with a choice of its parents."""
    return lambda forger: forger.forge_trunk(
        lambda raw: replace(raw, parents=tuple(raw.parents[n] for n in parents))
    )


def promotion_of_a_measure(forger: Forger) -> str:
    measured = forger.steps(14)[MEASURE]
    return forger.forge_trunk(lambda raw: replace(raw, parents=(raw.parents[0], measured)))


def promotion_of_another_tree(forger: Forger) -> str:
    return forger.forge_trunk(
        lambda raw: replace(raw, tree=forger.tree(raw.tree, {"train.py": b"LR = 9\n"}))
    )
