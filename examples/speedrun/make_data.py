"""Make the points: data/ for the candidate, private/ for the evaluator. Same seed, same files.

Three classes, each a spiral arm in a plane that is turned at random into 20 dimensions, with noise
in all of them. No line separates the arms, so a model with hidden units is needed.
"""

import hashlib
import os
import secrets
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float32]  # (n, DIMENSIONS)
Labels = NDArray[np.int64]  # (n,)
Axes = NDArray[np.float64]  # (2, DIMENSIONS)
DIMENSIONS, CLASSES = 20, 3
TRAIN, VAL = 4000, 1000


def stream(seed: int, name: str) -> np.random.Generator:
    """A generator of its own for each part: seeing one part tells nothing about another."""
    digest = hashlib.sha256(f"{seed}/{name}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest, "big"))


def plane(rng: np.random.Generator) -> Axes:
    """Two directions at right angles, each of length 1."""
    return np.linalg.qr(rng.normal(size=(DIMENSIONS, 2)))[0].T


def sample(count: int, axes: Axes, rng: np.random.Generator) -> tuple[Points, Labels]:
    """Points and their classes, in no order."""
    labels = rng.integers(0, CLASSES, count)
    radius = rng.uniform(0.3, 3.0, count)
    angle = 1.4 * radius + 2 * np.pi * labels / CLASSES + rng.normal(0, 0.15, count)
    flat = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    points = flat @ axes + rng.normal(0, 0.12, (count, DIMENSIONS))
    return points.astype(np.float32), labels


def main() -> None:
    """Write data/ and private/ here, from AIRESEARCH_DATA_SEED or a fresh seed."""
    seed = int(os.environ.get("AIRESEARCH_DATA_SEED") or secrets.randbits(64))
    data, private = Path("data"), Path("private")
    data.mkdir(exist_ok=True)
    private.mkdir(exist_ok=True)
    axes = plane(stream(seed, "plane"))
    points, labels = sample(TRAIN, axes, stream(seed, "train"))
    np.save(data / "train_points.npy", points)
    np.save(data / "train_labels.npy", labels)
    points, labels = sample(VAL, axes, stream(seed, "val"))
    np.save(data / "val_points.npy", points)
    np.save(private / "val_labels.npy", labels)
    (private / "seed.txt").write_text(f"{seed}\n")


if __name__ == "__main__":
    main()
