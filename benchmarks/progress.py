"""How far a search gets at equal trials, and whether what it hands over is better indeed.

Made landscapes with a known truth and real tasks (`landscapes.py`); a trial measures them with
noise. Ours is the shipped sampler with the shipped allocation and judge (`campaigns.py`), and hands
over what was promoted; the others hand over their best single trial. All start from the same
values, and every trial counts. Reported is the true value of what was handed over, so luck does not
show. The seeds are none that anything was tuned on. Needs `pip install -e '.[bench]'`.

    python benchmarks/progress.py [--quick] [--only FAMILY ...] [--json FILE]
"""

import argparse
import json
import math
import os
import statistics
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

# Before numpy loads: two campaigns on two cores are to take one core each.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import campaigns
from airesearch.agents.proposers.tuner.knobs import Knob
from airesearch.agents.proposers.tuner.sampler import Exhausted, Scored, suggest
from landscapes import FAMILIES, TASKS, Place, Point

BUDGETS = (50, 100, 200)
_UNSEEN = 10_000
"""The first seed: those that allocation and judge were tuned on are below."""
OURS = "airesearch"
_BEYOND_DOUBT = 1.645


@dataclass(frozen=True)
class Handed:
    """What a campaign came to by a budget."""

    truth: float
    tried: int
    """Points that were measured at all."""
    judging: float = 0.0
    """Share of the trials that were races, pairs and estimates."""
    false: int = 0
    """Promotions of what is no better than what it replaced."""


Method = Callable[[Place, int, Sequence[int]], list[Handed]]
"""Campaigns in a place with a seed, at each of the budgets."""


def ours(place: Place, seed: int, budgets: Sequence[int]) -> list[Handed]:
    """The shipped sampler, allocation and judge, one worker."""
    # A budget is known beforehand, so each has a campaign of its own.
    return [_ours(place, seed, budget) for budget in budgets]


def _ours(place: Place, seed: int, budget: int) -> Handed:
    points: list[Point] = [place.start]

    def proposed(node: int) -> None:
        past = [Scored(points[one.id], one.value) for one in campaign.nodes]
        points.append(_next_point(place, past, seed, node))

    campaign = campaigns.Campaign(lambda node, n: place.measure(points[node], n), budget)
    campaign.run(proposed)
    chain = [0, *(node.id for node in campaign.promoted)]
    truths = [place.truth(points[node]) for node in chain]
    false = sum(new >= old for old, new in pairwise(truths))
    return Handed(truths[-1], len(points), campaign.judging / budget, false)


def _next_point(place: Place, past: Sequence[Scored], seed: int, node: int) -> Point:
    try:
        return suggest(place.knobs, past, "minimize", 1000 * seed + node)
    except Exhausted:
        return place.start


def greedy(place: Place, seed: int, budgets: Sequence[int]) -> list[Handed]:
    """The shipped sampler; whatever beats the best on one trial is kept."""
    past = [Scored(place.start, place.measure(place.start, 1))]
    for trial in range(2, budgets[-1] + 1):
        point = _next_point(place, past, seed, trial - 1)
        past.append(Scored(point, place.measure(point, trial)))
    return _best_single(place, [(one.score or 0.0, one.values) for one in past], budgets)


def _optuna(
    sampler: Callable[[int], Any], place: Place, seed: int, budgets: Sequence[int]
) -> list[Handed]:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore")
    study = optuna.create_study(sampler=sampler(seed))
    study.enqueue_trial(
        {knob.name: knob.domain.place(place.start[knob.name]) for knob in place.knobs}
    )
    space = {knob.name: _distribution(knob) for knob in place.knobs}
    seen = []
    for number in range(1, budgets[-1] + 1):
        trial = study.ask(space)
        point = {knob.name: knob.domain.at(trial.params[knob.name]) for knob in place.knobs}
        value = place.measure(point, number)
        study.tell(trial, value)
        seen.append((value, point))
    return _best_single(place, seen, budgets)


def _distribution(knob: Knob) -> Any:
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    many = knob.domain.categories
    return CategoricalDistribution(range(many)) if many else FloatDistribution(0, 1)


def _tpe(seed: int) -> Any:
    import optuna

    return optuna.samplers.TPESampler(multivariate=True, seed=seed)


def _cma(seed: int) -> Any:
    import optuna

    return optuna.samplers.CmaEsSampler(seed=seed, warn_independent_sampling=False)


def _uniform(seed: int) -> Any:
    import optuna

    return optuna.samplers.RandomSampler(seed=seed)


def _best_single(
    place: Place, seen: Sequence[tuple[float, Point]], budgets: Sequence[int]
) -> list[Handed]:
    best = (min(seen[:budget], key=lambda one: one[0])[1] for budget in budgets)
    return [Handed(place.truth(point), budget) for point, budget in zip(best, budgets, strict=True)]


METHODS: dict[str, Method] = {
    OURS: ours,
    "optuna TPE": partial(_optuna, _tpe),
    "CMA-ES": partial(_optuna, _cma),
    "random": partial(_optuna, _uniform),
    "our sampler, greedy": greedy,
}


def campaigns_of(
    family: str, methods: Sequence[str], budgets: Sequence[int], seed: int
) -> dict[str, list[Handed]]:
    """Every method's campaigns in the place of one seed, and what their start is worth."""
    found = {name: METHODS[name](FAMILIES[family](seed), seed, budgets) for name in methods}
    place = FAMILIES[family](seed)
    ends = [place.truth(place.start), place.bottom or 0.0]
    return {**found, "": [Handed(end, 0) for end in ends]}


def rows(
    families: Sequence[str], seeds: dict[str, int], budgets: Sequence[int]
) -> Iterator[dict[str, Any]]:
    """Each method in each family at each budget: means with half of their 95 % interval."""
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for family in families:
            act = partial(campaigns_of, family, tuple(METHODS), budgets)
            several = range(_UNSEEN, _UNSEEN + seeds[family])
            found = list(pool.map(act, several))
            spans = [_span(one) for one in found]
            for at, budget in enumerate(budgets):
                ends = {name: [one[name][at] for one in found] for name in METHODS}
                truths = {name: [one.truth for one in end] for name, end in ends.items()}
                peer = min(
                    (name for name in METHODS if name != OURS),
                    key=lambda name: statistics.fmean(truths[name]),
                )
                for name, end in ends.items():
                    yield {
                        "family": family,
                        "trials": budget,
                        "method": name,
                        "seeds": len(found),
                        "truth": statistics.fmean(truths[name]),
                        "half": 1.96 * _error(truths[name]),
                        "tried": statistics.fmean(one.tried for one in end),
                        "judging": statistics.fmean(one.judging for one in end),
                        "most_judging": max(one.judging for one in end),
                        "false": sum(one.false > 0 for one in end),
                        **(_loss(truths, peer, spans) if name == OURS else {}),
                    }


def _span(found: dict[str, list[Handed]]) -> float:
    """From the start to the bottom; where nobody knows that, to the best that anybody found."""
    start, bottom = (one.truth for one in found[""])
    if not bottom:
        bottom = min(one.truth for name in METHODS for one in found[name])
    return start - bottom


def _loss(
    truths: dict[str, list[float]], peer: str, spans: Sequence[float]
) -> dict[str, float | str]:
    """Seed by seed, what ours is behind the best peer, as a share of what there was to gain."""
    pairs = zip(truths[OURS], truths[peer], spans, strict=True)
    apart = [(mine - other) / span for mine, other, span in pairs if span > 0]
    mean = statistics.fmean(apart)
    return {"peer": peer, "loss": mean, "loss_upper": mean + _BEYOND_DOUBT * _error(apart)}


def _error(values: Sequence[float]) -> float:
    return statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else math.inf


def show(row: dict[str, Any]) -> None:
    """A line of the table."""
    value = f"{row['truth']:.4f} ± {row['half']:.4f}"
    line = f"{row['family']:<22}{row['trials']:>7}  {row['method']:<20}{value:>18}"
    if row["method"] == OURS:
        line += f"{row['tried']:>6.0f}{row['judging']:>8.0%}{row['most_judging']:>6.0%}"
        line += f"{row['false']:>4}/{row['seeds']:<4}"
        line += f" {row['loss']:+.1%}, at most {row['loss_upper']:+.1%}, of {row['peer']}"
    print(line, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a few seeds, up to 100 trials")
    parser.add_argument("--only", nargs="+", choices=tuple(FAMILIES), metavar="FAMILY")
    parser.add_argument("--seeds", type=int, metavar="N")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    start, found = time.perf_counter(), []
    made, on_data = (4, 2) if options.quick else (40, 12)
    budgets = BUDGETS[:2] if options.quick else BUDGETS
    seeds = {name: options.seeds or (on_data if name in TASKS else made) for name in FAMILIES}
    print(f"{'family':<22}{'trials':>7}  {'method':<20}{'true value':>18}{'tried':>6}"
          f"{'judging':>8}{'most':>6}{'false':>6}    loss to the best peer")  # fmt: skip
    for row in rows(options.only or tuple(FAMILIES), seeds, budgets):
        found.append(row)
        show(row)
    print(f"{time.perf_counter() - start:.0f} s; lower is better")
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
