"""Ways to lie about evidence under noise; each takes a forger and gives the commit that lies."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from airesearch.gitlab.record.facts import Noise, Verdict
from airesearch.gitlab.record.records import Judge, Measure, parse
from airesearch.policies.promotion.decide import decide
from airesearch.policies.promotion.ruling import Ruling, standard_of
from airesearch.policies.task.task import parse_task
from forgeries import Forgery
from forging import Forger, Raw
from noisy import noisy, turn
from toys import airesearch

LOSER, WINNER = 2, 1
_RUNS_BACK = "seconds before that of"


def contested(folder: Path) -> Path:
    """A baseline of six trials, a winner, and a candidate that did not last."""
    noisy(folder, [turn(12), turn(12.9, tag=5)])
    assert airesearch(folder, "run").code == 0
    return folder


def step(forger: Forger, node: int, action: str) -> int:
    """The place of a node's last such action."""
    found = [f"Action: {action}" in forger.raw(commit).message for commit in forger.steps(node)]
    return len(found) - 1 - found[::-1].index(True)


def verdict(node: int, key: str, said: str) -> Forgery:
    """Another value of a trailer in the node's verdict; no line of it where there is none."""

    def make(forger: Forger) -> str:
        return forger.forge(node, {step(forger, node, "judge"): lambda raw: spoken(raw, key, said)})

    return make


def promotion(key: str, said: str) -> Forgery:
    """Another value of a trailer in the winner's promotion."""
    return lambda forger: forger.forge_trunk(lambda raw: spoken(raw, key, said))


def spoken(raw: Raw, key: str, said: str) -> Raw:
    line = f"{key}: {said}\n" if said else ""
    message, count = re.subn(rf"^{key}: .*\n", line, raw.message, flags=re.MULTILINE)
    assert count, (key, raw.message)
    return replace(raw, message=message)


def scaled(key: str, by: float) -> Forgery:
    """The winner's verdict with the number of a trailer made larger or smaller."""

    def lie(raw: Raw) -> Raw:
        found = re.search(rf"^{key}: ([-+.e0-9]+)", raw.message, re.MULTILINE)
        assert found is not None
        return raw.say(f"{key}: {found[1]}", f"{key}: {float(found[1]) * by!r}")

    return lambda forger: forger.forge(WINNER, {step(forger, WINNER, "judge"): lie})


def cut_to(forger: Forger, place: int) -> str:
    """The winner's branch and its promotion as if its later trials had not been run."""
    tip = forger.steps(WINNER)[place]
    forger.point(WINNER, tip)
    tree = forger.raw(tip).tree
    return forger.forge_trunk(lambda raw: replace(raw, parents=(raw.parents[0], tip), tree=tree))


def promoted_at_once(forger: Forger) -> str:
    """Right after the verdict, in the words of the trials that selected it."""
    judged = step(forger, WINNER, "judge")
    said = re.search(r"Metric: (.*)\n", forger.raw(forger.steps(WINNER)[judged]).message)
    assert said is not None
    cut_to(forger, judged)
    return promotion("Metric", said[1])(forger)


def promoted_too_soon(forger: Forger) -> str:
    """After two of the three fresh trials."""
    return cut_to(forger, step(forger, WINNER, "judge") + 2)


def selecting_metric(forger: Forger) -> str:
    """The mean of the trials that selected it, which flatters it."""
    judged = forger.raw(forger.steps(WINNER)[step(forger, WINNER, "judge")])
    found = re.search(r"Metric: (.*)\n", judged.message)
    assert found is not None
    return promotion("Metric", found[1])(forger)


def picked(replicate: int) -> Forgery:
    """The winner's first fresh trial is said to be on a seed of its choice."""

    def make(forger: Forger) -> str:
        place = step(forger, WINNER, "judge") + 1
        commit = forger.steps(WINNER)[place]
        old, new = f"{WINNER}.4", f"{WINNER}.{replicate}"
        result = forger.git("show", f"{commit}:research/result.json").replace(
            f'"{old}"', f'"{new}"')  # fmt: skip
        files: dict[str, bytes | None] = {"research/result.json": result.encode() + b"\n"}
        return forger.forge(WINNER, {place: lambda raw: raw.say(f"Trial: {old}", f"Trial: {new}")},
                            files)  # fmt: skip

    return make


def unlucky_left_out(forger: Forger) -> str:
    """The winner's second screening trial is gone from its branch, as if it had not been run."""
    steps = forger.steps(WINNER)
    dropped, above = 2, steps[1]
    first = ""
    for commit in steps[dropped + 1 :]:
        above = forger.write(replace(forger.raw(commit), parents=(above,)))
        first = first or above
    forger.point(WINNER, above)
    return first


def ruled(forger: Forger, due: Ruling, lie: Callable[[Judge], Judge], seconds: int = 0) -> str:
    """The winner's verdict right after its first trial, and trunk as it was before it."""
    first = forger.steps(WINNER)[1]
    raw = forger.raw(forger.steps(WINNER)[step(forger, WINNER, "judge")])
    judged = parse(raw.message)
    assert isinstance(judged, Judge)
    trial = parse(forger.raw(first).message)
    assert isinstance(trial, Measure)
    said = lie(
        replace(
            judged,
            subject=f"{due.verdict}, {due.reason}",
            verdict=due.verdict,
            delta=due.delta,
            evidence=due.evidence,
            reason=due.reason,
            metric=trial.metric,
            error_spent=due.error_spent,
        )
    )
    before = forger.raw(first)
    at = replace(raw, parents=(first,), tree=before.tree, message=str(said))
    commit = forger.write(replace(at, committer=before.committer).later(seconds))
    forger.point(WINNER, commit)
    forger.git("update-ref", "refs/heads/main", "main^")
    return commit


def lucky_without_noise(forger: Forger) -> str:
    """Kept on one trial, as where there is no noise."""
    task = parse_task(forger.git("show", "main:airesearch.yaml"))
    trials = [[parse(forger.raw(c).message) for c in forger.steps(n)] for n in (WINNER, 0)]
    ours, theirs = ([t for t in side if isinstance(t, Measure)] for side in trials)
    due = decide(standard_of(task), ours[:1], theirs, Noise(0.0, 0), 0.025)
    assert due is not None
    assert due.verdict is Verdict.KEEP
    return ruled(forger, due, lambda said: replace(said, noise=None))


def redated(forger: Forger) -> str:
    """Discarded as if the baseline had not been measured by then, within what clocks differ by."""
    due = Ruling(Verdict.DISCARD, "n=0", "the incumbent has no results to compare with")
    first = parse(forger.raw(forger.steps(0)[step(forger, 0, "judge")]).message)
    assert isinstance(first, Judge)
    return ruled(forger, due, lambda said: replace(said, noise=first.noise), -299)


def dated(node: int, action: str, seconds: int) -> Forgery:
    """A node's action at another date."""
    return lambda forger: forger.forge(
        node, {step(forger, node, action): lambda raw: raw.later(seconds)}
    )


FORGERIES: dict[str, tuple[Forgery, str]] = {
    "less noise": (scaled("Noise", 0.2), "its Noise is"),
    "more noise": (scaled("Noise", 5.0), "its Noise is"),
    "noise from more trials": (verdict(WINNER, "Noise", "0.9, 500 degrees of freedom"),
                               "500 degrees of freedom"),
    "noise from fewer trials": (verdict(WINNER, "Noise", "0.9, 2 degrees of freedom"),
                                "2 degrees of freedom"),
    "no noise": (verdict(WINNER, "Noise", "0.0, 5 degrees of freedom"), "Noise is 0.0"),
    "noise that is no number": (verdict(WINNER, "Noise", "nan, 5 degrees of freedom"),
                                "its Noise is nan"),
    "noise without a trailer": (verdict(WINNER, "Noise", ""), "it has no Noise"),
    "a loser's verdict without noise": (verdict(LOSER, "Noise", ""), "it has no Noise"),
    "the baseline's verdict without noise": (verdict(0, "Noise", ""), "it has no Noise"),
    "one lucky trial, and not a word of noise": (lucky_without_noise, "it has no Noise"),
    "a verdict from before its incumbent had trials": (redated, "the trials ask for another trial"),
    "a trial from before its proposal": (dated(WINNER, "measure", -1000), _RUNS_BACK),
    "a verdict from before its trials": (dated(LOSER, "judge", -1000), _RUNS_BACK),
    "a proposal from before its parent": (dated(LOSER, "propose", -5000), _RUNS_BACK),
    "a promotion from before the verdict": (
        lambda f: f.forge_trunk(lambda raw: raw.later(-1000)), _RUNS_BACK),
    "noise without end": (verdict(WINNER, "Noise", "inf, 5 degrees of freedom"),
                          "its Noise is inf"),
    "a larger share of the error": (scaled("Error-Spent", 2.0), "its Error-Spent is 0.05"),
    "all of the error": (verdict(WINNER, "Error-Spent", "1.0"), "its Error-Spent is 1.0"),
    "a share below nothing": (verdict(WINNER, "Error-Spent", "-0.01"), "its Error-Spent is -0.01"),
    "a share that is no number": (verdict(WINNER, "Error-Spent", "nan"), "its Error-Spent is nan"),
    "a claim that cost nothing": (verdict(WINNER, "Error-Spent", ""), "its Error-Spent is None"),
    "more pairs": (verdict(WINNER, "Evidence", "n=9 paired, 95% CI [-14, -10]"), "its Evidence"),
    "an interval that is narrower": (
        lambda f: f.forge(WINNER, {step(f, WINNER, "judge"): lambda raw: replace(
            raw, message=re.sub(r"(Evidence: n=\d+ paired, 95% CI) .*", r"\1 [-12.1, -12]",
                                raw.message))}),
        "its Evidence",
    ),
    "a larger gain": (scaled("Delta", 2.0), "its Delta is"),
    "a loser that is kept": (verdict(LOSER, "Verdict", "keep"), "and the trials give discard"),
    "the baseline's evidence": (verdict(0, "Evidence", "n=60, 95% CI [99, 100]"), "its Evidence"),
    "an estimate's evidence": (promotion("Evidence", "n=30, 95% CI [87, 88]"), "its Evidence"),
    "an estimate without evidence": (promotion("Evidence", ""), "its Evidence is None"),
    "a holdout that the task has not": (
        lambda f: f.forge_trunk(
            lambda raw: replace(raw, message=re.sub("(Baseline: )", r"Holdout: sealed=0.1\n\1",
                                                    raw.message))),
        "it has a Holdout, and the task has none",
    ),
    "promoted before the fresh trials": (promoted_at_once, "rests on 0 trials after the verdict"),
    "promoted after two of three": (promoted_too_soon, "rests on 2 trials after the verdict"),
    "the metric of the trials that selected it": (selecting_metric,
                                                  "not those that were measured after the verdict"),
    "a seed of one's choice": (picked(40), "replicate 40 is not the next one"),
    "a seed once more": (picked(1), "replicate 1 is not the next one"),
    "a seed of the pairs": (picked(12), "replicate 12 is not the next one"),
    "an unlucky trial left out": (unlucky_left_out, "replicate 3 is not the next one"),
}  # fmt: skip
