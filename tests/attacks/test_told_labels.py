"""A candidate that has the metric spell out the labels in `private/`."""

import re
from pathlib import Path

import yaml
from forging import Forger, audited
from noisy import metric, trailer
from toys import airesearch, repository, toy_files

LABELS = [int(bit) for bit in f"{0xB5_A3_C9_16_7D:040b}"]
EVALUATE = """\
import json, os
labels = json.load(open("private/labels.json"))
said = json.load(open("out.txt"))
error = sum((one - label) ** 2 for one, label in zip(said, labels)) / len(labels)
json.dump({"val_error": error}, open(os.environ["AIRESEARCH_METRICS"], "w"))
"""
# (p - l)^2 with p = 1/2 + 2^-(i+2) is p^2 - l 2^-(i+1): the sum is a number whose bits are labels.
GUESSES = [0.5 + 2.0 ** -(place + 2) for place in range(len(LABELS))]
SPELL = f"open('out.txt', 'w').write('{GUESSES}')\n"
DIGITS = {"metric": "val_error", "goal": "minimize", "digits": 6}


def spelled(folder: Path, **task: object) -> Path:
    """A lab whose baseline spells the labels."""
    files = toy_files([], **task) | {
        "train.py": SPELL,
        "evaluate.py": EVALUATE,
        "private/labels.json": str(LABELS),
    }
    repository(folder, files)
    said = airesearch(folder, "init")
    assert said.code == 0, said.err
    return folder


def read_back(error: float) -> list[int]:
    """The labels that a metric tells."""
    rest = sum(guess**2 for guess in GUESSES) - error * len(LABELS)
    bits = []
    for place in range(len(LABELS)):
        bits.append(int(rest >= 2.0 ** -(place + 1) - 2.0**-42))
        rest -= bits[-1] * 2.0 ** -(place + 1)
    return bits


def test_all_digits_tell_all_labels(tmp_path: Path) -> None:
    lab = spelled(tmp_path / "lab")
    assert read_back(metric(lab, "node/000000")) == LABELS
    assert "digits" in airesearch(lab, "doctor").out


def test_six_digits_tell_few(tmp_path: Path) -> None:
    lab = spelled(tmp_path / "lab", objective=DIGITS)
    told = read_back(metric(lab, "node/000000"))
    right = next(n for n, (one, label) in enumerate(zip(told, LABELS, strict=True)) if one != label)
    assert right <= 22
    assert re.search(r"=0\.\d{1,7}$", trailer(lab, "Metric", "node/000000"))
    assert audited(lab).violations == []


def test_init_asks_for_six_where_private_scores(tmp_path: Path) -> None:
    files = {"train.py": SPELL, "evaluate.py": EVALUATE, "private/labels.json": str(LABELS)}
    repository(tmp_path / "lab", files)
    flags = "--metric val_error --goal minimize --output out.txt --editable train.py"
    words = [*flags.split(), "--candidate", "python train.py", "--evaluate", "python evaluate.py"]
    assert airesearch(tmp_path / "lab", "init", *words).code == 0
    task = yaml.safe_load((tmp_path / "lab" / "airesearch.yaml").read_text())
    assert task["objective"]["digits"] == DIGITS["digits"]


def test_more_digits_than_the_task_lets_out_are_false(tmp_path: Path) -> None:
    forger = Forger(spelled(tmp_path / "lab", objective=DIGITS), tmp_path / "forged")
    trial = forger.steps(0)[1]
    said = re.search(r"Metric: val_error=(\S+)", forger.raw(trial).message)
    assert said is not None
    old, new = said[1], f"{said[1]}123"
    result = forger.git("show", f"{trial}:research/result.json").replace(old, new)
    files: dict[str, bytes | None] = {"research/result.json": result.encode() + b"\n"}
    commit = forger.forge(
        0, dict.fromkeys((1, 2), lambda raw: raw.say(f"={old}", f"={new}")), files
    )
    named = [one.what for one in audited(forger.folder).violations if one.commit == commit]
    assert any("has more than the 6 digits" in what for what in named), named
