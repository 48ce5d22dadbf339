"""YAML, TOML and JSON: knobs are found, and nothing but a literal's own characters changes."""

import json
import tomllib
from typing import Any

import pytest
import yaml
from airesearch.agents.proposers.tuner.knobs import assign, find, read, survey, without_literals
from airesearch.agents.proposers.tuner.knobs.domains import Choices, Range, Value
from airesearch.agents.proposers.tuner.knobs.languages import (
    JSON,
    TOML,
    YAML,
    Language,
    language_of,
)
from hypothesis import given, settings
from hypothesis import strategies as st

IN_YAML = """\
# what is trained
model: gbdt  # choices: gbdt, forest
# range: 1e-5 to 1e-1 log
lr: 1e-3
betas: [0.9, 0.95]   # of Adam
opt: {lr: 0.1, 'decay': 1.0e-4}  # fixed
test_size: 0.25
flag: yes
name: "a # b"
notes: |
  lr: 3  # no knob
again: *x
"""
IN_TOML = """\
# what is trained
lr = 1e-3 # range: 1e-5..1 log
day = 1979-05-27
[model]
layers = 3
act = 'relu'  # choices: relu, gelu
inline = {a = 1.5, "b c" = 2}
[[steps]]
rate = 0.1
[[steps]]
rate = 0.2
notes = '''
lr = 3
'''
sizes = [
    64, # wide
    32,
]
"""
IN_JSON = (
    '{"learning_rate": 0.02,\n\t"steps": 40, "net": {"sizes": [64, 32], "act": "relu"}, "seed": 3}'
)


def names(source: str, language: Language) -> list[str]:
    return [knob.name for knob in find(source, language)]


def test_knobs_of_yaml() -> None:
    source = IN_YAML.replace("again: *x\n", "")
    assert {knob.name: knob.domain for knob in find(source, YAML)} == {
        "model": Choices(("gbdt", "forest")),
        "lr": Range(1e-5, 0.1, "log"),
        "betas[0]": Range(0, 0.995, "near one"),
        "betas[1]": Range(0, 0.9975, "near one"),
        "flag": Choices((True, False)),
    }
    alone = {one.site.name: one.why_alone for one in survey(source, YAML) if one.domain is None}
    assert "fixed" in alone["opt.lr"] and "measurement" in alone["test_size"]


def test_knobs_of_toml_and_json() -> None:
    assert names(IN_TOML, TOML) == [
        *("lr", "model.layers", "model.act", "model.inline.a", "model.inline.b c"),
        *("steps[0].rate", "steps[1].rate", "steps[1].sizes[0]", "steps[1].sizes[1]"),
    ]
    assert names(IN_JSON, JSON) == ["learning_rate", "steps", "net.sizes[0]", "net.sizes[1]"]


@pytest.mark.parametrize(
    ("source", "language", "load", "values"),
    [
        (
            IN_YAML.replace("again: *x\n", ""),
            YAML,
            yaml.safe_load,
            {"lr": 5e-5, "betas[1]": 0.99, "flag": False, "model": "forest"},
        ),
        (IN_TOML, TOML, tomllib.loads, {"lr": 5e-5, "steps[1].sizes[1]": 8, "model.act": "gelu"}),
        (IN_JSON, JSON, json.loads, {"learning_rate": 5e-5, "net.sizes[0]": 8, "steps": 7}),
        ("\ufeffa: é\r\nlr: 0.1 # x\r\n", YAML, yaml.safe_load, {"lr": 0.25}),
    ],
)
def test_only_the_literals_own_characters_change(
    source: str, language: Language, load: Any, values: dict[str, Value]
) -> None:
    changed = assign(source, values, language)
    assert read(changed, language) == {**read(source, language), **values}
    assert without_literals(changed, language) == without_literals(source, language)
    assert changed.count("#") == source.count("#")
    load(changed)
    back = assign(changed, {name: read(source, language)[name] for name in values}, language)
    assert read(back, language) == read(source, language)


@pytest.mark.parametrize(
    ("old", "value", "text"),
    [
        *(("0.001", 5e-5, "5.0e-5"), ("1e-3", 0.25, "0.25"), ("1", 1e20, "1.0e+20")),
        *(("yes", False, "no"), ("True", False, "False"), ("off", True, "on")),
        *(("relu", "true", '"true"'), ("relu", "gelu", "gelu"), ("'a'", "b", '"b"')),
        *(("relu", "a: b", '"a: b"'), ("3", None, "null"), ("3", 4, "4")),
    ],
)
def test_yaml_is_written_so_that_every_loader_reads_it(old: str, value: Value, text: str) -> None:
    assert YAML.literal(old, value) == text
    assert yaml.safe_load(text) == value


@pytest.mark.parametrize(
    ("path", "is_one"),
    [
        *(("conf/a.yaml", True), ("a.yml", True), ("a.toml", True), ("a.json", True)),
        *(("package.json", False), ("pyproject.toml", False), (".github/w.yml", False)),
        *(("team.yaml", False), ("airesearch.yaml", False), ("a.txt", False), ("a.py", True)),
    ],
)
def test_files_of_tools_hold_no_knobs(path: str, is_one: bool) -> None:
    assert (language_of(path) is not None) == is_one


@pytest.mark.parametrize("language", [YAML, TOML, JSON])
@pytest.mark.parametrize("source", ["{a: [", "[a\nx = 1", '{"a": 1} 2', "a: b: c", "x = = 3"])
def test_what_is_not_in_the_language_says_so(source: str, language: Language) -> None:
    try:
        found = language.sites(source)
    except ValueError:
        return
    assert len(found) <= 1


def test_a_long_file_and_one_of_many_numbers_are_data() -> None:
    assert names(json.dumps({f"k{n}": n + 1 for n in range(600)}), JSON) == []
    assert names("lr: 0.1\nrow: [1, 2, 3, 4, 5, 6]\n", YAML) == ["lr"]
    assert names("lr: 0.1\n" + "#" * 200_000, YAML) == []


KEYS = st.text("abcxyz_", min_size=1, max_size=4)
OF_KIND: dict[type, st.SearchStrategy[Value]] = {
    bool: st.booleans(),
    int: st.integers(-(10**9), 10**9),
    float: st.floats(-1e9, 1e9, allow_nan=False).map(lambda one: round(one, 6)),
    str: st.text(st.characters(codec="ascii", min_codepoint=32), max_size=6),
}
SCALARS = st.one_of(*OF_KIND.values())
TREES = st.dictionaries(
    KEYS,
    st.one_of(SCALARS, st.lists(SCALARS, max_size=3), st.dictionaries(KEYS, SCALARS, max_size=3)),
    min_size=1,
    max_size=4,
)


def flat(value: Any, path: str = "") -> dict[str, Value]:
    if isinstance(value, dict):
        parts = [(f"{path}.{key}".lstrip("."), inner) for key, inner in value.items()]
    elif isinstance(value, list):
        parts = [(f"{path}[{place}]", inner) for place, inner in enumerate(value)]
    else:
        return {path: value}
    return {name: one for key, inner in parts for name, one in flat(inner, key).items()}


@settings(deadline=None)
@given(TREES, st.sampled_from([None, 1]), st.data())
def test_json_round_trips(tree: Any, indent: int | None, data: st.DataObject) -> None:
    source = json.dumps(tree, indent=indent)
    found = read(source, JSON)
    assert found == flat(tree)
    new = {name: data.draw(SCALARS) for name in found}
    changed = assign(source, new, JSON)
    assert flat(json.loads(changed)) == new
    assert without_literals(changed, JSON) == without_literals(source, JSON)


@settings(deadline=None)
@given(TREES, st.booleans(), st.data())
def test_yaml_round_trips(tree: Any, flow: bool, data: st.DataObject) -> None:
    source = yaml.safe_dump(tree, default_flow_style=flow, width=10**6)
    found = read(source, YAML)
    assert set(found) <= set(flat(tree))
    new = {name: data.draw(OF_KIND[type(one)]) for name, one in found.items()}
    changed = assign(source, new, YAML)
    loaded = flat(yaml.safe_load(changed))
    assert {name: loaded[name] for name in new} == new
    assert without_literals(changed, YAML) == without_literals(source, YAML)


@pytest.mark.parametrize("text", ["\x7f", "\x85", "a\u2028b", "\U0001f600", 'say "hi"', "\\", "\t"])
def test_text_that_a_format_lets_nobody_write_as_it_is(text: str) -> None:
    assert yaml.safe_load(assign('name: "a"\n', {"name": text}, YAML)) == {"name": text}
    assert tomllib.loads(assign('name = "a"\n', {"name": text}, TOML)) == {"name": text}
    assert json.loads(assign('{"name": "a"}', {"name": text}, JSON)) == {"name": text}
