"""Whether promotions are true: false ones among nulls, power, bias, drift, and on real tasks.

python benchmarks/promotion.py [--quick] [--json FILE] [--only PART ...]

Simulated campaigns drive the judge's own decisions (`policies.promotion.decide`, the order of
replicates, the ledger of errors) with drawn numbers for trials. Real ones run labs. Beside them the
rule that keeps whatever beats the best by any margin, and one of five trials for every candidate.
"""

import argparse
import json
import math
import os
import random
import statistics
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path

import yaml
from airesearch.agents.campaign import Campaign
from airesearch.agents.loop import run
from airesearch.agents.setup.create_lab import create_example_lab
from airesearch.gitlab.lab.lab import open_lab
from airesearch.gitlab.record.facts import Metric, Noise, Status, Trial, Verdict
from airesearch.gitlab.record.records import Measure
from airesearch.gitlab.tree.search_tree import mean, values_of
from airesearch.policies.promotion.decide import decide
from airesearch.policies.promotion.error_budget import part
from airesearch.policies.promotion.noise import pooled
from airesearch.policies.promotion.replication import ESTIMATE, SCREEN, next_fresh, next_turn
from airesearch.policies.promotion.ruling import Standard

Draw = Callable[[random.Random], float]
Drift = Callable[[int], float]


def _lognormal(rng: random.Random) -> float:
    return (rng.lognormvariate(0, 1) - math.exp(0.5)) / math.sqrt((math.e - 1) * math.e)


def _student(rng: random.Random) -> float:
    return rng.gauss(0, 1) / math.sqrt(rng.gammavariate(1.5, 2) / 3) / math.sqrt(3)


def _errors(rng: random.Random) -> float:
    return (sum(rng.random() < 0.2 for _ in range(20)) - 4) / math.sqrt(3.2)


NOISES: dict[str, Draw] = {
    "normal": lambda rng: rng.gauss(0, 1),
    "heavy tails (t, 3 df)": _student,
    "skewed (lognormal)": _lognormal,
    "discrete (errors of 20)": _errors,
}
"""Each with mean zero and standard deviation one."""

DRIFTS: dict[str, Drift] = {
    "worsens, 0.02 sd a trial": lambda now: 0.02 * now,
    "eases, 0.02 sd a trial": lambda now: -0.02 * now,
    "worsens, 0.2 sd a trial": lambda now: 0.2 * now,
    "load comes and goes": lambda now: 3 * math.sin(now / 15),
}


@dataclass(frozen=True)
class World:
    """What trials measure: lower is better; `effects` says how much each candidate truly gains."""

    noise: str
    effects: tuple[float, ...]
    drift: str = ""
    picks: bool = False
    """Whether candidates stay with the luckiest draw that the incumbent has on record."""


@dataclass
class Outcome:
    """What a campaign came to. The gaps are reported minus true values of promoted nodes."""

    false: int = 0
    found: int = 0
    trials: int = 0
    gaps: list[float] = field(default_factory=list)


class Bench:
    """Trials of one simulated campaign."""

    def __init__(self, world: World, seed: int) -> None:
        self._rng = random.Random(seed)
        self._draw = NOISES[world.noise]
        self._drift = DRIFTS.get(world.drift, lambda _: 0.0)
        self.count = 0

    def value(self, truth: float) -> float:
        """One trial's metric."""
        self.count += 1
        return truth + self._draw(self._rng) + self._drift(self.count)


class Side:
    """A node: what it truly is worth, and its recorded trials."""

    def __init__(self, bench: Bench, node: int, truth: float, drawn: float | None = None) -> None:
        self.truth = truth
        self.trials: list[Measure] = []
        self.weighed = 0
        self._bench, self._node, self._drawn = bench, node, drawn

    @property
    def done(self) -> list[int]:
        """The replicates it has run."""
        return [trial.trial.replicate for trial in self.trials]

    def run(self, replicate: int) -> None:
        """One more trial."""
        drawn = self._bench.value(self.truth)
        value = drawn if self._drawn is None else self._drawn
        metric = Metric("error", value)
        self.trials.append(_BLANK(trial=Trial(self._node, replicate), metric=(metric,)))

    @property
    def reported(self) -> float:
        """The estimate a promotion records."""
        found = mean(tuple(values_of(self.trials[self.weighed :], "error").values()))
        assert found is not None
        return found


_BLANK = partial(
    Measure,
    agent="runner",
    subject="",
    node=0,
    candidate="",
    protocol="",
    status=Status.OK,
    seed=0,
    duration=0.0,
    peak_memory=0,
    output_bytes=0,
    executor="local",
    sandbox="none",
    evaluator="pinned",
    environment="",
)


def ours(world: World, seed: int, timing: bool = False) -> Outcome:
    """A campaign under our rule; it goes on after a promotion, from the new incumbent."""
    standard = Standard("error", "minimize", 0.95, 0.0, 30, timing, None)
    bench, out = Bench(world, seed), Outcome()
    best = Side(bench, 0, 0.0)
    sides = [best]

    def noise() -> Noise:
        groups = (values_of(side.trials, "error") for side in sides if len(side.trials) > 1)
        return pooled(tuple(group.values()) for group in groups)

    while decide(standard, best.trials, None, noise() if best.trials else pooled([]), 1) is None:
        best.run(next_fresh(best.done))
    confirmed = 0
    for node, gain in enumerate(world.effects, 1):
        lucky = min(values_of(best.trials, "error").values()) if world.picks else None
        new = Side(bench, node, -gain, lucky)
        sides.append(new)
        error, ruling = part(confirmed + 1, standard.confidence), None
        while ruling is None:
            side, replicate = next_turn(new.done, best.done, timing)
            (new if side == "candidate" else best).run(replicate)
            if new.trials:
                ruling = decide(standard, new.trials, best.trials, noise(), error)
        if ruling.verdict is not Verdict.KEEP:
            confirmed += len(new.trials) > SCREEN
            continue
        new.weighed = len(new.trials)
        for _ in range(ESTIMATE):
            new.run(next_fresh(new.done))
        _promoted(out, best.truth - new.truth, new.reported - new.truth)
        best = new
    out.trials = bench.count
    return out


def greedy(world: World, seed: int) -> Outcome:
    """One trial each; whatever beats the best by any margin is kept."""
    return _by_mean(world, seed, 1)


def five(world: World, seed: int) -> Outcome:
    """Five trials each; the better mean is kept."""
    return _by_mean(world, seed, 5)


def _by_mean(world: World, seed: int, trials: int) -> Outcome:
    bench, out = Bench(world, seed), Outcome()
    truth = 0.0
    best = statistics.fmean(bench.value(truth) for _ in range(trials))
    for gain in world.effects:
        value = statistics.fmean(bench.value(-gain) for _ in range(trials))
        if value < best:
            _promoted(out, truth + gain, value + gain)
            best, truth = value, -gain
    out.trials = bench.count
    return out


def _promoted(out: Outcome, gained: float, gap: float) -> None:
    out.found += gained > 0
    out.false += gained <= 0
    out.gaps.append(gap)


RULES: dict[str, Callable[[World, int], Outcome]] = {
    "airesearch": ours,
    "five trials each": five,
    "greedy": greedy,
}


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    part: str
    case: str
    rule: str
    campaigns: int
    false: float
    """Share of campaigns with a false promotion."""
    false_upper: float
    """Its upper 95 % bound (Wilson)."""
    found: float
    """Share of campaigns that promoted the true improvement."""
    trials: float
    """Trials a campaign."""
    bias: float | None
    """Mean of reported minus true value over promoted nodes, in noise units; negative flatters."""


def measured(
    title: str, case: str, rule: str, worlds: Callable[[int], World], campaigns: int, **how: bool
) -> Row:
    """Many campaigns under one rule, on all processors."""
    act = partial(RULES[rule], **how)
    with ProcessPoolExecutor() as pool:
        jobs = (pool.submit(act, worlds(seed), seed) for seed in range(campaigns))
        outs = [job.result() for job in list(jobs)]
    false = sum(out.false > 0 for out in outs)
    gaps = [gap for out in outs for gap in out.gaps]
    return Row(
        title,
        case,
        rule + (" (interleaved)" if how.get("timing") else ""),
        campaigns,
        false / campaigns,
        _upper(false, campaigns),
        sum(out.found > 0 for out in outs) / campaigns,
        statistics.fmean(out.trials for out in outs),
        statistics.fmean(gaps) if gaps else None,
    )


def _upper(hits: int, count: int, z: float = 1.96) -> float:
    share = hits / count
    middle = share + z * z / (2 * count)
    reach = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return (middle + reach) / (1 + z * z / count)


def nulls(campaigns: int) -> Iterator[Row]:
    """Two hundred candidates that are all equal to the incumbent."""
    for noise in NOISES:
        world = partial(_world, noise, 200, "")
        for rule in RULES:
            yield measured("null", noise, rule, world, campaigns)
        picked = partial(_picked, noise)
        yield measured(
            "null", f"{noise.partition('(')[0]}, seed picked", "airesearch", picked, campaigns
        )


def power(campaigns: int) -> Iterator[Row]:
    """One true improvement somewhere among fifty nulls."""
    for size in (1.0, 2.0, 3.0):
        for rule in RULES:
            world = partial(_hidden, size)
            yield measured("power", f"one gain of {size:g} sd in 51", rule, world, campaigns)


def bias(campaigns: int) -> Iterator[Row]:
    """Gains of all sizes, many of them too small to be worth it."""
    for rule in RULES:
        yield measured("bias", "40 gains, 0 to 4 sd, growing", rule, _growing, campaigns)


def drifts(campaigns: int) -> Iterator[Row]:
    """Nulls while the machine's load moves the metric, with pairs run back to back and without."""
    for drift in DRIFTS:
        world = partial(_world, "normal", 100, drift)
        yield measured("drift", drift, "airesearch", world, campaigns, timing=True)
        yield measured("drift", drift, "airesearch", world, campaigns)
        yield measured("drift", drift, "greedy", world, campaigns)


def _world(noise: str, candidates: int, drift: str, seed: int) -> World:
    return World(noise, (0.0,) * candidates, drift)


def _picked(noise: str, seed: int) -> World:
    return World(noise, (0.0,) * 20, picks=True)


def _hidden(size: float, seed: int) -> World:
    place = random.Random(seed).randrange(51)
    return World("normal", tuple(size * (n == place) for n in range(51)))


def _growing(seed: int) -> World:
    rng = random.Random(seed)
    truth, effects = 0.0, []
    for _ in range(40):
        effects.append(truth + rng.choice((0.0, 0.0, 0.5, 1.0, 2.0, 4.0)))
        truth = max(truth, effects[-1]) if rng.random() < 0.3 else truth
    return World("normal", tuple(effects))


# Real labs: the same judge, with git, processes and an evaluator around it.


@dataclass(frozen=True)
class Lived:
    """What a real lab came to."""

    case: str
    candidates: int
    trials: int
    promoted: str
    noise: str


_GAIN = ("LEARNING_RATE = 0.03", "LEARNING_RATE = 0.1")
_MORE = ("HIDDEN = 32", "HIDDEN = 64")
_PLANTED = (3, 7)


def charlm_nulls(trials: int) -> Lived:
    """The `charlm` example with a proposer that changes nothing that matters."""
    return _charlm("charlm, nothing changed", _nothing, trials)


def charlm_gains(trials: int) -> Lived:
    """The same, with two real improvements among the nulls."""

    def edit(turn: int, text: str) -> str:
        if turn >= _PLANTED[0]:
            text = text.replace(*_GAIN)
        if turn >= _PLANTED[1]:
            text = text.replace(*_MORE)
        return text if turn in _PLANTED else _nothing(turn, text)

    planted = " and ".join(str(turn + 1) for turn in _PLANTED)
    return _charlm(f"charlm, gains planted as nodes {planted}", edit, trials)


def _nothing(turn: int, text: str) -> str:
    # A string, not a comment: that would be answered as a duplicate, without a trial.
    return f'{text}\n"nothing changed, for the {turn}th time"\n'


def _charlm(case: str, edit: Callable[[int, str], str], trials: int) -> Lived:
    """A lab of the example, two seconds of training a trial and no `min_effect` that would help."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "lab"
        create_example_lab("charlm", place, dict(os.environ))
        text = (place / "train.py").read_text().replace("TRAIN_SECONDS = 5", "TRAIN_SECONDS = 2")
        (place / "train.py").write_text(text)
        writes = [{"train.py": edit(turn, text)} for turn in range(trials)]
        return _lived(case, place, writes, trials)


def exact(candidates: int) -> Lived:
    """A task without noise."""
    text = "open('out.txt', 'w').write(str({}))\n"
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "lab"
        place.mkdir()
        _git(place, "init", "-q", "-b", "main")
        (place / "train.py").write_text(text.format(100))
        (place / "evaluate.py").write_text(
            "import json, os\n"
            "score = float(open('out.txt').read())\n"
            "json.dump({'error': score}, open(os.environ['AIRESEARCH_METRICS'], 'w'))\n"
        )
        task = {
            "name": "exact",
            "objective": {"metric": "error", "goal": "minimize"},
            "candidate": "python train.py",
            "evaluate": "python evaluate.py",
            "outputs": ["out.txt"],
            "editable": ["train.py"],
        }
        (place / "airesearch.yaml").write_text(yaml.safe_dump(task))
        scores = random.Random(0).sample(range(50, 150), candidates)
        writes = [{"train.py": text.format(score)} for score in scores]
        return _lived("no noise", place, writes, 6 + candidates)


def _lived(case: str, place: Path, writes: Sequence[dict[str, str]], trials: int) -> Lived:
    """Run a lab with a scripted proposer; the record says what came of it."""
    task = yaml.safe_load((place / "airesearch.yaml").read_text())
    task["promotion"] = {"min_effect": 0.0}
    turns = [{"subject": f"turn {n}", "write": write} for n, write in enumerate(writes)]
    script = place / "prompts" / "turns.yaml"
    script.parent.mkdir()
    script.write_text(yaml.safe_dump({"turns": turns}))
    team = {"team": {"scripted": {"backend": "scripted", "script": "prompts/turns.yaml"}}}
    (place / "team.yaml").write_text(yaml.safe_dump(team))
    (place / "airesearch.yaml").write_text(yaml.safe_dump(task, sort_keys=False))
    _git(place, "add", "-A")
    _git(place, "commit", "-qm", "Play a script")
    campaign = Campaign(open_lab(place), dict(os.environ))
    for _ in run(campaign, trials, None):
        pass
    campaign.look()
    nodes = [node for node in campaign.now.tree.nodes.values() if node.parents]
    metric = campaign.now.task.objective.metric
    promoted = [campaign.now.tree.nodes[n] for n in sorted(campaign.now.tree.promoted) if n]
    root = campaign.now.tree.root
    shown = [f"node {n.id} {metric} {n.value(metric):.4g}" for n in promoted]
    base = root.value(metric) if root is not None else math.nan
    return Lived(
        f"{case}, baseline {base:.4g}",
        len(nodes),
        sum(len(node.trials) for node in campaign.now.tree.nodes.values()),
        ", ".join(shown) or "none",
        str(campaign.now.noise),
    )


def _git(place: Path, *words: str) -> None:
    who = ["-c", "user.name=bench", "-c", "user.email=bench@example.org"]
    subprocess.run(["git", "-C", place, *who, *words], check=True, capture_output=True)


def main() -> None:
    """Print the tables; a campaign's share of false promotions is bounded by 5 %."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="fewer campaigns, under two minutes")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parts = ("null", "power", "bias", "drift", "real")
    parser.add_argument("--only", nargs="+", choices=parts, default=parts, metavar="PART")
    wanted = parser.parse_args()
    campaigns, trials = (20, 12) if wanted.quick else (1000, 100)
    simulated = {"null": nulls, "power": power, "bias": bias, "drift": drifts}
    rows: list[Row] = []
    print(f"{'part':<6} {'case':<27} {'rule':<25} {'campaigns':>9} {'false':>7} {'upper':>7}"
          f" {'found':>6} {'trials':>7} {'bias':>7}")  # fmt: skip
    for part_name in wanted.only:
        for row in simulated.get(part_name, lambda _: iter(()))(campaigns):
            rows.append(row)
            gap = "" if row.bias is None else f"{row.bias:+.3f}"
            print(f"{row.part:<6} {row.case:<27} {row.rule:<25} {row.campaigns:>9}"
                  f" {row.false:>7.2%} {row.false_upper:>7.2%} {row.found:>6.1%}"
                  f" {row.trials:>7.0f} {gap:>7}", flush=True)  # fmt: skip
    lived: list[Lived] = []
    for act in (exact, charlm_nulls, charlm_gains) if "real" in wanted.only else ():
        lived.append(act(trials if act is not exact else 20))
        print("; ".join(f"{key}: {value}" for key, value in asdict(lived[-1]).items()), flush=True)
    if wanted.json:
        found = {"simulated": [asdict(row) for row in rows], "real": [asdict(one) for one in lived]}
        wanted.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
