"""Draw the digits: data/ for the candidate, private/ for the evaluator. Same seed, same files.

The images are drawn here and come from no published set, so no installed library knows the
validation labels. Each image is a stroke template, bent, moved, blurred, cluttered and noisy.
"""

import hashlib
import os
import secrets
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]  # (n, 2): x to the right and y down, in a unit square
Strokes = list[Points]
SIZE = 16
TRAIN, VAL = 3500, 1000


def line(*corners: tuple[float, float]) -> Points:
    """A stroke through the corners."""
    return np.array(corners)


def arc(x: float, y: float, width: float, height: float, start: float, end: float) -> Points:
    """An elliptic stroke of 9 points; angles in degrees, 0 to the right, growing clockwise."""
    angle = np.radians(np.linspace(start, end, 9))
    return np.stack([x + width * np.cos(angle), y + height * np.sin(angle)], axis=1)


# Several ways to write each digit.
TEMPLATES: list[list[Strokes]] = [
    [[arc(0.5, 0.5, 0.32, 0.45, 0, 360)], [arc(0.5, 0.5, 0.2, 0.42, 0, 360)]],
    [
        [line((0.5, 0.05), (0.5, 0.95))],
        [line((0.3, 0.25), (0.55, 0.05), (0.55, 0.95))],
        [line((0.35, 0.2), (0.5, 0.05), (0.5, 0.95)), line((0.28, 0.95), (0.72, 0.95))],
    ],
    [
        [arc(0.5, 0.3, 0.28, 0.25, 180, 390), line((0.74, 0.42), (0.2, 0.95), (0.8, 0.95))],
        [line((0.2, 0.08), (0.78, 0.08), (0.22, 0.92), (0.8, 0.92))],
    ],
    [
        [arc(0.45, 0.28, 0.3, 0.22, 200, 450), arc(0.45, 0.72, 0.32, 0.23, 270, 520)],
        [line((0.2, 0.06), (0.75, 0.06), (0.45, 0.42)), arc(0.45, 0.68, 0.3, 0.26, 270, 520)],
    ],
    [
        [line((0.65, 0.95), (0.65, 0.05), (0.18, 0.65), (0.85, 0.65))],
        [line((0.3, 0.05), (0.22, 0.5), (0.78, 0.5)), line((0.7, 0.15), (0.66, 0.95))],
    ],
    [
        [line((0.78, 0.06), (0.28, 0.06), (0.25, 0.45)), arc(0.45, 0.67, 0.32, 0.27, 230, 510)],
        [line((0.75, 0.08), (0.25, 0.08), (0.25, 0.48), (0.75, 0.52), (0.72, 0.9), (0.2, 0.92))],
    ],
    [
        [line((0.68, 0.05), (0.35, 0.35), (0.22, 0.68)), arc(0.48, 0.7, 0.26, 0.24, 0, 360)],
        [arc(0.75, 0.55, 0.5, 0.5, 260, 180), arc(0.5, 0.7, 0.25, 0.22, 0, 360)],
    ],
    [
        [line((0.18, 0.07), (0.8, 0.07), (0.4, 0.95))],
        [line((0.2, 0.1), (0.8, 0.1), (0.48, 0.95)), line((0.32, 0.5), (0.75, 0.5))],
    ],
    [
        [arc(0.5, 0.27, 0.24, 0.22, 0, 360), arc(0.5, 0.72, 0.29, 0.24, 0, 360)],
        [line((0.25, 0.1), (0.75, 0.9), (0.25, 0.9), (0.75, 0.1), (0.25, 0.1))],
    ],
    [
        [arc(0.5, 0.3, 0.25, 0.24, 0, 360), line((0.75, 0.3), (0.62, 0.95))],
        [arc(0.48, 0.3, 0.26, 0.22, 0, 360), arc(0.3, 0.45, 0.45, 0.5, 340, 450)],
    ],
]


def stream(seed: int, name: str) -> np.random.Generator:
    """A generator of its own for each part: seeing one part tells nothing about another."""
    digest = hashlib.sha256(f"{seed}/{name}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest, "big"))


def bend(points: Points, rng: np.random.Generator) -> Points:
    """Shake every control point a little, then bend the plane as a whole."""
    points = points + rng.normal(0, 0.015, points.shape)
    wave, phase = rng.normal(0, 3.0, (2, 2)), rng.uniform(0, 2 * np.pi, 2)
    return points + rng.uniform(0, 0.05, 2) * np.sin(points @ wave + phase)


def place(points: Points, turn: Points, shift: Points) -> Points:
    """Turn about the middle, then move; the result is in pixels."""
    return ((points - 0.5) @ turn + shift + 0.5) * SIZE


def turning(rng: np.random.Generator) -> Points:
    """A random rotation with shear and unequal scales, (2, 2)."""
    angle, shear = rng.normal(0, 0.08), rng.normal(0, 0.1)
    rotate = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    stretch = np.diag(rng.uniform(0.72, 0.92, 2)) @ np.array([[1.0, 0.0], [shear, 1.0]])
    turn: Points = stretch @ rotate
    return turn


def distance(strokes: Strokes) -> Points:
    """From each pixel's centre to the nearest stroke, (SIZE, SIZE), in pixels."""
    starts = np.concatenate([stroke[:-1] for stroke in strokes])
    along = np.concatenate([np.diff(stroke, axis=0) for stroke in strokes])
    y, x = np.mgrid[:SIZE, :SIZE] + 0.5
    offset = np.stack([x, y], axis=-1)[:, :, None] - starts
    length2 = np.maximum((along**2).sum(-1), 1e-9)
    part = np.clip((offset * along).sum(-1) / length2, 0, 1)[..., None]
    nearest: Points = np.sqrt(((offset - part * along) ** 2).sum(-1)).min(-1)
    return nearest


def draw(digit: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """One image of the digit, (SIZE, SIZE)."""
    template = TEMPLATES[digit][rng.integers(len(TEMPLATES[digit]))]
    turn, shift = turning(rng), rng.normal(0, 0.03, 2)
    strokes = [place(bend(stroke, rng), turn, shift) for stroke in template]
    stray = rng.uniform(0, SIZE, 2)
    strokes.append(np.stack([stray, stray + rng.normal(0, 1.2, 2)]))
    width, blur = rng.uniform(0.5, 1.0), rng.uniform(0.3, 0.6)
    ink = 1 / (1 + np.exp(np.clip((distance(strokes) - width) / blur, -30, 30)))
    left, top = rng.integers(0, SIZE - 3, 2)
    ink[top : top + 3, left : left + 3] = 0  # something lies on the page
    image = rng.uniform(0.0, 0.2) + rng.uniform(0.5, 0.8) * ink + rng.normal(0, 0.08, ink.shape)
    return (255 * np.clip(image, 0, 1)).astype(np.uint8)


def sample(count: int, rng: np.random.Generator) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Images (count, SIZE, SIZE) and labels (count,), in no order."""
    labels = rng.integers(0, len(TEMPLATES), count)
    return np.stack([draw(int(label), rng) for label in labels]), labels


def main() -> None:
    """Write data/ and private/ here, from AIRESEARCH_DATA_SEED or a fresh seed."""
    seed = int(os.environ.get("AIRESEARCH_DATA_SEED") or secrets.randbits(64))
    data, private = Path("data"), Path("private")
    data.mkdir(exist_ok=True)
    private.mkdir(exist_ok=True)
    images, labels = sample(TRAIN, stream(seed, "train"))
    np.save(data / "train_images.npy", images)
    np.save(data / "train_labels.npy", labels)
    images, labels = sample(VAL, stream(seed, "val"))
    np.save(data / "val_images.npy", images)
    np.save(private / "val_labels.npy", labels)
    (private / "seed.txt").write_text(f"{seed}\n")


if __name__ == "__main__":
    main()
