"""Make the text: data/train.txt for the candidate, private/val.txt for the evaluator.

Python's own reference manual, which every Python ships, says which word may follow which. The seed
weighs those pairs anew, walks them at random to write two new texts, and swaps the letters. See
README.md for why. Same seed and same Python version, same files.
"""

import hashlib
import os
import random
import re
import secrets
import string
from itertools import accumulate, pairwise
from pathlib import Path
from pydoc_data.topics import topics

Chain = dict[str, tuple[list[str], list[float]]]  # word -> next words, their cumulative weights
TRAIN, VAL = 500_000, 40_000


def stream(seed: int, name: str) -> random.Random:
    """A generator of its own for each part: seeing one part tells nothing about another."""
    return random.Random(hashlib.sha256(f"{seed}/{name}".encode()).digest())


def words() -> list[str]:
    """The manual as lower-case words, commas and full stops, never two stops in a row."""
    text = " . ".join(topics[name] for name in sorted(topics)).lower().replace("'", "")
    found = re.findall(r"[a-z]{2,}|\ba\b|[.,]", text)
    return [word for before, word in pairwise([".", *found]) if {before, word} - {".", ","}]


def chain(source: list[str], rng: random.Random) -> Chain:
    """Each pair of neighbours as often as in the source, times a random weight of mean 1."""
    following: dict[str, list[str]] = {}
    for word, after in pairwise(source):
        following.setdefault(word, []).append(after)
    return {
        word: (after, list(accumulate(rng.expovariate(1) for _ in after)))
        for word, after in following.items()
    }


def write(links: Chain, length: int, rng: random.Random) -> str:
    """A new text of so many characters; a paragraph ends after one full stop in five."""
    parts: list[str] = []
    word, gap, size = ".", "", 0
    while size < length:
        after, weights = links[word]
        word = rng.choices(after, cum_weights=weights)[0]
        parts.append(word if word in ".," else gap + word)
        gap = "\n" if word == "." and rng.random() < 0.2 else " "
        size += len(parts[-1])
    return "".join(parts)[:length]


def cipher(rng: random.Random) -> dict[int, int]:
    """A table for str.translate that swaps the letters for others."""
    letters = list(string.ascii_lowercase)
    rng.shuffle(letters)
    return str.maketrans(string.ascii_lowercase, "".join(letters))


def main() -> None:
    """Write data/ and private/ here, from AIRESEARCH_DATA_SEED or a fresh seed."""
    seed = int(os.environ.get("AIRESEARCH_DATA_SEED") or secrets.randbits(64))
    links = chain(words(), stream(seed, "language"))
    letters = cipher(stream(seed, "cipher"))
    for folder, name, length in (("data", "train", TRAIN), ("private", "val", VAL)):
        Path(folder).mkdir(exist_ok=True)
        text = write(links, length, stream(seed, name))
        (Path(folder) / f"{name}.txt").write_text(text.translate(letters))
    (Path("private") / "seed.txt").write_text(f"{seed}\n")


if __name__ == "__main__":
    main()
