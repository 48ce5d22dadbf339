"""How good the tuner is: against Optuna's TPE and random search over the same knobs, on digits.

For each seed, fresh data; all methods start from the same measured baseline and run the same
number of real trials with the same trial seeds. Needs numpy.

    python benchmarks/tuner.py [--quick] [--json FILE]
"""

import argparse
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import accumulate
from pathlib import Path
from typing import Any

from airesearch.agents.proposers.tuner.knobs import Knob, assign, find
from airesearch.agents.proposers.tuner.knobs.domains import Value
from airesearch.agents.proposers.tuner.sampler import Scored, suggest
from airesearch.examples import folder

Method = Callable[[Sequence[Knob], Sequence[Scored], int], dict[str, Value]]
AT_ONCE = 2
CURVE_AT = (5, 10, 15, 20, 24)


def tuner(knobs: Sequence[Knob], past: Sequence[Scored], seed: int) -> dict[str, Value]:
    """The shipped sampler."""
    return suggest(knobs, past, "minimize", seed)


def uniform(knobs: Sequence[Knob], past: Sequence[Scored], seed: int) -> dict[str, Value]:
    """Random search on the same ranges and scales."""
    rng = random.Random(seed)
    return {knob.name: knob.domain.value(rng.random()) for knob in knobs}


def tpe(knobs: Sequence[Knob], past: Sequence[Scored], seed: int) -> dict[str, Value]:
    """Optuna's multivariate TPE, as it comes."""
    import optuna
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    space = {
        knob.name: CategoricalDistribution(range(many))
        if (many := knob.domain.categories)
        else FloatDistribution(0, 1)
        for knob in knobs
    }
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(multivariate=True, seed=seed))
    for one in past:
        params = {knob.name: knob.domain.place(one.values[knob.name]) for knob in knobs}
        value = 1.0 if one.score is None else one.score
        study.add_trial(optuna.trial.create_trial(params=params, distributions=space, value=value))
    places = study.ask(space).params
    return {knob.name: knob.domain.at(places[knob.name]) for knob in knobs}


METHODS: Mapping[str, Method] = {"tuner": tuner, "optuna TPE": tpe, "random": uniform}


@dataclass(frozen=True)
class Lab:
    """A copy of the example with data of its own."""

    place: Path
    seed: int
    source: str = field(default_factory=lambda: (folder("digits") / "train.py").read_text())

    def make(self) -> None:
        shutil.copytree(folder("digits"), self.place)
        self.run("make_data.py", AIRESEARCH_DATA_SEED=str(self.seed)).check_returncode()

    def copy(self, place: Path) -> "Lab":
        shutil.copytree(self.place, place)
        return Lab(place, self.seed, self.source)

    def run(self, script: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, script],
            cwd=self.place,
            env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
            capture_output=True,
            text=True,
            timeout=120,
        )

    def score(self, values: Mapping[str, Value], trial: int) -> float | None:
        """val_error of the example with these values, None if it fails."""
        (self.place / "train.py").write_text(assign(self.source, values))
        (self.place / "predictions.npy").unlink(missing_ok=True)
        metrics = self.place / "metrics.json"
        trained = self.run("train.py", AIRESEARCH_SEED=str(1000 * self.seed + trial))
        judged = self.run("evaluate.py", AIRESEARCH_METRICS=str(metrics))
        if trained.returncode or judged.returncode:
            return None
        return float(json.loads(metrics.read_text())["val_error"])


def campaign(lab: Lab, method: Method, baseline: float | None, trials: int) -> list[float]:
    """The best val_error after the baseline and each trial."""
    knobs = find(lab.source)
    past = [Scored({knob.name: knob.value for knob in knobs}, baseline)]
    for trial in range(1, trials + 1):
        values = method(knobs, past, 1000 * lab.seed + trial)
        past.append(Scored(values, lab.score(values, trial)))
    return list(accumulate((1.0 if one.score is None else one.score for one in past), min))


def compare(seed: int, trials: int, place: Path) -> dict[str, list[float]]:
    """Both methods' curves on the data of one seed."""
    lab = Lab(place / f"{seed}", seed)
    lab.make()
    baseline = lab.score({}, 0)
    curves = {}
    for name, method in METHODS.items():
        own = lab.copy(place / f"{seed}-{name}")
        curves[name] = campaign(own, method, baseline, trials)
        print(f"seed {seed} {name}: {curves[name][-1]:.4f}", file=sys.stderr)
    return curves


def t_quantile(freedom: int) -> float:
    """The 97.5% point of Student's t by its expansion around the normal (A&S 26.7.5)."""
    z = statistics.NormalDist().inv_cdf(0.975)
    return (
        z
        + (z**3 + z) / (4 * freedom)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * freedom**3)
    )


def report(curves: Sequence[dict[str, list[float]]], trials: int) -> dict[str, Any]:
    """Best val_error at the end, curves, and the paired difference tuner minus each other."""
    ends = {name: [one[name][-1] for one in curves] for name in METHODS}
    rows = {
        name: {
            "seeds": len(curves),
            "trials": trials,
            "mean": statistics.mean(ends[name]),
            "sd": statistics.stdev(ends[name]),
            "lost": sum(a < b for a, b in zip(ends["tuner"], ends[name], strict=True)),
            "difference": difference(ends["tuner"], ends[name]),
            "curve": {
                at: statistics.mean(one[name][at] for one in curves)
                for at in CURVE_AT
                if at <= trials
            },
        }
        for name in METHODS
    }
    return {"methods": rows}


def difference(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """The mean of ours minus theirs, seed by seed, and its 95 % interval."""
    apart = [a - b for a, b in zip(ours, theirs, strict=True)]
    mean = statistics.mean(apart)
    half = t_quantile(len(apart) - 1) * statistics.stdev(apart) / len(apart) ** 0.5
    return [mean, mean - half, mean + half]


def show(result: dict[str, Any]) -> None:
    """The table."""
    points = list(result["methods"]["tuner"]["curve"])
    print(f"{'method':<11}{'seeds':>6}{'trials':>7}{'val_error':>11}{'sd':>8}", end="")
    print("   best after " + "".join(f"{at:>8}" for at in points))
    for name, row in result["methods"].items():
        print(f"{name:<11}{row['seeds']:>6}{row['trials']:>7}", end="")
        print(f"{row['mean']:>11.4f}{row['sd']:>8.4f}", end=" " * 14)
        print("".join(f"{value:>8.4f}" for value in row["curve"].values()))
    for name, row in result["methods"].items():
        if name != "tuner":
            mean, low, high = row["difference"]
            print(f"tuner - {name}, paired: {mean:+.4f}, 95% CI [{low:+.4f}, {high:+.4f}], "
                  f"better on {row['lost']} of {row['seeds']} seeds")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="3 seeds, 10 trials each")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--seeds", type=int, metavar="N")
    options = parser.parse_args()
    seeds, trials = (3, 10) if options.quick else (24, 24)
    seeds = options.seeds or seeds
    start = time.perf_counter()
    with (
        tempfile.TemporaryDirectory(prefix="airesearch-bench-") as place,
        ThreadPoolExecutor(AT_ONCE) as pool,
    ):
        work = partial(compare, trials=trials, place=Path(place))
        curves = list(pool.map(work, range(1, seeds + 1)))
    result = {**report(curves, trials), "seconds": time.perf_counter() - start}
    show(result)
    if options.json:
        options.json.write_text(json.dumps({**result, "curves": curves}, indent=1) + "\n")


if __name__ == "__main__":
    main()
