"""What campaigns search: made landscapes with a known truth, and real tasks on bundled data.

The bowl is what the sampler was made with. Nobody tuned anything on the others.
"""

import math
import random
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

from airesearch.agents.proposers.tuner.knobs import Knob
from airesearch.agents.proposers.tuner.knobs.domains import Choices, Range, Value

Point = Mapping[str, Value]
Act = Callable[[random.Random, float], float]
FRESH = 8
"""Seeds that tell the true value of a real task's point."""
_NO_END = 10_000
_DIVERGED = 10.0


def _student(rng: random.Random) -> float:
    return rng.gauss(0, 1) / math.sqrt(rng.gammavariate(1.5, 2) / 3) / math.sqrt(3)


NOISES: dict[str, Act] = {
    "7 %": lambda rng, level: 0.07 * level * rng.gauss(0, 1),
    "0.01": lambda rng, _: 0.01 * rng.gauss(0, 1),
    "0.01, heavy tails": lambda rng, _: 0.01 * _student(rng),
    "none": lambda rng, _: 0.0,
}


@dataclass(frozen=True)
class Place:
    """Where a campaign takes place: what it may turn, from where, and what that is worth."""

    knobs: tuple[Knob, ...]
    start: Point
    truth: Callable[[Point], float]
    """What the mean of very many trials would be."""
    measure: Callable[[Point, int], float]
    """One trial with a seed; trials of different points may share one."""
    bottom: float | None
    """The best value there is; None where nobody knows."""


def _floats(count: int) -> tuple[Knob, ...]:
    return tuple(Knob(f"x{n}", 0.5, Range(0.0, 1.0)) for n in range(count))


def _placed(knobs: tuple[Knob, ...], point: Point) -> list[float]:
    """Each knob's place in [0, 1]; of choices without neighbours their number."""
    return [float(knob.domain.place(point[knob.name])) for knob in knobs]


def _made(
    knobs: tuple[Knob, ...],
    noise: str,
    seed: int,
    level: Callable[[list[float]], float],
    between: tuple[float, float],
) -> Place:
    """A landscape, its start drawn until its level lies between two."""
    rng, draws = random.Random(seed + 1), random.Random(seed + 999)

    def truth(point: Point) -> float:
        return level(_placed(knobs, point))

    def anywhere() -> dict[str, Value]:
        found: dict[str, Value] = {}
        for knob in knobs:
            many = knob.domain.categories
            found[knob.name] = knob.domain.at(rng.randrange(many) if many else rng.random())
        return found

    start = anywhere()
    while not between[0] < truth(start) < between[1]:
        start = anywhere()

    def measure(point: Point, _: int) -> float:
        real = truth(point)
        return real + NOISES[noise](draws, real)

    return Place(knobs, start, truth, measure, 0.03)


def bowl(noise: str, seed: int) -> Place:
    """Eight numbers; it is steeper one way than another."""
    rng = random.Random(seed)
    bottom = [rng.uniform(0.15, 0.85) for _ in range(8)]
    steep = [rng.choice([0.05, 0.15, 0.4, 1.0]) for _ in range(8)]

    def level(at: list[float]) -> float:
        apart = sum(s * (x - b) ** 2 for s, x, b in zip(steep, at, bottom, strict=True))
        return 0.03 + 0.9 * (1 - math.exp(-apart))

    return _made(_floats(8), noise, seed, level, (0.18, 0.3))


def valley(noise: str, seed: int) -> Place:
    """Six numbers: a bent valley (Rosenbrock's), whose floor falls slowly."""
    rng = random.Random(seed)
    flips = [rng.random() < 0.5 for _ in range(6)]

    def level(at: list[float]) -> float:
        x = [3 * (1 - u if flip else u) - 1.2 for u, flip in zip(at, flips, strict=True)]
        steps = zip(x[1:], x[:-1], strict=True)
        total = sum(100 * (b - a * a) ** 2 + (1 - a) ** 2 for b, a in steps)
        return 0.03 + 0.05 * math.log1p(total)

    return _made(_floats(6), noise, seed, level, (0.25, 0.4))


def rugged(noise: str, seed: int) -> Place:
    """Three numbers, two whole ones and a choice of four: many dents around one (Ackley's)."""
    knobs = (
        *_floats(3),
        Knob("n0", 8, Range(1, 64, "log", integer=True)),
        Knob("n1", 5, Range(0, 20, integer=True)),
        Knob("kind", "a", Choices(("a", "b", "c", "d"))),
    )
    rng = random.Random(seed)
    bottom = [rng.uniform(0.2, 0.8) for _ in range(3)]
    bottom += [knob.domain.place(knob.domain.at(rng.uniform(0.2, 0.8))) for knob in knobs[3:5]]
    kind = rng.randrange(4)
    worse = [rng.uniform(0.03, 0.12) for _ in range(4)]

    def level(at: list[float]) -> float:
        apart = [4 * (x - b) for x, b in zip(at[:5], bottom, strict=True)]
        near = math.exp(-0.2 * math.sqrt(sum(a * a for a in apart) / 5))
        dents = math.exp(sum(math.cos(2 * math.pi * a) for a in apart) / 5)
        ackley = 20 * (1 - near) + math.e - dents
        return 0.03 + 0.05 * ackley + (0.0 if int(at[5]) == kind else worse[int(at[5])])

    return _made(knobs, noise, seed, level, (0.35, 0.6))


# Real tasks: a model family each, on data that scikit-learn brings along. A seed draws which rows
# are learned from, and the model's own randomness.


@dataclass(frozen=True)
class _Task:
    data: str
    rows: int
    """To learn from; as many again, and no more than 400, tell the error."""
    knobs: tuple[Knob, ...]
    model: Callable[[Mapping[str, Any], int], Any]
    regression: bool = False


def _svm(knobs: Mapping[str, Any], seed: int) -> Any:
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import MinMaxScaler
    from sklearn.svm import SVC

    return make_pipeline(MinMaxScaler(), SVC(**knobs, random_state=seed))


def _trees(knobs: Mapping[str, Any], seed: int) -> Any:
    from sklearn.ensemble import GradientBoostingClassifier

    return GradientBoostingClassifier(**knobs, random_state=seed)


def _perceptron(knobs: Mapping[str, Any], seed: int) -> Any:
    from sklearn.neural_network import MLPRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    hidden = knobs["hidden"]
    other = {name: value for name, value in knobs.items() if name != "hidden"}
    model = MLPRegressor(
        hidden_layer_sizes=(hidden,), random_state=seed, max_iter=25, batch_size=32, **other
    )
    return make_pipeline(StandardScaler(), model)


TASKS: dict[str, _Task] = {
    "digits, SVM": _Task(
        "digits",
        250,
        (
            Knob("C", 1.0, Range(1e-3, 1e3, "log")),
            Knob("gamma", 0.01, Range(1e-4, 10.0, "log")),
            Knob("kernel", "rbf", Choices(("rbf", "sigmoid", "poly"))),
            Knob("coef0", 0.5, Range(0.0, 1.0)),
        ),
        _svm,
    ),
    "breast cancer, trees": _Task(
        "breast_cancer",
        150,
        (
            Knob("learning_rate", 0.1, Range(0.005, 1.0, "log")),
            Knob("n_estimators", 10, Range(5, 30, integer=True)),
            Knob("max_depth", 1, Range(1, 5, integer=True)),
            Knob("subsample", 1.0, Range(0.3, 1.0)),
            Knob("max_features", 0.1, Range(0.05, 0.5, "log")),
        ),
        _trees,
    ),
    "diabetes, perceptron": _Task(
        "diabetes",
        200,
        (
            Knob("hidden", 4, Range(2, 32, "log", integer=True)),
            Knob("learning_rate_init", 0.005, Range(1e-3, 0.3, "log")),
            Knob("alpha", 1e-4, Range(1e-5, 10.0, "log")),
            Knob("activation", "tanh", Choices(("tanh", "relu", "logistic"))),
            Knob("momentum", 0.5, Range(0.0, 0.99)),
            Knob("solver", "sgd", Choices(("sgd", "adam"))),
        ),
        _perceptron,
        regression=True,
    ),
}


@lru_cache
def _data(name: str) -> Any:
    import sklearn.datasets

    found = getattr(sklearn.datasets, f"load_{name}")()
    target = found.target
    if name == "diabetes":
        target = (target - target.mean()) / target.std()
    return found.data, target


def real(name: str, seed: int) -> Place:
    """One of the tasks, with seeds of its own."""
    task = TASKS[name]
    known: dict[tuple[str, int], float] = {}

    def measure(point: Point, trial: int) -> float:
        key = (repr(sorted(point.items())), trial)
        if key not in known:
            known[key] = _error(task, point, seed * 100_000 + trial)
        return known[key]

    def truth(point: Point) -> float:
        return sum(measure(point, _NO_END + n) for n in range(FRESH)) / FRESH

    return Place(task.knobs, {k.name: k.value for k in task.knobs}, truth, measure, None)


def _error(task: _Task, point: Point, seed: int) -> float:
    import numpy as np

    values, target = _data(task.data)
    rows = np.random.default_rng(seed).permutation(len(target))
    train, test = rows[: task.rows], rows[task.rows :][:400]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            fitted = task.model(point, seed % 2**31).fit(values[train], target[train])
        except ValueError:  # it diverged
            return _DIVERGED
    told = fitted.predict(values[test])
    if task.regression:
        return float(min(np.mean((told - target[test]) ** 2), _DIVERGED))
    return float(np.mean(told != target[test]))


FAMILIES: dict[str, Callable[[int], Place]] = {
    **{f"bowl, {noise}": partial(bowl, noise) for noise in NOISES},
    **{f"valley, {noise}": partial(valley, noise) for noise in ("7 %", "0.01")},
    **{f"rugged, {noise}": partial(rugged, noise) for noise in ("7 %", "0.01")},
    **{name: partial(real, name) for name in TASKS},
}
"""Each makes the place of a seed."""
