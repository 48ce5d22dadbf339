"""Whether promotions are true: false ones among nulls, power, bias, drift, and on real tasks.

python benchmarks/promotion.py [--quick] [--json FILE] [--only PART ...]

Simulated campaigns drive the shipped allocation and judge (`campaigns.py`) with drawn numbers for
trials. Real ones run labs. Beside them the rule of labs without a `team.yaml`, the one that keeps
whatever beats the best by any margin, and one of five trials for every candidate. All have the
same trials.
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
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path

import campaigns
import yaml
from airesearch.agents.campaign import Campaign
from airesearch.agents.loop import run
from airesearch.agents.setup.create_lab import create_example_lab
from airesearch.gitlab.lab.lab import open_lab
from airesearch.gitlab.record.facts import Noise, Verdict
from airesearch.policies.promotion.decide import decide
from airesearch.policies.promotion.error_budget import part
from airesearch.policies.promotion.noise import pooled
from airesearch.policies.promotion.replication import ESTIMATE, SCREEN, next_fresh, next_turn

Draw = Callable[[random.Random], float]
Drift = Callable[[int], float]
LONG, SHORT = 200, 60
"""Trials of a campaign."""


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
    "lucky tail (-lognormal)": lambda rng: -_lognormal(rng),
    "discrete (errors of 20)": _errors,
}
"""Each with mean zero and standard deviation one."""

DRIFTS: dict[str, Drift] = {
    "worsens, 0.02 sd a trial": lambda now: 0.02 * now,
    "eases, 0.02 sd a trial": lambda now: -0.02 * now,
    "worsens, 0.2 sd a trial": lambda now: 0.2 * now,
    "load comes and goes": lambda now: 3 * math.sin(now / 15),
}

_LEVEL = 20.0
"""The baseline's value in its own noise units, where the noise is in proportion to the value."""
SPREADS: dict[str, Callable[[int, float], float]] = {
    "": lambda node, truth: 1.0,
    "in proportion": lambda node, truth: max(_LEVEL + truth, 0.0) / _LEVEL,
    "shrinks with the search": lambda node, truth: 1 / (1 + node / 50),
    "candidates x2": lambda node, truth: 2.0 if node else 1.0,
    "candidates x1/2 to x2": lambda node, truth: 1.0 if not node else (0.5, 1.0, 2.0)[node % 3],
}
"""By which a node's noise is multiplied."""


@dataclass(frozen=True)
class World:
    """What trials measure: lower is better; `effects` says how much each candidate truly gains.

    Candidates beyond are as good as the first incumbent.
    """

    noise: str
    effects: tuple[float, ...] = ()
    budget: int = LONG
    drift: str = ""
    spread: str = ""
    shared: float = 0.0
    """Correlation between nodes on the same seed."""
    log: float = 0.0
    """Spread of a metric whose logarithm is normal, in place of all other noise."""
    picks: bool = False
    """Whether candidates stay with the luckiest draw that the incumbent has on record."""

    def gain(self, node: int) -> float:
        """What a node truly gains on the baseline."""
        return self.effects[node - 1] if 0 < node <= len(self.effects) else 0.0


@dataclass
class Outcome:
    """What a campaign came to. The gaps are reported minus true values of promoted nodes."""

    false: int = 0
    found: int = 0
    trials: int = 0
    judging: float = 0.0
    """Share of the trials that were races, pairs and estimates."""
    gaps: list[float] = field(default_factory=list)


class Bench:
    """Trials of one simulated campaign."""

    def __init__(self, world: World, seed: int) -> None:
        self._rng = random.Random(seed)
        self._world, self._seed = world, seed
        self._draw = NOISES[world.noise]
        self._spread = SPREADS[world.spread]
        self._drift = DRIFTS.get(world.drift, lambda _: 0.0)
        self._together: dict[int, float] = {}
        self.picked: dict[int, float] = {}
        """The draw with which a node stays, whatever its seed."""
        self.count = 0

    @property
    def left(self) -> int:
        """Trials that may follow."""
        return self._world.budget - self.count

    def value(self, node: int, replicate: int) -> float:
        """One trial's metric."""
        self.count += 1
        truth = -self._world.gain(node)
        if self._world.log:
            return math.exp(truth + self._world.log * self._rng.gauss(0, 1))
        if node in self.picked:
            return self.picked[node]
        drawn = self._draw(self._rng)
        if shared := self._world.shared:
            if replicate not in self._together:
                common = random.Random(self._seed * 10_000 + replicate)
                self._together[replicate] = self._draw(common)
            drawn = math.sqrt(shared) * self._together[replicate] + math.sqrt(1 - shared) * drawn
        return truth + drawn * self._spread(node, truth) + self._drift(self.count)


def ours(world: World, seed: int, timing: bool = False) -> Outcome:
    """A campaign as labs with a `team.yaml` run it."""
    bench, out = Bench(world, seed), Outcome()
    standard = replace(campaigns.STANDARD, timing=timing)
    campaign = campaigns.Campaign(bench.value, world.budget, standard)

    def proposed(node: int) -> None:
        if world.picks:
            bench.picked[node] = min(campaign.incumbent.values.values())

    campaign.run(proposed)
    best = campaign.nodes[0]
    for node in campaign.promoted:
        first = node.trials[node.weighed : node.weighed + ESTIMATE]
        told = statistics.fmean(campaigns.values_of(first, campaigns.METRIC).values())
        gained = world.gain(node.id) - world.gain(best.id)
        _promoted(out, gained, told + world.gain(node.id))
        best = node
    out.trials, out.judging = bench.count, campaign.judging / bench.count
    return out


def before(world: World, seed: int, most: int = 10**9) -> Outcome:
    """The rule of labs without a `team.yaml`: each candidate is judged before the next."""
    standard = replace(campaigns.STANDARD, staged=False)
    bench, out = Bench(world, seed), Outcome()
    best = campaigns.Node(0)
    nodes = [best]

    def noise() -> Noise:
        groups = (node.values for node in nodes if len(node.values) > 1)
        return pooled(tuple(group.values()) for group in groups)

    def run(node: campaigns.Node, replicate: int) -> None:
        node.took(campaigns.measured(node.id, replicate, bench.value(node.id, replicate)))

    while decide(standard, best.trials, None, noise() if best.trials else pooled([]), 1) is None:
        run(best, next_fresh(best.done))
    confirmed = 0
    while bench.left > 0 and len(nodes) <= most:
        new = campaigns.Node(len(nodes))
        if world.picks:
            bench.picked[new.id] = min(best.values.values())
        nodes.append(new)
        error, ruling = part(confirmed + 1, standard.confidence), None
        while ruling is None and bench.left > 0:
            side, replicate = next_turn(new.done, best.done, standard.timing)
            run(new if side == "candidate" else best, replicate)
            if new.trials:
                ruling = decide(standard, new.trials, best.trials, noise(), error)
        if ruling is None or ruling.verdict is not Verdict.KEEP:
            confirmed += len(new.trials) > SCREEN
            continue
        new.weighed = len(new.trials)
        for _ in range(ESTIMATE):
            run(new, next_fresh(new.done))
        new.settle(ruling.verdict)
        gained = world.gain(new.id) - world.gain(best.id)
        _promoted(out, gained, new.value + world.gain(new.id))
        best = new
    out.trials = bench.count
    out.judging = max(bench.count - len(nodes) - 5, 0) / bench.count
    return out


def greedy(world: World, seed: int) -> Outcome:
    """One trial each; whatever beats the best by any margin is kept."""
    return _by_mean(world, seed, 1)


def five(world: World, seed: int) -> Outcome:
    """Five trials each; the better mean is kept."""
    return _by_mean(world, seed, 5)


def _by_mean(world: World, seed: int, trials: int) -> Outcome:
    bench, out = Bench(world, seed), Outcome()

    def mean(node: int) -> float:
        return statistics.fmean(bench.value(node, n) for n in range(1, trials + 1))

    kept, best, node = 0, mean(0), 0
    while bench.left >= trials:
        node += 1
        value = mean(node)
        if value < best:
            _promoted(out, world.gain(node) - world.gain(kept), value + world.gain(node))
            best, kept = value, node
    out.trials, out.judging = bench.count, (trials - 1) / trials
    return out


def _promoted(out: Outcome, gained: float, gap: float) -> None:
    out.found += gained > 0
    out.false += gained <= 0
    out.gaps.append(gap)


RULES: dict[str, Callable[[World, int], Outcome]] = {
    "airesearch": ours,
    "before": before,
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
    """Share of campaigns that promoted a true improvement."""
    trials: float
    """Trials a campaign."""
    judging: float
    """Share of them that judging took."""
    most_judging: float
    """The same, of the campaign where it was largest."""
    bias: float | None
    """Mean of reported minus true value over promoted nodes, in noise units; negative flatters."""


def measured(
    title: str, case: str, rule: str, worlds: Callable[[int], World], campaigns: int, **how: int
) -> Row:
    """Many campaigns under one rule, on all processors."""
    act = partial(_one, rule, worlds, how)
    with ProcessPoolExecutor() as pool:
        outs = list(pool.map(act, range(campaigns), chunksize=max(campaigns // 40, 1)))
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
        statistics.fmean(out.judging for out in outs),
        max(out.judging for out in outs),
        statistics.fmean(gaps) if gaps else None,
    )


def _one(rule: str, worlds: Callable[[int], World], how: dict[str, int], seed: int) -> Outcome:
    act = partial(RULES[rule], **how)
    return act(worlds(seed), seed)


def _upper(hits: int, count: int, z: float = 1.96) -> float:
    share = hits / count
    middle = share + z * z / (2 * count)
    reach = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return (middle + reach) / (1 + z * z / count)


def _always(world: World, seed: int) -> World:
    return world


def _worse(world: World, seed: int) -> World:
    """Half of the candidates are worse, by up to the baseline's value."""
    rng = random.Random(seed)
    effects = (-rng.choice((0.0, rng.uniform(0, _LEVEL))) for _ in range(world.budget))
    return replace(world, effects=tuple(effects))


def _hidden(size: float, budget: int, seed: int) -> World:
    place = random.Random(seed).randrange(51)
    return World("normal", tuple(size * (n == place) for n in range(51)), budget)


def _growing(seed: int) -> World:
    rng = random.Random(seed)
    truth, effects = 0.0, []
    for _ in range(LONG):
        effects.append(truth + rng.choice((0.0, 0.0, 0.5, 1.0, 2.0, 4.0)))
        truth = max(truth, effects[-1]) if rng.random() < 0.06 else truth
    return World("normal", tuple(effects))


NULLS: dict[str, Callable[[int], World]] = {
    **{noise: partial(_always, World(noise)) for noise in NOISES},
    "normal, 60 trials": partial(_always, World("normal", budget=SHORT)),
    "lucky tail, 60 trials": partial(_always, World("lucky tail (-lognormal)", budget=SHORT)),
    "in proportion to the level": partial(_worse, World("normal", spread="in proportion")),
    "shrinks with the search": partial(_always, World("normal", spread="shrinks with the search")),
    "seeds shared, 0.9": partial(_always, World("normal", shared=0.9)),
    "seeds shared, lucky tail": partial(_always, World("lucky tail (-lognormal)", shared=0.9)),
    "log scale, spread 0.5": partial(_always, World("normal", log=0.5)),
    "candidates noisier, x2": partial(_always, World("normal", spread="candidates x2")),
    "noise x1/2 to x2": partial(_always, World("normal", spread="candidates x1/2 to x2")),
}
"""Candidates that are equal to the incumbent, or worse, whatever their noise."""


def nulls(campaigns: int) -> Iterator[Row]:
    """Candidates that are no better than the incumbent."""
    for case, world in NULLS.items():
        for rule in RULES if case in NOISES else ("airesearch", "greedy"):
            yield measured("null", case, rule, world, campaigns)
    for noise in NOISES:
        case = f"{noise.partition('(')[0]}, seed picked"
        picked = partial(_always, World(noise, budget=SHORT, picks=True))
        yield measured("null", case, "airesearch", picked, campaigns)


def power(campaigns: int) -> Iterator[Row]:
    """One true improvement among fifty nulls; ours has a share of the older rule's trials."""
    for size in (1.0, 2.0, 3.0):
        case = f"one gain of {size:g} sd in 51"
        endless = partial(_hidden, size, 10**9)
        old = measured("power", case, "before", endless, campaigns, most=51)
        yield old
        for share in (0.5, 0.75, 1.0):
            world = partial(_hidden, size, round(old.trials * share))
            yield measured("power", f"{case}, {share:.0%}", "airesearch", world, campaigns)
        for rule in ("five trials each", "greedy"):
            yield measured(
                "power", case, rule, partial(_hidden, size, round(old.trials)), campaigns
            )


def bias(campaigns: int) -> Iterator[Row]:
    """Gains of all sizes, many of them too small to be worth it."""
    for rule in RULES:
        yield measured("bias", "gains of 0 to 4 sd, growing", rule, _growing, campaigns)


def drifts(campaigns: int) -> Iterator[Row]:
    """Nulls while the machine's load moves the metric, with pairs run back to back and without."""
    for drift in DRIFTS:
        world = partial(_always, World("normal", drift=drift))
        yield measured("drift", drift, "airesearch", world, campaigns, timing=True)
        yield measured("drift", drift, "airesearch", world, campaigns)
        yield measured("drift", drift, "greedy", world, campaigns)


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
    parser.add_argument("--campaigns", type=int, metavar="N")
    parts = ("null", "power", "bias", "drift", "real")
    parser.add_argument("--only", nargs="+", choices=parts, default=parts, metavar="PART")
    wanted = parser.parse_args()
    campaigns, trials = (12, 12) if wanted.quick else (1000, 100)
    campaigns = wanted.campaigns or campaigns
    simulated = {"null": nulls, "power": power, "bias": bias, "drift": drifts}
    rows: list[Row] = []
    print(f"{'part':<6} {'case':<29} {'rule':<25} {'campaigns':>9} {'false':>7} {'upper':>7}"
          f" {'found':>6} {'trials':>7} {'judging':>7} {'most':>5} {'bias':>7}")  # fmt: skip
    for part_name in wanted.only:
        for row in simulated.get(part_name, lambda _: iter(()))(campaigns):
            rows.append(row)
            gap = "" if row.bias is None else f"{row.bias:+.3f}"
            print(f"{row.part:<6} {row.case:<29} {row.rule:<25} {row.campaigns:>9}"
                  f" {row.false:>7.2%} {row.false_upper:>7.2%} {row.found:>6.1%}"
                  f" {row.trials:>7.0f} {row.judging:>7.0%} {row.most_judging:>5.0%}"
                  f" {gap:>7}", flush=True)  # fmt: skip
    lived: list[Lived] = []
    for act in (exact, charlm_nulls, charlm_gains) if "real" in wanted.only else ():
        lived.append(act(trials if act is not exact else 20))
        print("; ".join(f"{key}: {value}" for key, value in asdict(lived[-1]).items()), flush=True)
    if wanted.json:
        found = {"simulated": [asdict(row) for row in rows], "real": [asdict(one) for one in lived]}
        wanted.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
