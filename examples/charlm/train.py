"""Train a small character model for TRAIN_SECONDS and write its weights to model.npz.

Plain numpy: the last CONTEXT characters, each as a learned vector, go through hidden layers to a
score for each symbol. Everything may change, as long as model.npz has the form evaluate.py reads.
"""

import os
import string
import time
from itertools import pairwise
from pathlib import Path

# Set before numpy loads: more threads than cores make small matrices many times slower, and the
# number of threads can change the last digits of a sum.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
ALPHABET = "\n ,." + string.ascii_lowercase

TRAIN_SECONDS = 5  # fixed: the task is to use these seconds better
LEARNING_RATE = 0.03
BATCH_SIZE = 32
MOMENTUM = 0.5
CONTEXT = 4  # range: 2..12
EMBED = 8
HIDDEN = 32  # range: 16..256 log
LAYERS = 1  # range: 1..3
ANNEAL = False


def windows() -> Ints:
    """Each place of the text: CONTEXT symbols and the one that follows, (n, CONTEXT + 1)."""
    text = (Path("data") / "train.txt").read_text()
    symbols = np.array([0] * CONTEXT + [ALPHABET.index(character) for character in text])
    return np.lib.stride_tricks.sliding_window_view(symbols, CONTEXT + 1)


def network(rng: np.random.Generator) -> dict[str, Floats]:
    """Random weights, zero biases."""
    sizes = [CONTEXT * EMBED, *[HIDDEN] * LAYERS, len(ALPHABET)]
    arrays = {"embedding": rng.normal(0, 1, (len(ALPHABET), EMBED))}
    for i, (inputs, outputs) in enumerate(pairwise(sizes)):
        arrays[f"weight_{i}"] = rng.normal(0, np.sqrt(2 / inputs), (inputs, outputs))
        arrays[f"bias_{i}"] = np.zeros(outputs)
    return {name: array.astype(np.float32) for name, array in arrays.items()}


def forward(arrays: dict[str, Floats], before: Ints) -> list[Floats]:
    """What each layer gives, from the embedded context to the scores."""
    values = [arrays["embedding"][before].reshape(len(before), -1)]
    for i in range(LAYERS + 1):
        total = values[-1] @ arrays[f"weight_{i}"] + arrays[f"bias_{i}"]
        values.append(np.maximum(total, 0) if i < LAYERS else total)
    return values


def gradients(arrays: dict[str, Floats], before: Ints, truth: Ints) -> dict[str, Floats]:
    """Of the mean cross-entropy, by the names of the arrays."""
    values = forward(arrays, before)
    error = np.exp(values[-1] - values[-1].max(axis=1, keepdims=True))
    error /= error.sum(axis=1, keepdims=True)
    error[np.arange(len(truth)), truth] -= 1
    error /= len(truth)
    changes = {}
    for i in reversed(range(LAYERS + 1)):
        changes[f"weight_{i}"] = values[i].T @ error
        changes[f"bias_{i}"] = error.sum(axis=0)
        error = error @ arrays[f"weight_{i}"].T
        if i:
            error = error * (values[i] > 0)
    changes["embedding"] = np.zeros_like(arrays["embedding"])
    np.add.at(changes["embedding"], before.ravel(), error.reshape(-1, EMBED))
    return changes


def train(places: Ints, rng: np.random.Generator, start: float) -> dict[str, Floats]:
    """The trained arrays, TRAIN_SECONDS after `start`."""
    arrays = network(rng)
    velocities = {name: np.zeros_like(array) for name, array in arrays.items()}
    steps = 0
    while (progress := (time.monotonic() - start) / TRAIN_SECONDS) < 1:
        rate = LEARNING_RATE * (1 - progress if ANNEAL else 1)
        batch = places[rng.integers(0, len(places), BATCH_SIZE)]
        changes = gradients(arrays, batch[:, :-1], batch[:, -1])
        for name, velocity in velocities.items():
            velocity *= MOMENTUM
            velocity -= rate * changes[name]
            arrays[name] += velocity
        steps += 1
    print(f"{steps} steps of {BATCH_SIZE} characters")
    return arrays


def main() -> None:
    """Train with the seed the runner gives, 0 by hand, and write model.npz."""
    start = time.monotonic()
    rng = np.random.default_rng(int(os.environ.get("AIRESEARCH_SEED", "0")))
    np.savez("model.npz", **train(windows(), rng, start))  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
