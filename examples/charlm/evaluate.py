"""Score model.npz on the sealed text: val_bpb, bits for each character.

The model is data, never code: weights of a network that this file runs. Probabilities come out of
the softmax here, so they sum to one whatever the weights are. The network reads the characters
before the one it predicts: a table turns each into a vector, layers with ReLU between them follow.

    embedding            (30, e)         a vector for each symbol of ALPHABET
    weight_0, bias_0     (c * e, h), (h,)   c characters of context, the nearest one last
    weight_1, bias_1 ... (h, h2), (h2,)     as many layers as you like
    the last of them     (..., 30), (30,)   a score for each symbol
"""

import json
import os
import string
import sys
import zipfile
from pathlib import Path

# Set before numpy loads: the number of threads can change the last digits of a sum.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
Layers = list[tuple[Floats, Floats]]
ALPHABET = "\n ,." + string.ascii_lowercase
MOST_WEIGHTS, MOST_BYTES = 500_000, 8_000_000
MOST_CONTEXT, MOST_EMBED = 64, 64


def read(path: str) -> dict[str, Floats]:
    """The arrays in the file; never a pickle, which could run code of the candidate's here."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            if sum(entry.file_size for entry in archive.zip.infolist()) > MOST_BYTES:
                sys.exit(f"{path} unpacks to more than {MOST_BYTES} bytes")
            return {name: np.asarray(archive[name], np.float32) for name in archive.files}
    except (OSError, ValueError, EOFError, AttributeError, TypeError, zipfile.BadZipFile) as error:
        sys.exit(f"{path} cannot be read as a numpy archive: {error}")


def check(arrays: dict[str, Floats], depth: int) -> None:
    """Exit with 1 and a reason unless the arrays are a network of this depth and allowed size."""
    expected = {"embedding"} | {f"{part}_{i}" for part in ("weight", "bias") for i in range(depth)}
    if set(arrays) != expected or not depth:
        sys.exit(f"model.npz holds {sorted(arrays)}, must hold embedding, weight_0, bias_0, ...")
    if sum(array.size for array in arrays.values()) > MOST_WEIGHTS:
        sys.exit(f"model.npz holds more than {MOST_WEIGHTS} weights")
    for name, array in arrays.items():
        if array.ndim != (1 if name.startswith("bias") else 2) or not array.size:
            sys.exit(f"model.npz: {name} has shape {array.shape}")
        if not np.isfinite(array).all():
            sys.exit(f"model.npz: {name} is not finite")


def check_shapes(embedding: Floats, layers: Layers) -> None:
    """Exit with 1 and a reason unless each layer takes what the one before gives."""
    symbols, width = embedding.shape
    context, rest = divmod(len(layers[0][0]), width)
    if symbols != len(ALPHABET) or rest or context > MOST_CONTEXT or width > MOST_EMBED:
        sys.exit(f"model.npz: embedding {embedding.shape} does not fit {layers[0][0].shape}")
    inputs = len(layers[0][0])
    for i, (weight, bias) in enumerate(layers):
        if len(weight) != inputs or len(bias) != weight.shape[1]:
            sys.exit(f"model.npz: weight_{i} {weight.shape} does not fit its neighbours")
        inputs = len(bias)
    if inputs != len(ALPHABET):
        sys.exit(f"model.npz: the last layer gives {inputs} scores, must give {len(ALPHABET)}")


def bits(embedding: Floats, layers: Layers, before: Ints, truth: Ints) -> float:
    """Bits in total for the symbols `truth` (n,), after the symbols `before` (n, context)."""
    values = embedding[before].reshape(len(before), -1)
    for weight, bias in layers[:-1]:
        values = np.maximum(values @ weight + bias, 0)
    scores = (values @ layers[-1][0] + layers[-1][1]).astype(np.float64)
    scores -= scores.max(axis=1, keepdims=True)
    chosen = scores[np.arange(len(truth)), truth]
    return float((np.log(np.exp(scores).sum(axis=1)) - chosen).sum() / np.log(2))


def score(embedding: Floats, layers: Layers, text: str) -> float:
    """Bits for each character; what stands before the text counts as line ends."""
    context, part = len(layers[0][0]) // embedding.shape[1], 1000
    symbols = np.array([0] * context + [ALPHABET.index(character) for character in text])
    windows = np.lib.stride_tricks.sliding_window_view(symbols, context + 1)
    parts = (windows[i : i + part] for i in range(0, len(windows), part))
    with np.errstate(all="ignore"):  # scores that overflow are refused as a whole
        return sum(bits(embedding, layers, w[:, :-1], w[:, -1]) for w in parts) / len(text)


def report(**metrics: float) -> None:
    """Write the metrics where the runner asks for them, or print them when run by hand."""
    if path := os.environ.get("AIRESEARCH_METRICS"):
        Path(path).write_text(json.dumps(metrics))
    else:
        print(json.dumps(metrics))


def main() -> None:
    """Score the candidate's output, or exit with 1 and a reason."""
    arrays = read("model.npz")
    depth = (len(arrays) - 1) // 2
    check(arrays, depth)
    layers = [(arrays[f"weight_{i}"], arrays[f"bias_{i}"]) for i in range(depth)]
    check_shapes(arrays["embedding"], layers)
    value = score(arrays["embedding"], layers, (Path("private") / "val.txt").read_text())
    if not np.isfinite(value):
        sys.exit("model.npz gives scores that are not finite")
    report(val_bpb=value)


if __name__ == "__main__":
    main()
