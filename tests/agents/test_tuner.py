"""The tuner suggests what was not tried, learns from failures, and edits only what it may."""

import math
import random
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from airesearch.agents.proposers.base import Brief, Past, Proposal
from airesearch.agents.proposers.tuner.knobs import Knob, read
from airesearch.agents.proposers.tuner.knobs.domains import Choices, Range, Value
from airesearch.agents.proposers.tuner.sampler import Exhausted, Scored, suggest
from airesearch.agents.proposers.tuner.tuner import Tuner
from airesearch.gitlab.desk.desk import Desk
from airesearch.gitlab.errors import AiresearchError, NothingToDo
from airesearch.gitlab.lab.lab import open_lab
from airesearch.gitlab.record.facts import Goal, Operator
from airesearch.gitlab.store.change import Decision
from toys import repository

Files = Mapping[str, str | bytes]
KNOBS = (
    Knob("lr", 0.01, Range(1e-4, 1.0, "log")),
    Knob("hidden", 16, Range(2, 128, "log", integer=True)),
    Knob("dropout", 0.5, Range(0, 0.95)),
    Knob("act", "tanh", Choices(("relu", "tanh", "gelu"))),
    Knob("norm", False, Choices((False, True))),
)
BASE = {knob.name: knob.value for knob in KNOBS}


def loss(values: Mapping[str, Value]) -> float | None:
    """Lowest at lr 0.2, hidden 64, dropout 0.1, relu, norm; fails where lr is high."""
    place = {knob.name: knob.domain.unit(values[knob.name]) for knob in KNOBS}
    if place["lr"] > 0.92:
        return None
    wrong = (values["act"] != "relu") + (values["norm"] is False)
    far = (place["lr"] - 0.825) ** 2 + 0.3 * (place["hidden"] - 0.83) ** 2
    return far + 0.1 * (place["dropout"] - 0.1) ** 2 + 0.02 * wrong


def uniform(knobs: tuple[Knob, ...], past: list[Scored], goal: Goal, seed: int) -> dict[str, Value]:
    rng = random.Random(seed)
    return {knob.name: knob.domain.value(rng.random()) for knob in knobs}


def search(method: Callable[..., dict[str, Value]], seed: int, goal: Goal = "minimize") -> float:
    """The lowest loss after 24 trials."""
    sign = 1 if goal == "minimize" else -1
    past = [Scored(BASE, sign * (loss(BASE) or 0.0))]
    for trial in range(24):
        values = method(KNOBS, past, goal, 1000 * seed + trial)
        found = loss(values)
        past.append(Scored(values, None if found is None else sign * found))
    return min(sign * one.score for one in past if one.score is not None)


def test_it_beats_random_search_on_the_same_knobs() -> None:
    pairs = [(search(suggest, seed), search(uniform, seed)) for seed in range(12)]
    assert sum(ours < theirs for ours, theirs in pairs) >= 9
    ours, theirs = map(sum, zip(*pairs, strict=True))
    assert ours < 0.7 * theirs


def test_maximizing_is_minimizing_the_negative() -> None:
    assert search(suggest, 3, "maximize") == search(suggest, 3, "minimize")


def test_the_same_arguments_give_the_same_values() -> None:
    past = [Scored(uniform(KNOBS, [], "minimize", n), n / 7) for n in range(20)]
    drawn = {seed: suggest(KNOBS, past, "minimize", seed) for seed in range(12)}
    again = {seed: suggest(KNOBS, past, "minimize", seed) for seed in reversed(range(12))}
    assert drawn == again
    assert len({repr(values) for values in drawn.values()}) > 6


def test_a_region_of_failures_is_avoided() -> None:
    knob = Knob("lr", 0.01, Range(1e-4, 1.0, "log"))
    units = [n / 20 for n in range(20)]
    past = [Scored({"lr": knob.domain.value(u)}, None if u > 0.5 else 0.3) for u in units]
    drawn = [knob.domain.unit(suggest([knob], past, "minimize", s)["lr"]) for s in range(40)]
    assert sum(unit > 0.55 for unit in drawn) <= 8


def test_nothing_is_tried_twice_and_an_exhausted_space_says_so() -> None:
    knobs = [Knob("a", 1, Range(1, 3, integer=True)), Knob("b", True, Choices((True, False)))]
    past = [Scored({"a": 1, "b": True}, 0.5)]
    for seed in range(5):
        past.append(Scored(suggest(knobs, past, "minimize", seed), None if seed % 2 else 0.4))
    assert len({repr(one.values) for one in past}) == 6
    with pytest.raises(Exhausted, match="all 6 combinations of a, b") as error:
        suggest(knobs, past, "minimize", 9)
    assert isinstance(error.value, NothingToDo)


def test_trials_that_lack_a_knob_or_hold_a_strange_value_still_teach() -> None:
    odd: list[dict[str, Value]] = [{"lr": 0.1}, {"lr": "auto", "hidden": 3}, {"act": "swish"}, {}]
    past = [Scored(values, n / 3) for n, values in enumerate(odd * 4)]
    for seed in range(10):
        values = suggest(KNOBS, past, "minimize", seed)
        assert list(values) == [knob.name for knob in KNOBS]


def test_with_no_past_and_with_nothing_but_failures_it_still_suggests() -> None:
    assert set(suggest(KNOBS, [], "minimize", 1)) == set(BASE)
    failures = [Scored(uniform(KNOBS, [], "minimize", n), None) for n in range(12)]
    assert all(suggest(KNOBS, failures, "maximize", seed) for seed in range(6))


def desk(folder: Path, files: Files, read: str = "", write: str = "") -> Desk:
    """The files as a lab's trunk; paths that start with `read` or `write` are refused that."""
    lab = open_lab(repository(folder, {"airesearch.yaml": "x", **files}))

    def but(prefix: str) -> Callable[[str], Decision]:
        return lambda path: Decision(("no",) if prefix and path.startswith(prefix) else ())

    return Desk(lab, lab.tree_of(lab.trunk_tip), but(read), but(write))


def past(node: int, files: Files, score: float | None, status: str = "ok") -> Past:
    data = {path: one.encode() if isinstance(one, str) else one for path, one in files.items()}
    return Past(node, status, score, data.get)


def brief(*measured: Past, seed: int = 1) -> Brief:
    return Brief(
        node=len(measured),
        parents=(0,),
        operator=Operator.IMPROVE,
        assignment="",
        metric="val_error",
        goal="minimize",
        seed=seed,
        proposal_index=0,
        base=measured[0],
        past=measured,
    )


def staged(at: Desk, files: Files) -> dict[str, bytes]:
    """What differs on the desk from `files`."""
    before = {path: one.encode() if isinstance(one, str) else one for path, one in files.items()}
    return {path: at.read(path) for path in before if at.read(path) != before[path]}


TRAIN = "LR = 0.3  # range: 1e-3..1 log\r\nHIDDEN = 16\r\nSEED = 4\r\n"


def test_a_proposal_edits_the_source_and_says_what_and_why(tmp_path: Path) -> None:
    files = {"train.py": TRAIN}
    at = desk(tmp_path, files)
    proposal = Tuner().propose(at, brief(past(0, files, 0.31), past(1, files, None, "crash")))
    changed = staged(at, files)["train.py"].decode()
    moved = {n: new for n, new in read(changed).items() if read(TRAIN)[n] != new}
    assert proposal.subject == ", ".join(f"{n} {read(TRAIN)[n]} -> {v}" for n, v in moved.items())
    assert changed.count("\r\n") == 3 and "# range: 1e-3..1 log" in changed
    assert all(
        f"- {name}: {read(TRAIN)[name]} -> {new}" in proposal.body for name, new in moved.items()
    )
    assert "knew 2 trials, 1 of them failed. The best was val_error=0.31, node 0" in proposal.body


def test_a_subject_that_would_be_long_counts_the_rest(tmp_path: Path) -> None:
    files = {"train.py": "".join(f"PARAMETER_NUMBER_{n} = 0.5\n" for n in range(9))}
    subjects = set()
    for seed in range(6):
        at = desk(tmp_path / f"{seed}", files)
        subjects.add(Tuner().propose(at, brief(past(0, files, 1.0), seed=seed)).subject)
    assert all(len(subject) <= 60 for subject in subjects)
    assert any(" more" in subject for subject in subjects)


def test_only_files_it_may_read_and_write_and_that_are_python_are_turned(tmp_path: Path) -> None:
    files: Files = {
        "a.py": "LR = 0.1\n",
        "sealed.py": "LR = 0.2\n",
        "hidden.py": "LR = 0.3\n",
        "broken.py": "LR = = 0.4\n",
        "odd.py": b"# coding: nonsense\nLR = 0.5\n",
        "nul.py": b"LR = 0.6\0\n",
        "notes.txt": "LR = 0.7\n",
    }
    readable = {path: one for path, one in files.items() if path != "hidden.py"}
    for seed in range(4):
        at = desk(tmp_path / f"{seed}", files, read="hidden", write="sealed")
        Tuner().propose(at, brief(past(0, files, 1.0), seed=seed))
        assert set(staged(at, readable)) == {"a.py"}


def test_two_files_are_told_apart_and_keep_their_encodings(tmp_path: Path) -> None:
    latin = "# coding: latin-1\nS = 'é'\nLR = 0.1\n".encode("latin-1")
    files: Files = {"a.py": latin, "b.py": b"\xef\xbb\xbfLR = 0.2\n"}
    turned = set()
    for seed in range(8):
        at = desk(tmp_path / f"{seed}", files)
        proposal = Tuner().propose(at, brief(past(0, files, 1.0), seed=seed))
        edits = staged(at, files)
        turned |= set(edits)
        if len(edits) == 2:
            assert "a.py:LR 0.1 -> " in proposal.subject
        assert edits.get("a.py", latin).startswith(latin[: latin.index(b"LR")])
        assert edits.get("b.py", files["b.py"])[:3] == b"\xef\xbb\xbf"
    assert turned == {"a.py", "b.py"}


def test_ranges_are_those_of_the_base_however_far_the_parent_drifted(tmp_path: Path) -> None:
    base, parent = {"t.py": "HIDDEN = 16\n"}, {"t.py": "HIDDEN = 128\n"}
    measured = (past(0, base, 0.5), past(1, parent, 0.1))
    tuner = Tuner()
    for seed in range(12):
        at = desk(tmp_path / f"{seed}", parent)
        tuner.propose(at, brief(*measured, seed=seed))
        value = read(at.read("t.py").decode())["HIDDEN"]
        assert isinstance(value, int) and 2 <= value < 128


def test_a_failure_of_other_code_is_not_blamed_on_the_values(tmp_path: Path) -> None:
    """The crash leaves the tuner's draw as it was; the same crash of the same code does not."""
    files = {"t.py": "LR = 0.01\nN = 8\n"}
    good = [past(n, {"t.py": f"LR = 0.0{n + 1}\nN = {n + 3}\n"}, n / 9) for n in range(9)]
    crashes = {
        "none": [],
        "other": [past(9, {"t.py": "LR = 0.4\nN = 8\nraise ValueError\n"}, None, "crash")],
        "own": [past(9, {"t.py": "LR = 0.4\nN = 8\n"}, None, "crash")],
        "lost": [past(9, {"t.py": "LR = 0.4\nN = 8\n"}, None, "lost")],
    }
    drawn: dict[str, list[Proposal]] = {}
    for name, crash in crashes.items():
        at = [desk(tmp_path / name / f"{seed}", files) for seed in range(8)]
        drawn[name] = [Tuner().propose(d, brief(*good, *crash, seed=s)) for s, d in enumerate(at)]
    assert drawn["none"] == drawn["other"] == drawn["lost"] != drawn["own"]


def test_no_knob_and_a_bad_comment_say_what_to_type(tmp_path: Path) -> None:
    plain = {"t.py": "print('x')\n"}
    with pytest.raises(AiresearchError, match=r"# range: 1e-4\.\.1 log"):
        Tuner().propose(desk(tmp_path / "a", plain), brief(past(0, plain, 1.0)))
    bad = {"t.py": "LR = 0.1\nN = 3  # range: 5..1\n"}
    with pytest.raises(AiresearchError, match=r"t\.py, line 2: .*LOW\.\.HIGH"):
        Tuner().propose(desk(tmp_path / "b", bad), brief(past(0, bad, 1.0)))
    good = {"t.py": "LR = 0.1\nN = 3\n"}
    at = desk(tmp_path / "c", bad)
    assert Tuner().propose(at, brief(past(0, good, 1.0))).subject


def test_a_long_history_is_read_in_part_and_each_content_once(tmp_path: Path) -> None:
    files = {"t.py": "LR = 0.01\n"}
    asked: list[int] = []

    def one(node: int) -> Past:
        def content(path: str) -> bytes:
            asked.append(node)
            return b"LR = %f\n" % (0.01 + node / 1e5)

        return Past(node, "ok", math.sin(node), content)

    history = [past(0, files, 0.5), *(one(node) for node in range(1, 2000))]
    Tuner().propose(desk(tmp_path, files), brief(*history))
    assert len(asked) == len(set(asked)) <= 300
    assert set(range(1800, 2000)) <= set(asked)
