"""How far a search gets at equal trials, and whether what it hands over is better indeed.

Landscapes of eight numbers with a known truth: a trial measures it with noise that is in
proportion to the level, constant, or heavy-tailed. Ours is the shipped sampler with the shipped
judge, and hands over what was promoted; the others hand over their best single trial. All start
from the same values, and every trial counts. Reported is the true value of what was handed over,
so luck does not show. Needs the extra `bench`: `pip install -e '.[bench]'`.

    python benchmarks/progress.py [--quick] [--json FILE]
"""

import argparse
import json
import math
import random
import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from airesearch.agents.proposers.tuner.knobs import Knob
from airesearch.agents.proposers.tuner.knobs.domains import Range
from airesearch.agents.proposers.tuner.sampler import Scored, suggest
from airesearch.gitlab.record.facts import Noise, Verdict
from airesearch.gitlab.tree.node import mean
from airesearch.policies.promotion.decide import Rivals, Standard, weigh
from airesearch.policies.promotion.error_budget import part
from airesearch.policies.promotion.noise import pooled
from airesearch.policies.promotion.replication import ESTIMATE, FIRST, SCREEN, next_turn

NAMES = tuple(f"x{place}" for place in range(8))
Point = dict[str, float]
KNOBS = tuple(Knob(name, 0.5, Range(0.0, 1.0)) for name in NAMES)
STANDARD = Standard("loss", "minimize", 0.95, 0.0, 30, timing=False, simpler=None)


def _student(rng: random.Random) -> float:
    return rng.gauss(0, 1) / math.sqrt(rng.gammavariate(1.5, 2) / 3) / math.sqrt(3)


NOISES: dict[str, Callable[[random.Random, float], float]] = {
    "in proportion, 7 %": lambda rng, level: 0.07 * level * rng.gauss(0, 1),
    "constant, 0.01": lambda rng, _: 0.01 * rng.gauss(0, 1),
    "heavy tails, 0.01": lambda rng, _: 0.01 * _student(rng),
}


@dataclass
class Landscape:
    """A bowl whose bottom, at 0.03, lies somewhere and is steeper one way than another."""

    noise: str
    seed: int
    start: Point = field(default_factory=dict)

    def __post_init__(self) -> None:
        rng = random.Random(self.seed)
        self._bottom = {name: rng.uniform(0.15, 0.85) for name in NAMES}
        self._steep = {name: rng.choice([0.05, 0.15, 0.4, 1.0]) for name in NAMES}
        self._draws = random.Random(self.seed + 999)
        self.trials = 0
        while not 0.18 < self.truth(self.start) < 0.3:
            self.start = {name: rng.random() for name in NAMES}

    def truth(self, point: Point) -> float:
        """What the mean of very many trials would be."""
        if not point:
            return math.inf
        apart = sum(self._steep[n] * (point[n] - self._bottom[n]) ** 2 for n in NAMES)
        return 0.03 + 0.9 * (1 - math.exp(-apart))

    def measure(self, point: Point) -> float:
        """One trial."""
        self.trials += 1
        level = self.truth(point)
        return level + NOISES[self.noise](self._draws, level)


@dataclass
class Handed:
    """What a campaign came to."""

    truth: float
    tried: int
    """Points that were measured at all."""
    false: int = 0
    """Promotions of what is no better than what it replaced."""


@dataclass
class _Node:
    point: Point
    values: dict[int, float] = field(default_factory=dict)

    @property
    def score(self) -> float | None:
        """The mean of its trials."""
        return mean(tuple(self.values.values()))


def ours(land: Landscape, budget: int) -> Handed:
    """The shipped sampler and judge, one worker."""
    best = _Node(land.start)
    nodes, confirmed, false = [best], 0, 0
    for replicate in range(1, FIRST + 1):
        best.values[replicate] = land.measure(best.point)

    def noise() -> Noise:
        return pooled(tuple(node.values.values()) for node in nodes)

    while land.trials < budget:
        past = [Scored(dict(node.point), node.score) for node in nodes]
        found = suggest(KNOBS, past, "minimize", 1000 * land.seed + len(nodes))
        new = _Node({name: float(found[name] or 0) for name in NAMES})
        nodes.append(new)
        error, ruling = part(confirmed + 1, STANDARD.confidence), None
        while ruling is None and land.trials < budget:
            side, replicate = next_turn(list(new.values), list(best.values), timing=False)
            node = new if side == "candidate" else best
            node.values[replicate] = land.measure(node.point)
            if new.values:
                ruling = weigh(STANDARD, Rivals(new.values, best.values), noise(), error)
        if ruling is None or ruling.verdict is not Verdict.KEEP:
            confirmed += len(new.values) > SCREEN
            continue
        for replicate in range(SCREEN + 1, SCREEN + ESTIMATE + 1):
            new.values[replicate] = land.measure(new.point)
        false += land.truth(new.point) >= land.truth(best.point)
        best = new
    return Handed(land.truth(best.point), len(nodes), false)


def greedy(land: Landscape, budget: int) -> Handed:
    """The shipped sampler; whatever beats the best on one trial is kept."""
    nodes = [_Node(land.start, {1: land.measure(land.start)})]
    for _ in range(budget - 1):
        past = [Scored(dict(node.point), node.score) for node in nodes]
        found = suggest(KNOBS, past, "minimize", 1000 * land.seed + len(nodes))
        point = {name: float(found[name] or 0) for name in NAMES}
        nodes.append(_Node(point, {1: land.measure(point)}))
    return _best_single(land, [(node.values[1], node.point) for node in nodes])


def _optuna(sampler: Callable[[int], Any], land: Landscape, budget: int) -> Handed:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    space = {name: optuna.distributions.FloatDistribution(0, 1) for name in NAMES}
    study = optuna.create_study(sampler=sampler(land.seed))
    study.enqueue_trial(land.start)
    seen = []
    for _ in range(budget):
        trial = study.ask(space)
        value = land.measure(trial.params)
        study.tell(trial, value)
        seen.append((value, dict(trial.params)))
    return _best_single(land, seen)


def _tpe(seed: int) -> Any:
    import optuna

    return optuna.samplers.TPESampler(multivariate=True, seed=seed)


def _cma(seed: int) -> Any:
    import optuna

    return optuna.samplers.CmaEsSampler(seed=seed)


def _uniform(seed: int) -> Any:
    import optuna

    return optuna.samplers.RandomSampler(seed=seed)


def _best_single(land: Landscape, seen: list[tuple[float, Point]]) -> Handed:
    _, point = min(seen, key=lambda one: one[0])
    return Handed(land.truth(point), len(seen))


METHODS: dict[str, Callable[[Landscape, int], Handed]] = {
    "airesearch": ours,
    "optuna TPE": partial(_optuna, _tpe),
    "random": partial(_optuna, _uniform),
    "CMA-ES": partial(_optuna, _cma),
    "our sampler, greedy": greedy,
}


def campaign(noise: str, method: str, budget: int, seed: int) -> Handed:
    """One campaign in a landscape of its own."""
    return METHODS[method](Landscape(noise, seed), budget)


def rows(seeds: range, budgets: tuple[int, ...]) -> Iterator[dict[str, Any]]:
    """Each method on each noise at each budget: means with half of their 95 % interval."""
    with ProcessPoolExecutor() as pool:
        for noise in NOISES:
            for budget in budgets:
                for method in METHODS:
                    act = partial(campaign, noise, method, budget)
                    found = list(pool.map(act, seeds))
                    truths = [one.truth for one in found]
                    yield {
                        "noise": noise,
                        "trials": budget,
                        "method": method,
                        "seeds": len(seeds),
                        "truth": statistics.fmean(truths),
                        "half": 1.96 * statistics.stdev(truths) / len(truths) ** 0.5,
                        "tried": statistics.fmean(one.tried for one in found),
                        "false_campaigns": sum(one.false > 0 for one in found),
                    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="6 seeds, up to 100 trials")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    seeds, budgets = (range(1, 7), (50, 100)) if options.quick else (range(1, 41), (50, 100, 200))
    start, found = time.perf_counter(), []
    print(f"{'noise':<20}{'trials':>7}  {'method':<20}{'true value':>19}{'tried':>7}{'false':>7}")
    for row in rows(seeds, budgets):
        found.append(row)
        value = f"{row['truth']:.4f} ± {row['half']:.4f}"
        false = f"{row['false_campaigns']}/{row['seeds']}"
        print(f"{row['noise']:<20}{row['trials']:>7}  {row['method']:<20}{value:>19}"
              f"{row['tried']:>7.0f}{false:>7}", flush=True)  # fmt: skip
    print(f"{time.perf_counter() - start:.0f} s; lower is better, the bottom is 0.03")
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
