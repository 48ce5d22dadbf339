"""A Gaussian process over points in [0, 1]^d, and the point where it expects the most of a trial.

Regression with a Matern 5/2 kernel, one length a dimension, and noise, all three by the marginal
likelihood (Rasmussen and Williams, Gaussian Processes for Machine Learning, 2006, chapters 4 and
5); expected improvement over the lowest mean at any point that was tried, which noise does not
flatter (Jones, Schonlau and Welch, Efficient Global Optimization, 1998).
"""

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Predict = Callable[["Array"], tuple["Array", "Array"]]

_LENGTH, _NOISE = 0.8, 0.03
"""What is likely before anything is known: lengths in the cube, noise to signal."""
_EDGE = 0.2
"""How far from a failure another one is likely, in one dimension: the best may lie close to it."""
_FITS = 20
"""Random steps of the fit. More are slower and find no better points."""
_ANYWHERE, _NEARBY, _WIDTHS = 300, 100, (0.02, 0.06, 0.15, 0.3)
"""Points that are looked at: in all of the cube, and at each width from the best."""
_POLISH, _FINER = 60, (0.1, 0.05, 0.02, 0.01)
_SETTINGS = 9
"""Places of one dimension at which its influence is looked at."""
_OTHER_CHOICE = 0.2
"""How often a point nearby has another choice."""


def most_promising(
    points: Sequence[Sequence[float]],
    losses: Sequence[float],
    failed: Sequence[Sequence[float]],
    choices: Sequence[tuple[int, int]],
    seed: int,
) -> list[float]:
    """The point in [0, 1]^d whose expected improvement is largest; less `losses` are better.

    `failed` are points that measured nothing: what lies near them counts as less likely to measure.
    The places from one to before the other of each of `choices` are 1 for what is chosen, else 0.
    """
    import numpy as np  # only here: it takes a while to load

    rng = np.random.default_rng(seed)
    x, bad = np.array(points, float), np.array(failed, float).reshape(-1, len(points[0]))
    # What is far worse than the median says little of where the best is, and may be anything.
    raw = np.array(losses, float)
    spread = max(float(np.median(raw) - raw.min()), 1e-300)
    y = np.log1p((raw - raw.min()) / spread)
    y = (y - y.mean()) / max(float(y.std()), 1e-12)
    lengths, predict = _fitted(x, y, rng)
    # Points lie further apart the more places they have.
    narrow = np.minimum(lengths, _EDGE * math.sqrt(x.shape[1]))
    means, _ = predict(x)
    lowest, base = means.min(), x[means.argmin()]

    def promise(z: "Array") -> "Array":
        mean, deviation = predict(z)
        u = (lowest - mean) / deviation
        below = 0.5 * (1 + np.tanh(math.sqrt(2 / math.pi) * (u + 0.044715 * u**3)))
        density = np.exp(-0.5 * u * u) / math.sqrt(2 * math.pi)
        # A point that is alone among failures measures something half of the time.
        well, ill = (_matern(z, some, narrow).sum(1) for some in (x, bad))
        return deviation * (u * below + density) * ((1 + well) / (1 + well + ill)) ** 2  # type: ignore[no-any-return]

    def near(point: "Array", width: float, count: int) -> "Array":
        steps = width * rng.standard_normal((count, x.shape[1]))
        moved = point + steps * (rng.random(steps.shape) < 0.5)
        moved = np.clip(1 - np.abs(1 - np.abs(moved)), 0, 1)  # as by mirrors at the ends
        for first, end in choices:
            moved[:, first:end] = point[first:end]
            others = rng.random(count) < _OTHER_CHOICE
            moved[others, first:end] = rng.random((int(others.sum()), end - first))
        return chosen(moved)

    def chosen(z: "Array") -> "Array":
        for first, end in choices:
            z[:, first:end] = np.eye(end - first)[z[:, first:end].argmax(1)]
        return z

    candidates = [chosen(rng.random((_ANYWHERE, x.shape[1])))]
    candidates += [near(base, width, _NEARBY) for width in _WIDTHS]
    best = _best_of(np.concatenate(candidates), promise)
    for width in _FINER:
        best = _best_of(np.vstack([best, near(best, width, _POLISH)]), promise)
    return [float(place) for place in best]


def influence(
    points: Sequence[Sequence[float]],
    losses: Sequence[float],
    spans: Sequence[tuple[int, int]],
    seed: int,
) -> list[float]:
    """How far the predicted loss moves while one span of places is turned: shares of all, by span.

    A span of several places is a choice without neighbours, as in `most_promising`.
    """
    import numpy as np  # only here: it takes a while to load

    rng = np.random.default_rng(seed)
    x, raw = np.array(points, float), np.array(losses, float)
    y = np.argsort(np.argsort(raw)).astype(float)  # ranks, which one failure does not rule
    for value in np.unique(raw):
        y[raw == value] = y[raw == value].mean()
    y = (y - y.mean()) / max(float(y.std()), 1e-12)
    _, predict = _fitted(x, y, rng)
    moved = []
    for first, end in spans:
        settings = (
            np.linspace(0, 1, _SETTINGS)[:, None] if end - first == 1 else np.eye(end - first)
        )
        means = []
        for setting in settings:
            turned = x.copy()
            turned[:, first:end] = setting
            means.append(predict(turned)[0])
        moved.append(float(np.std(means, axis=0).mean()))
    return [one / max(sum(moved), 1e-12) for one in moved]


def _best_of(points: "Array", promise: Callable[["Array"], "Array"]) -> "Array":
    return points[promise(points).argmax()]  # type: ignore[no-any-return]


def _matern(a: "Array", b: "Array", lengths: "Array") -> "Array":
    """The kernel between each of `a` and each of `b`."""
    import numpy as np

    apart = (((a[:, None, :] - b[None, :, :]) / lengths) ** 2).sum(-1)
    d = np.sqrt(5 * apart)
    return (1 + d + d * d / 3) * np.exp(-d)  # type: ignore[no-any-return]


def _fitted(x: "Array", y: "Array", rng: "np.random.Generator") -> tuple["Array", "Predict"]:
    """The lengths of the likeliest process, and what it predicts: mean and standard deviation."""
    import numpy as np

    count, dimensions = x.shape
    prior = np.log([_LENGTH] * dimensions + [_NOISE])
    narrow = np.array([1.0] * dimensions + [1.5])

    def fit(theta: "Array") -> tuple[float, "Array", float]:
        covariance = _matern(x, x, np.exp(theta[:-1]))
        covariance += (np.exp(theta[-1]) + 1e-8) * np.eye(count)
        root = np.linalg.cholesky(covariance)
        inverse = np.linalg.inv(root)
        variance = max(float(np.square(inverse @ y).mean()), 1e-12)
        likelihood = -0.5 * count * math.log(variance) - np.log(np.diag(root)).sum()
        likelihood -= 0.5 * np.square((theta - prior) / narrow).sum()
        return float(likelihood), inverse, variance

    theta, width = prior, 0.6
    likelihood, inverse, variance = fit(theta)
    for _ in range(_FITS):
        other = theta + width * rng.standard_normal(len(theta)) * (rng.random(len(theta)) < 0.4)
        found = fit(other)
        is_better = found[0] > likelihood
        width = min(width * 1.3, 1.0) if is_better else max(width * 0.95, 0.1)
        if is_better:
            theta, (likelihood, inverse, variance) = other, found
    lengths = np.exp(theta[:-1])
    weights = inverse.T @ (inverse @ y)

    def predict(z: "Array") -> tuple["Array", "Array"]:
        likeness = _matern(z, x, lengths)
        explained = np.square(inverse @ likeness.T).sum(0)
        return likeness @ weights, np.sqrt(variance * np.maximum(1 - explained, 1e-12))

    return lengths, predict
