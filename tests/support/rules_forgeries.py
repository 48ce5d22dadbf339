"""Lies about the rules in force, and about what people changed, in a lab with a team.yaml."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from forgeries import JUDGE, PROPOSE, Forgery, says
from forging import Forger, Lie, Raw
from split_labs import commit, edited, split
from toys import TRAIN, airesearch, lr

LAST = 3
"""The leaf; node 1 was proposed before people forbade `lib/`, and node 2 after."""
_BOUND = {"constraints": [{"metric": "train_seconds", "max": 19}]}
_MINUTES = 400


def ruled(folder: Path) -> Path:
    """Three nodes, and between them commits of people that change who may do what."""
    held = lr(0.2)
    held["write"]["lib/help.py"] = "HELP = 1\n"
    bound = {"constraints": [{"metric": "train_seconds", "max": 20}]}
    split(folder, [held, lr(0.15), lr(0.3)], **bound)
    steps = [
        {"README.md": "another\n", "policies/scripted.yaml": "read: ['*']\nwrite: [train.py]\n"},
        {"airesearch.yaml": "", "train.py": ""},
    ]
    for files in steps:
        assert airesearch(folder, "step").code == 0
        if "train.py" in files:
            text = (folder / "train.py").read_text()
            files = {"airesearch.yaml": edited(folder, **_BOUND), "train.py": f"# people's\n{text}"}
        commit(folder, dict(files))
    assert airesearch(folder, "step").code == 0
    return folder


def rules(forger: Forger) -> list[str]:
    """The commits of people on the trunk, oldest first."""
    listed = forger.git("log", "--first-parent", "--reverse", "--format=%H %s", "main").split("\n")
    return [line[:40] for line in listed if line[41:].startswith(("change", "Start"))]


def names(place: int | None) -> Lie:
    """Another one of them for the Rules of a record, or none."""

    def lie(raw: Raw) -> Raw:
        line = re.search(r"^Rules: .*\n", raw.message, re.MULTILINE)
        assert line is not None
        return raw.say(line[0], f"Rules: {_KNOWN[place]}\n" if place is not None else "")

    return lie


_KNOWN: dict[int, str] = {}


def named(node: int, step: int, place: int | None) -> Forgery:
    """Other rules than were in force."""

    def make(forger: Forger) -> str:
        _KNOWN.update(enumerate(rules(forger)))
        _KNOWN[-1] = "0" * 39 + "1"
        return forger.forge(node, {step: names(place)})

    return make


def laxer(forger: Forger) -> str:
    """Minutes after others knew that `lib/` is forbidden, a change of it by the rules before."""
    _KNOWN.update(enumerate(rules(forger)))
    steps = forger.steps(LAST)
    lies: dict[int, Lie] = {n: lambda raw: raw.later(_MINUTES) for n in range(len(steps))}
    lies[PROPOSE] = lambda raw: names(0)(raw).later(_MINUTES)
    return forger.forge(LAST, lies, {"lib/help.py": b"HELP = 2\n"})


def unread(forger: Forger) -> str:
    """Rules that nobody can read, and a proposal and a verdict that name them."""
    top = forger.raw("main")
    broken = forger.tree(top.tree, {"policies/ghost.yaml": b"read: ['*']\n"})
    slip = replace(top, tree=broken, parents=(forger.git("rev-parse", "main"),), message="a slip\n")
    slipped = forger.write(slip)
    mended = forger.write(replace(slip, tree=top.tree, parents=(slipped,), message="mended\n"))
    forger.git("update-ref", "refs/heads/main", mended)
    _KNOWN[7] = slipped
    return forger.forge(LAST, {PROPOSE: names(7), JUDGE: names(7)}, {"evaluate.py": b"cheat\n"})


def verdicts_run_back(forger: Forger) -> str:
    """By the newest rules, and then once more by those that it was proposed under."""
    _KNOWN.update(enumerate(rules(forger)))
    tip = forger.steps(1)[-1]
    raw = forger.raw(tip)
    newer = forger.write(names(2)(replace(raw, parents=(tip,))))
    forger.point(1, forger.write(replace(raw, parents=(newer,))))
    return forger.steps(1)[-1]


def with_files(node: int, **files: bytes | None) -> Forgery:
    """A proposal that changes a file that is not an agent's to change."""
    paths = {name.replace("__", "."): data for name, data in files.items()}
    return lambda forger: forger.forge(node, {PROPOSE: lambda raw: raw}, paths)


def on_promotion(lie: Callable[[Forger, Raw], Raw]) -> Forgery:
    """A lie in the promotion of node 2, the last one, which a commit of people stands on."""

    def make(forger: Forger) -> str:
        top = forger.git("rev-parse", "main")
        forger.git("update-ref", "refs/heads/main", f"{top}^")
        forged = forger.forge_trunk(lambda raw: lie(forger, raw))
        forger.git("update-ref", "refs/heads/main", forged)
        return forged

    return make


def old_readme(forger: Forger, raw: Raw) -> Raw:
    return replace(raw, tree=forger.tree(raw.tree, {"README.md": b"a toy\n"}))


def other_rules(forger: Forger, raw: Raw) -> Raw:
    _KNOWN.update(enumerate(rules(forger)))
    return names(0)(raw)


def other_program(forger: Forger, raw: Raw) -> Raw:
    text = TRAIN.replace("0.5", "9").encode()
    return replace(raw, tree=forger.tree(raw.tree, {"train.py": text}))


FORGERIES: dict[str, tuple[Forgery, str]] = {
    "Rules of no commit": (named(LAST, PROPOSE, -1), "no commit of people since its base"),
    "no Rules": (named(LAST, PROPOSE, None), "names no Rules|older than those of its Parent"),
    "Rules that run back": (named(LAST, PROPOSE, 0), "older than those of its Parent-Node"),
    "Rules of a verdict that run back": (named(LAST, JUDGE, 0), "older than those of its proposal"),
    "Rules of a verdict of no commit": (named(LAST, JUDGE, -1), "no commit of people"),
    "Rules of a second verdict that run back": (verdicts_run_back,
                                                "older than those of its last verdict"),
    "laxer Rules than were in force": (laxer, "was not allowed this change: lib/help.py"),
    "Rules that nobody can read": (unread, "its Rules cannot be read: policies/ghost.yaml"),
    "an inert path": (with_files(LAST, README__md=b"mine\n"), "README.md is inert"),
    "a new inert path": (with_files(LAST, NOTES__md=b"mine\n"), "NOTES.md is inert"),
    "the team": (with_files(LAST, team__yaml=b"budget: {trials: 9}\n"), "team.yaml is protected"),
    "a promotion's program": (on_promotion(other_program), "is not the winner's"),
    "a promotion's README, as the winner had it": (on_promotion(old_readme), "not the winner's"),
    "a promotion's Rules": (on_promotion(other_rules), "its Rules are"),
    "a verdict that contends": (says(LAST, JUDGE, "Verdict: discard", "Verdict: contend"),
                                "its Verdict is contend, and the trials give discard"),
}  # fmt: skip
