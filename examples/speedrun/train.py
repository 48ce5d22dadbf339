"""Train a small classifier on the points and write predictions.npy for the validation points.

It is right and it is slow: the task is to make it fast. Everything may change, as long as
predictions.npy holds one integer label for each validation point, in their order.
"""

import os
from pathlib import Path

# Set before numpy loads: more threads than cores make small matrices many times slower, and the
# number of threads can change the last digits of a sum.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]

EPOCHS = 80  # range: 1..100
BATCH_SIZE = 32
LEARNING_RATE = 0.05
MOMENTUM = 0.5
HIDDEN = 128  # range: 8..256 log
CHECK_EVERY = 1  # range: 1..50
KEEP_BEST = True


def standardized(points: Floats, mean: Floats, deviation: Floats) -> Floats:
    """Each feature less its mean, over its deviation."""
    rows = []
    for point in points:
        rows.append([(x - m) / d for x, m, d in zip(point, mean, deviation, strict=True)])
    return np.array(rows)


def layer(inputs: int, outputs: int, rng: np.random.Generator) -> list[Floats]:
    """Random weights and zero biases."""
    return [rng.normal(0, np.sqrt(2 / inputs), (inputs, outputs)), np.zeros(outputs)]


def forward(parameters: list[Floats], points: Floats) -> list[Floats]:
    """What the two hidden layers and the output layer give."""
    first = np.maximum(points @ parameters[0] + parameters[1], 0)
    second = np.maximum(first @ parameters[2] + parameters[3], 0)
    return [first, second, second @ parameters[4] + parameters[5]]


def gradients(parameters: list[Floats], points: Floats, labels: Labels) -> list[Floats]:
    """Of the mean cross-entropy, in the order of the parameters."""
    first, second, scores = forward(parameters, points)
    error = np.exp(scores - scores.max(axis=1, keepdims=True))
    error /= error.sum(axis=1, keepdims=True)
    for row, label in enumerate(labels):
        error[row, label] -= 1
    error /= len(labels)
    back2 = (error @ parameters[4].T) * (second > 0)
    back1 = (back2 @ parameters[2].T) * (first > 0)
    pairs = [(points, back1), (first, back2), (second, error)]
    return [change for x, back in pairs for change in (x.T @ back, back.sum(axis=0))]


def accuracy(parameters: list[Floats], points: Floats, labels: Labels) -> float:
    """The share of the points whose highest score is their label's."""
    return float(np.mean(forward(parameters, points)[-1].argmax(axis=1) == labels))


def epoch(
    parameters: list[Floats],
    velocities: list[Floats],
    points: Floats,
    labels: Labels,
    order: NDArray[np.int64],
) -> None:
    """One pass over the points, in this order; changes the parameters in place."""
    for start in range(0, len(order), BATCH_SIZE):
        batch = order[start : start + BATCH_SIZE]
        changes = gradients(parameters, points[batch], labels[batch])
        for parameter, velocity, change in zip(parameters, velocities, changes, strict=True):
            velocity *= MOMENTUM
            velocity -= LEARNING_RATE * change
            parameter += velocity


def train(points: Floats, labels: Labels, rng: np.random.Generator) -> list[Floats]:
    """The trained parameters; with KEEP_BEST, those of the best check on the training points."""
    classes = int(labels.max()) + 1
    parameters = layer(points.shape[1], HIDDEN, rng) + layer(HIDDEN, HIDDEN, rng)
    parameters += layer(HIDDEN, classes, rng)
    velocities = [np.zeros_like(parameter) for parameter in parameters]
    best, best_accuracy = parameters, 0.0
    for number in range(EPOCHS):
        epoch(parameters, velocities, points, labels, rng.permutation(len(points)))
        if number % CHECK_EVERY == 0:
            now = accuracy(parameters, points, labels)
            print(f"epoch {number}: training accuracy {now:.4f}")
            if now > best_accuracy:
                best, best_accuracy = [parameter.copy() for parameter in parameters], now
    return best if KEEP_BEST else parameters


def main() -> None:
    """Train with the seed the runner gives, 0 by hand, and write predictions.npy."""
    rng = np.random.default_rng(int(os.environ.get("AIRESEARCH_SEED", "0")))
    data = Path("data")
    points, labels = np.load(data / "train_points.npy"), np.load(data / "train_labels.npy")
    mean, deviation = points.mean(axis=0), points.std(axis=0)
    parameters = train(standardized(points, mean, deviation), labels, rng)
    val = standardized(np.load(data / "val_points.npy"), mean, deviation)
    np.save("predictions.npy", forward(parameters, val)[-1].argmax(axis=1))


if __name__ == "__main__":
    main()
