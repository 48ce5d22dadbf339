"""Train a small neural network on the digits and write predictions.npy for the validation images.

Plain numpy: one hidden layer, cross-entropy, stochastic gradient descent. Everything may change,
as long as predictions.npy holds one integer label for each validation image, in their order.
"""

import os
from pathlib import Path

# Set before numpy loads: more threads than cores make small matrices many times slower, and the
# number of threads can change the last digits of a sum.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

LEARNING_RATE = 0.01
EPOCHS = 10  # range: 4..40
BATCH_SIZE = 64
MOMENTUM = 0.5
WEIGHT_DECAY = 1e-5
HIDDEN = 16  # range: 8..128 log
MAX_SHIFT = 0  # range: 0..3
STANDARDIZE = False
ACTIVATION = "tanh"  # choices: relu, tanh
SCHEDULE = "constant"  # choices: constant, cosine


def load(name: str) -> Floats:
    """Images (n, 16, 16) in 0..1, each with zero mean and unit variance if STANDARDIZE."""
    images: Floats = np.load(Path("data") / f"{name}_images.npy").astype(np.float32) / 255
    if STANDARDIZE:
        images -= images.mean(axis=(1, 2), keepdims=True)
        images /= images.std(axis=(1, 2), keepdims=True)
    return images


def shifted(images: Floats, rng: np.random.Generator) -> Floats:
    """Each image moved by up to MAX_SHIFT pixels either way, edges repeated."""
    size, border = images.shape[1], MAX_SHIFT
    padded = np.pad(images, ((0, 0), (border, border), (border, border)), mode="edge")
    down, right = rng.integers(0, 2 * border + 1, (2, len(images), 1)) + np.arange(size)
    moved: Floats = padded[np.arange(len(images))[:, None, None], down[:, :, None], right[:, None]]
    return moved


def layer(inputs: int, outputs: int, rng: np.random.Generator) -> list[Floats]:
    """Random weights and zero biases."""
    weights = rng.normal(0, 1 / np.sqrt(inputs), (inputs, outputs))
    return [weights.astype(np.float32), np.zeros(outputs, np.float32)]


def forward(parameters: list[Floats], inputs: Floats) -> tuple[Floats, Floats]:
    """The hidden activations and the class scores."""
    weights, bias, out_weights, out_bias = parameters
    total = inputs @ weights + bias
    hidden = np.tanh(total) if ACTIVATION == "tanh" else np.maximum(total, 0)
    return hidden, hidden @ out_weights + out_bias


def gradients(parameters: list[Floats], inputs: Floats, labels: NDArray[np.int64]) -> list[Floats]:
    """Of the mean cross-entropy, in the order of the parameters."""
    hidden, scores = forward(parameters, inputs)
    error = np.exp(scores - scores.max(axis=1, keepdims=True))
    error /= error.sum(axis=1, keepdims=True)
    error[np.arange(len(labels)), labels] -= 1
    error /= len(labels)
    slope = 1 - hidden**2 if ACTIVATION == "tanh" else hidden > 0
    back = (error @ parameters[2].T) * slope
    return [inputs.T @ back, back.sum(axis=0), hidden.T @ error, error.sum(axis=0)]


def step_size(progress: float) -> float:
    """The learning rate when `progress` (0 to 1) of the training is done."""
    if SCHEDULE == "cosine":
        return float(LEARNING_RATE * 0.5 * (1 + np.cos(np.pi * progress)))
    return LEARNING_RATE


def train(images: Floats, labels: NDArray[np.int64], rng: np.random.Generator) -> list[Floats]:
    """The trained parameters: weights and bias of the hidden, then of the output layer."""
    parameters = layer(images[0].size, HIDDEN, rng) + layer(HIDDEN, int(labels.max()) + 1, rng)
    velocities = [np.zeros_like(parameter) for parameter in parameters]
    starts = range(0, len(images), BATCH_SIZE)
    for epoch in range(EPOCHS):
        order = rng.permutation(len(images))
        for start in starts:
            rate = step_size((epoch + start / len(images)) / EPOCHS)
            batch = order[start : start + BATCH_SIZE]
            inputs = shifted(images[batch], rng).reshape(len(batch), -1)
            changes = gradients(parameters, inputs, labels[batch])
            for parameter, velocity, change in zip(parameters, velocities, changes, strict=True):
                velocity *= MOMENTUM
                velocity -= rate * (change + WEIGHT_DECAY * parameter)
                parameter += velocity
    return parameters


def predict(parameters: list[Floats], images: Floats) -> NDArray[np.int64]:
    """The class with the highest score for each image."""
    _, scores = forward(parameters, images.reshape(len(images), -1))
    classes: NDArray[np.int64] = scores.argmax(axis=1)
    return classes


def main() -> None:
    """Train with the seed the runner gives, 0 by hand, and write predictions.npy."""
    rng = np.random.default_rng(int(os.environ.get("AIRESEARCH_SEED", "0")))
    labels = np.load(Path("data") / "train_labels.npy")
    parameters = train(load("train"), labels, rng)
    print(f"training error {np.mean(predict(parameters, load('train')) != labels):.4f}")
    np.save("predictions.npy", predict(parameters, load("val")))


if __name__ == "__main__":
    main()
