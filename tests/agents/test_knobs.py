"""Knobs are found where a person would look, and set without touching anything else."""

import math

import pytest
from airesearch.agents.proposers.tuner.knobs import assign, find, read, without_literals
from airesearch.agents.proposers.tuner.knobs.domains import Choices, Domain, Range, Value
from airesearch.agents.proposers.tuner.knobs.python.text import literal
from hypothesis import given
from hypothesis import strategies as st

PLACES = """\
import numpy as np
LR = 0.1
DEPTH: int = 3
FLIP = True
NAME = "adam"
class Config:
    rate: float = 1e-3
class Color(Enum):
    RED = 2
def train(x, momentum=0.9, *, steps=100):
    total = 0.5
    np.sum(x, axis=2, keepdims=True)
    options = {"eta": 0.3, "tree": {"max_depth": 6}}
    return make(SVC(C=1.0, gamma=-0.5), SVC(C=2.0))
parser.add_argument("-l", "--learning-rate", type=float, default=1e-3)
best = 2.5
best = 3.5
"""


def domain(line: str) -> Domain:
    (knob,) = find(line)
    return knob.domain


def names(source: str) -> list[str]:
    return [knob.name for knob in find(source)]


def test_knobs_are_found_where_experiments_keep_them() -> None:
    assert " ".join(names(PLACES)) == (
        "LR DEPTH FLIP Config.rate train.momentum train.steps train.options.eta "
        "train.options.tree.max_depth SVC.C SVC.gamma SVC.C#2 --learning-rate"
    )


@pytest.mark.parametrize(
    "line",
    [
        *("SEED = 3", "f(random_state=7)", "DATA_SEED = 3  # range: 1..9", "RNG_SEED = 4"),
        *("VERBOSE = 2", "f(n_jobs=4)", "__version__ = 2.5", "LOG_PATH = 'x'", "f(axis=2)"),
        *("LR = 0.1  # fixed", "LR = 0.1  # fixed: the paper's", "X = 0", "X = -1", "X = 1e999"),
        *(
            "A, B = 1.5, 2.5",
            "X = 2 * 3",
            "X = 3j",
            "X = b'a'",
            "X = None",
            "def f():\n    x = 0.5",
        ),
    ],
)
def test_what_is_no_knob(line: str) -> None:
    assert names(line) == []


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("LR = 0.01", Range(1e-4, 1.0, "log")),
        ("f(C=1)", Range(0.01, 100.0, "log")),
        ("MARGIN = 2.5", Range(0.25, 25.0, "log")),
        ("DROPOUT = 0.2", Range(0, 0.95)),
        ("SUBSAMPLE = 1.0", Range(0.05, 1)),
        ("MOMENTUM = 0.9", Range(0, 0.995, "near one")),
        ("WEIGHT_DECAY = 1e-4", Range(1e-6, 0.01, "log")),
        ("HIDDEN = 64", Range(8, 512, "log", integer=True)),
        ("LAYERS = 1", Range(1, 8, "log", integer=True)),
        ("SHIFT = -2.0", Range(-8.0, -0.5)),
        ("FLIP = False", Choices((False, True))),
        ("LR = 0.1  # range: 1e-5..1 log", Range(1e-5, 1, "log")),
        ("N = 16  # range: 8..256", Range(8, 256, integer=True)),
        ("N = 16  # range: 0.5..256", Range(0.5, 256)),
        ("N = -3  # range: -5..-1", Range(-5, -1, integer=True)),
        ('ACT = "relu"  # choices: relu, tanh', Choices(("relu", "tanh"))),
        ("DEPTH = None  # choices: None, 3, 5", Choices((None, 3, 5))),
        ("N = 7  # choices: 1, 2", Choices((1, 2, 7))),
        ("def f():\n    x = 2  # range: 1..4", Range(1, 4, integer=True)),
        ("AXIS = 1  # range: 1..4", Range(1, 4, integer=True)),
    ],
)
def test_ranges_come_from_the_comment_else_from_name_and_value(line: str, expected: Domain) -> None:
    assert domain(line) == expected


@pytest.mark.parametrize("word", ["-" * 3000 + "1", "{{{1}}}", "(" * 3000, "0x" + "f" * 9000])
def test_a_word_that_python_cannot_read_is_a_word(word: str) -> None:
    try:
        found = find(f"LR = 0.1  # choices: {word}, 0.3\n")
    except ValueError:
        return
    assert len(found) <= 1


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("X = 2  # range: 5..1", ("line 1", "5..1", "X", "LOW..HIGH")),
        ("X = 2  # range: 0..5 log", ("line 1", "above zero")),
        ("X = 2  # range: soon", ("line 1", "soon")),
        ("X = 2  # range: 1..inf", ("line 1",)),
        ("\nX = True  # range: 1..5", ("line 2", "needs a number", "choices")),
        ("X = 2  # choices:", ("line 1", "# choices: relu, tanh")),
        ("X = 2  # choices: 2", ("line 1", "two values")),
        ("f(\n  a=2, b=3,  # range: 1..5\n)", ("line 2", "f.a and f.b", "own line")),
    ],
)
def test_a_malformed_comment_says_where_and_what_to_write(
    line: str, words: tuple[str, ...]
) -> None:
    with pytest.raises(ValueError) as error:
        find(line)
    assert all(word in str(error.value) for word in words), str(error.value)


def test_a_name_keeps_its_number_when_other_values_change() -> None:
    source = "f(C=0)\nf(C=2.0)\nf(C=3.0)\n"
    assert names(source) == names(assign(source, {"f.C": 5}))[1:] == ["f.C#2", "f.C#3"]


@pytest.mark.parametrize(
    "source",
    [
        "LR = 0.1  # the rate\r\nN = 3\r\nX\t=\t( 0.5 )  ;Y=2\r\n",
        "# -*- coding: latin-1 -*-\nS = 'é'; LR = 0.1\n\n\nN=3 # n\n",
        "if True:\n\tLR=0.1\n\tN =  3 # tab",
        "f( LR = 0.1,\n   # between\n   N\t= 3 )",
        'def f(LR=.1, *, N=3) : "doc"\n\x0c\nclass A : Z:float=1_0.5',
    ],
)
def test_every_character_but_the_literal_is_kept(source: str) -> None:
    for name, old in read(source).items():
        if isinstance(old, str) or old is None:
            continue
        changed = assign(source, {name: 7})
        at = next(
            i for i, pair in enumerate(zip(source, changed, strict=False)) if len({*pair}) > 1
        )
        tail = len(source) - at
        while source[-tail:] != changed[-tail:]:
            tail -= 1
        assert read(changed) == {**read(source), name: 7}
        assert set(source[at : len(source) - tail]) <= set("0123456789._e")
        assert assign(source, {name: old}) == source


@pytest.mark.parametrize(
    ("old", "value", "text"),
    [
        *(("1e-3", 0.00317, "3.17e-3"), ("0.001", 0.0000317, "3.17e-5"), ("1e3", 120.0, "1.2e2")),
        *(("1_000", 25000, "25_000"), ("1", 0.5, "0.5"), ("0.5", 1.0, "1.0"), ("3", -4, "-4")),
        *(
            ("'a'", "b", "'b'"),
            ('"a"', "b", '"b"'),
            ('"a"', 'x"y', "'x\"y'"),
            ("True", False, "False"),
        ),
    ],
)
def test_literals_are_written_in_the_author_s_style(old: str, value: Value, text: str) -> None:
    assert literal(old, value) == text


def test_a_number_in_place_of_a_word_takes_no_style_from_it() -> None:
    assert literal("True", 0.25) == literal("'e_e'", 0.25) == "0.25"
    assert literal("'a_b'", 25000) == "25000"


def test_a_string_of_several_pieces_is_replaced_whole() -> None:
    source = 'x = "é"\r\nf(a=("one"  # 1\r\n  "two"), b="""\r\nlong\r\n""", c=3)'
    assert assign(source, {"f.a": "b", "f.b": 7}) == 'x = "é"\r\nf(a=("b"), b=7, c=3)'


def test_what_stands_in_an_f_string_is_left_alone() -> None:
    assert read("x = f'{g(a=1)} {h}'\nB = 2\n") == {"B": 2}


def test_a_number_that_is_not_finite_is_not_written() -> None:
    with pytest.raises(ValueError, match="nan"):
        assign("LR = 0.1\n", {"LR": math.nan})


NUMBERS = st.one_of(
    st.integers(-(10**9), 10**9), st.floats(allow_nan=False, allow_infinity=False), st.booleans()
)
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), max_size=6)
VALUES = st.one_of(NUMBERS, TEXTS, st.none())
SHAPES = (
    "{n} = {v}",
    "{n}: object = {v}  # é",
    "f({n}=( {v} ),)",
    "class A:\n\t{n} = {v}",
    "def f(*, {n}={v}): pass",
    "D = {{'{n}': {v}}}",
    "@d\ndef g(x, /, {n}={v}):\n  return 1",
)
RULED = ("LR", "DROPOUT", "MOMENTUM", "HIDDEN", "x", "SUBSAMPLE", "weight_decay")


@st.composite
def sources(draw: st.DrawFn) -> str:
    ending = draw(st.sampled_from(["\n", "\r\n"]))
    lines = [
        shape.format(n=f"k{i}", v=repr(draw(VALUES)))
        for i, shape in enumerate(draw(st.lists(st.sampled_from(SHAPES), min_size=1, max_size=6)))
    ]
    return "\n".join(lines).replace("\n", ending) + draw(st.sampled_from(["", ending]))


@given(sources(), st.data())
def test_values_round_trip_and_nothing_else_moves(source: str, data: st.DataObject) -> None:
    old = read(source)
    new = {name: data.draw(VALUES) for name in old}
    changed = assign(source, new)
    assert read(changed) == new
    flags = {name for name, value in new.items() if type(value) is bool}
    assert flags == {name for name, value in read(changed).items() if type(value) is bool}
    assert without_literals(changed) == without_literals(source)
    assert assign(changed, old) == source or read(assign(changed, old)) == old


@given(st.sampled_from(RULED), NUMBERS, st.floats(0, 1))
def test_every_suggested_value_is_a_knob_again_and_within_its_range(
    name: str, value: float, unit: float
) -> None:
    source = f"{name} = {value!r}\n"
    for knob in find(source):
        new = knob.domain.value(unit)
        if not value or 1e-20 <= abs(value) <= 1e20:  # far out, ranges reach what is no knob
            (again,) = find(assign(source, {knob.name: new}))
            assert again.value == new
        if isinstance(knob.domain, Range):
            assert knob.domain.low <= float(new or 0) <= knob.domain.high
            assert abs(knob.domain.unit(new) - unit) < 0.51


def test_numbers_are_short_enough_to_read() -> None:
    spread = [Range(1e-5, 1, "log").value(i / 97) for i in range(98)]
    assert (
        max(len(f"{value!r}".lstrip("0.").split("e")[0].replace(".", "")) for value in spread) <= 3
    )
    assert len({Range(1.0, 1.01, "log").value(i / 97) for i in range(98)}) > 50
