"""Ways to lie about a lab; each takes a forger and gives the commit that tells the lie."""

import json
import re
from collections.abc import Callable
from dataclasses import replace

from airesearch.gitlab.record.facts import Improvement
from forging import Forger, Raw, feed

Forgery = Callable[[Forger], str]
"""Tells a lie, and gives the commit that does."""

PROPOSE, MEASURE, JUDGE = 0, 1, 2
LEAF = 10
"""Discarded at 0.1 against node 9 (0.0); nothing grew from it."""
RESULT, RUN_LOG = "research/result.json", "research/run.log"


def says(node: int, step: int, old: str, new: str) -> Forgery:
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


def repeated(forger: Forger) -> str:
    """A result that says its status twice: the first time what plain readers of text will see."""
    ((path, text),) = result(forger, LEAF).items()
    assert text is not None
    told = text.replace(b"{", b'{"status": "crash",', 1)
    return forger.forge(LEAF, {MEASURE: lambda raw: raw}, {path: told})


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


def program_of(node: int, other: int) -> Forgery:
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


def never_run(node: int, reason: str) -> Forgery:
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


def changes(node: int, step: int, path: str) -> Forgery:
    """A file that is not the actor's to change, from one step on."""
    return lambda forger: forger.forge(node, {step: lambda raw: raw}, {path: b"forged\n"})


def honest_about(path: str) -> Forgery:
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


def impostor(node: int, step: int, old: str, new: str) -> Forgery:
    """Another agent, consistently: subject, trailer and author."""

    def lie(raw: Raw) -> Raw:
        said = raw.say(f"Agent: {old}", f"Agent: {new}").by(new, f"{new}@airesearch")
        return replace(said, message=f"{new}: " + said.message.partition(": ")[2])

    return lambda forger: forger.forge(node, {step: lie})


def author(name: str, mail: str) -> Forgery:
    return lambda forger: forger.forge(LEAF, {MEASURE: lambda raw: raw.by(name, mail)})


def on_trunk(old: str, new: str) -> Forgery:
    """A lie in words in trunk's last promotion."""
    return lambda forger: forger.forge_trunk(lambda raw: raw.say(old, new))


def promoted(node: int) -> Forgery:
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


def trunk_parents(*parents: int) -> Forgery:
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


def encoded(name: str) -> Forgery:
    """A trial whose message claims another encoding than it has."""
    lie = {MEASURE: lambda raw: replace(raw, committer=f"{raw.committer}\nencoding {name}")}
    return lambda forger: forger.forge(LEAF, lie)


def twice_named(forger: Forger) -> str:
    """A proposal with a folder in which one name stands twice: which file it is, nobody knows."""
    raw = forger.raw(forger.steps(LEAF)[PROPOSE])
    blob = bytes.fromhex(feed(forger.folder, b"x", "hash-object", "-w", "--stdin"))
    twice = b"100644 x\0" + blob
    inner = feed(forger.folder, twice * 2, "hash-object", "-w", "-t", "tree", "--literally",
                 "--stdin")  # fmt: skip
    root = bytes.fromhex(inner)
    listed = forger.git("ls-tree", raw.tree).split("\n")
    rows = [(*line.split("\t")[0].split(), line.split("\t")[1]) for line in listed]
    parts = [(name + "/" * (kind == "tree"), f"{int(mode, 8):o} {name}\0".encode()
              + bytes.fromhex(oid)) for mode, kind, oid, name in rows]  # fmt: skip
    parts.append(("lib/", b"40000 lib\0" + root))
    data = b"".join(part for _, part in sorted(parts))
    tree = feed(forger.folder, data, "hash-object", "-w", "-t", "tree", "--literally", "--stdin")
    return forger.forge(LEAF, {PROPOSE: lambda raw: replace(raw, tree=tree)})


def kept_by_invention(forger: Forger) -> str:
    """A discarded node says it was kept, and trunk takes it in the words of node 14's promotion."""
    lost = forger.raw(forger.steps(13)[-1]).message
    value = float(re.search("Metric: val_error=(.*)", lost)[1])  # type: ignore[index]
    lie = {JUDGE: lambda raw: raw.say("Verdict: discard", "Verdict: keep")
           .say("judge: discard", "judge: keep")}  # fmt: skip
    forged = forger.forge(13, lie)
    tip = forger.raw(forged)
    model = forger.raw("main")
    first = float(re.search("Baseline: val_error=(.*)", model.message)[1])  # type: ignore[index]
    said = model.message.replace("Node: 14", "Node: 13").replace(
        "promote node 14", "promote node 13"
    )
    said = re.sub("Metric: .*", f"Metric: val_error={value!r}", said)
    said = re.sub("val_error [-0-9.e]+", f"val_error {value:.6g}", said)
    said = re.sub("Improvement: .*", f"Improvement: {Improvement.between(first, value)}", said)
    forger.forge_trunk(lambda raw: replace(raw, tree=tip.tree, parents=(raw.parents[0], forged),
                                           message=said))  # fmt: skip
    return forged


def takes(seconds: str) -> Forgery:
    """A leaf's trial that is said to have taken so long."""

    def make(forger: Forger) -> str:
        def lie(raw: Raw) -> Raw:
            return replace(raw, message=re.sub("Duration: .*", f"Duration: {seconds}", raw.message))

        return forger.forge(LEAF, {MEASURE: lie}, result(forger, LEAF, seconds=float(seconds)))

    return make


def linked(path: str) -> Forgery:
    """A leaf's trial that leaves a link where a file of the runner's should be."""

    def make(forger: Forger) -> str:
        index = {"GIT_INDEX_FILE": str(forger.folder / ".git" / "forged")}
        tree = forger.raw(forger.steps(LEAF)[MEASURE]).tree
        feed(forger.folder, b"", "read-tree", tree, env=index)
        blob = feed(forger.folder, b"/etc/passwd", "hash-object", "-w", "--stdin")
        added = f"120000,{blob},{path}"
        feed(forger.folder, b"", "update-index", "--add", "--cacheinfo", added, env=index)
        tree = feed(forger.folder, b"", "write-tree", env=index)
        return forger.forge(LEAF, {MEASURE: lambda raw: replace(raw, tree=tree)})

    return make


FORGERIES: dict[str, tuple[Forgery, str]] = {
    "files in Diff": (says(LEAF, PROPOSE, "Diff: 1 file,", "Diff: 2 files,"), "files differ"),
    "lines in Diff": (says(LEAF, PROPOSE, ", +1 -1", ", +2 -1"), "do not lead"),
    "more lines than there are": (says(LEAF, PROPOSE, ", +1 -1", ", +99 -99"), "in files of"),
    "fewer lines than differ": (says(LEAF, PROPOSE, ", +1 -1", ", +0 -0"), "lines are gone"),
    "Diff-Path": (says(LEAF, PROPOSE, "Diff-Path: train.py", "Diff-Path: x.py"), "Diff-Path"),
    "Candidate": (says(LEAF, PROPOSE, "Candidate: ", "Candidate: 0"), "Candidate"),
    "Protocol": (says(LEAF, PROPOSE, "Protocol: ", "Protocol: 0"), "Protocol"),
    "Operator": (says(LEAF, PROPOSE, "Operator: improve", "Operator: imagine"), "not a record"),
    "Node": (says(LEAF, PROPOSE, f"Node: {LEAF}\n", "Node: 99\n"), "of node 99"),
    "Parent-Node": (says(LEAF, PROPOSE, "Parent-Node: 9", "Parent-Node: 3"), "not on the branch"),
    "Parent-Node of the future": (says(LEAF, PROPOSE, "Parent-Node: 9", "Parent-Node: 11"),
                                  "not older"),
    "a subject by another": (says(LEAF, MEASURE, "runner: ", "ronner: "), "not a record"),
    "text after the record": (says(LEAF, MEASURE, "Action: ", "X: y\nAction: "), "not a record"),
    "author's name": (author("joe", "runner@airesearch"), "its author is"),
    "author's mail": (author("runner", "runner@example.org"), "its author is"),
    "an agent that is not on the team": (impostor(LEAF, PROPOSE, "scripted", "mallory"), "team"),
    "a proposer that measures": (impostor(LEAF, MEASURE, "runner", "scripted"), "not who acts"),
    "a runner that judges": (impostor(LEAF, JUDGE, "judge", "runner"), "not who acts"),
    "another parent": (grafted, "is not on the branch"),
    "a baseline from a promotion": (baseline_elsewhere, "no commit of people"),
    "judged without a trial": (judged_unmeasured, "its actions come as"),
    "the same trial twice": (twice_measured, "replicate 1 is not the next one"),
    "a commit that records nothing": (plain_commit, "records nothing"),
    "a branch without a proposal": (no_proposal, "no proposal"),
    "a merge on a branch": (extra_parent, "has 2 parents"),
    "another encoding": (encoded("latin-1"), "another encoding than UTF-8"),
    "an author with one more space": (author("runner ", "runner@airesearch"), "its author is"),
    "a folder with one name twice": (twice_named, "does not parse"),
    "a protected file": (honest_about("evaluate.py"), "is protected"),
    "a file nobody may edit": (honest_about("other.txt"), "not among"),
    "a file on the bus": (honest_about("research/x.json"), "is on the bus"),
    "git's own file": (honest_about(".gitattributes"), "configure git"),
    "an undeclared file": (changes(LEAF, PROPOSE, "lib/x.py"), "files differ"),
    "a baseline that changes": (changes(11, PROPOSE, "train.py"), "a baseline changes"),
    "the runner edits code": (changes(LEAF, MEASURE, "train.py"), "runner may not change"),
    "the judge edits code": (changes(LEAF, JUDGE, "train.py"), "judge may change nothing"),
    "the judge edits a result": (changes(LEAF, JUDGE, RESULT), "judge may change nothing"),
    "a refusal that changes code": (changes(4, PROPOSE, "train.py"), "train.py differs"),
    "a refusal with a Diff": (says(4, PROPOSE, "0 files, +0 -0", "1 file, +1 -0"), "Diff is"),
    "Metric in the trailers": (says(LEAF, MEASURE, "=0.1", "=0.0"),
                               "another metrics"),
    "Metric in the file": (lambda f: f.forge(LEAF, {MEASURE: lambda raw: raw},
                                             result(f, LEAF, metrics={"val_error": 0.0})),
                           "another metrics"),
    "a Duration below nothing": (takes("-1000000.0"), "it took -1000000.0 seconds"),
    "a Duration without end": (takes("inf"), "it took inf seconds"),
    "a Duration of an age": (takes("1e+300"), "and the task allows"),
    "a log that is a link": (linked("research/run.log"), "research/run.log is no regular file"),
    "a result of two tellings": (repeated, "repeats a name"),
    "a result of many MiB": (
        lambda f: f.forge(LEAF, {MEASURE: lambda raw: raw}, {RESULT: b" " * (4 << 20) + b"{}"}),
        "research/result.json is larger than"),
    "a log of many MiB": (
        lambda f: f.forge(LEAF, {MEASURE: lambda raw: raw}, {RUN_LOG: b"x" * (5 << 20)}),
        "research/run.log is larger than"),
    "no result file": (lambda f: f.forge(LEAF, {MEASURE: lambda raw: raw}, {RESULT: None}),
                       "is missing, no JSON"),
    "Metric everywhere": (better_everywhere, "the trials give keep"),
    "the subject's number": (says(LEAF, MEASURE, "runner: val_error 0.1", "runner: val_error 0"),
                             "its result is"),
    "Seed": (other_seed, "its Seed is 7"),
    "Trial": (says(LEAF, MEASURE, f"Trial: {LEAF}.1", f"Trial: {LEAF}.2"),
              "replicate 2 is not the next one"),
    "Trial of another node": (says(LEAF, MEASURE, f"Trial: {LEAF}.1", "Trial: 9.1"),
                              "it says it is trial"),
    "Candidate of the trial": (says(LEAF, MEASURE, "Candidate: ", "Candidate: 0"),
                               "not what was proposed"),
    "Environment": (says(LEAF, MEASURE, "Environment: ", "Environment: 0"), "Environment"),
    "Duration": (says(LEAF, MEASURE, "Duration: ", "Duration: 1"), "another seconds"),
    "Peak-Memory": (says(LEAF, MEASURE, "Peak-Memory: ", "Peak-Memory: 1"), "another peak_memory"),
    "Output-Bytes": (says(LEAF, MEASURE, "Output-Bytes: ", "Output-Bytes: 1"), "another output"),
    "Evaluator": (says(LEAF, MEASURE, "Evaluator: pinned", "Evaluator: self-reported"),
                  "the task's is pinned"),
    "Executor": (says(LEAF, MEASURE, "Executor: local", "Executor: moon"), "no trial of this task"),
    "a denied trial that was ok": (denied_was_ok, "its Status is ok"),
    "an invalid trial that was ok": (invalid_was_ok, "did not report"),
    "a duplicate of another": (says(7, MEASURE, "as node 3,", "as node 2,"), "duplicate of no"),
    "the same run twice": (run_twice, "had answered the same"),
    "Verdict": (says(LEAF, JUDGE, "Verdict: discard", "Verdict: keep"), "give discard"),
    "Delta": (says(LEAF, JUDGE, "Delta: +", "Delta: -"), "its Delta is"),
    "Evidence": (says(LEAF, JUDGE, "Evidence: n=1", "Evidence: n=9"), "its Evidence is"),
    "Reason": (says(LEAF, JUDGE, "worse than", "better than"), "its Reason is"),
    "Metric of the verdict": (says(LEAF, JUDGE, "Metric: val_error=0.1", "Metric: val_error=0.0"),
                              "not those that were measured"),
    "an incumbent long replaced": (says(LEAF, JUDGE, "Incumbent: 9", "Incumbent: 1"),
                                   "had been replaced"),
    "no incumbent": (says(LEAF, JUDGE, "Incumbent: 9\n", ""), "names no Incumbent"),
    "an incumbent never promoted": (says(LEAF, JUDGE, "Incumbent: 9", "Incumbent: 2"),
                                    "never promoted"),
    "an incumbent of another base": (says(13, JUDGE, "Incumbent: 12", "Incumbent: 9"),
                                     "never promoted from the same base"),
    "a promotion's tree": (promotion_of_another_tree, "is not the winner's"),
    "a promotion with one parent": (trunk_parents(0), "has two parents"),
    "a promotion with parents swapped": (trunk_parents(1, 0), "two parents|trunk holds|not on"),
    "a promotion of a measure commit": (promotion_of_a_measure, "not judged keep"),
    "a promotion of a discarded node": (promoted(13), "not judged keep"),
    "a promotion a second time": (promoted(12), "promoted before"),
    "a promotion across bases": (promoted(9), "another base"),
    "Metric of a promotion": (on_trunk("Metric: val_error=", "Metric: val_error=-"),
                              "not those that were measured"),
    "Baseline": (on_trunk("Baseline: val_error=0.5", "Baseline: val_error=5.0"), "Baseline"),
    "Improvement": (on_trunk("Improvement: -", "Improvement: -1"), "Improvement"),
    "Parent-Node of a promotion": (on_trunk("Parent-Node: 12", "Parent-Node: 9"), "Parent-Node"),
    "a trial on trunk": (record_on_trunk, "trunk holds a measure"),
    "an agent's plain commit on trunk": (agent_on_trunk, "an agent's name"),
    "a verdict invented, and promoted": (kept_by_invention, "and the trials give discard"),
}  # fmt: skip

SAME = "same program as node {} (formatting and comments aside), which was {}, val_error=0.4"
TWINS: dict[str, tuple[Forgery, str]] = {
    "the Program of another node": (program_of(2, 0), "and its files give another"),
    "the Program of a later node": (program_of(0, 2), "and its files give another"),
    "a Program of its own": (says(3, PROPOSE, "Program: ", "Program: 0"), "its files give another"),
    "a Program of its own, first": (program_of(2, 0), "its Program is"),
    "a duplicate of another program": (never_run(2, SAME.format(0, "ok")),
                                       "no duplicate of node 0: train.py differs by more"),
    "a duplicate of another candidate": (
        says(1, MEASURE, "Reason: same program", "Reason: same candidate"), "a duplicate of no"
    ),
    "a duplicate of another end": (says(1, MEASURE, "which was ok", "which was crash"),
                                   "a duplicate of no"),
    "a duplicate of itself": (says(1, MEASURE, "as node 0", "as node 1"), "a duplicate of no"),
    "a duplicate of a later node": (says(1, MEASURE, "as node 0", "as node 2"), "duplicate of no"),
    "a duplicate of a duplicate": (never_run(2, SAME.format(1, "duplicate")), "duplicate of no"),
    "a duplicate of no node": (
        says(1, MEASURE, "Reason: same program as node 0", "Reason: same program as node 7"),
        "a duplicate of no",
    ),
}  # fmt: skip
COUNTED: tuple[Forgery, str] = (never_run(1, SAME.format(0, "ok")), "the task counts lines")
