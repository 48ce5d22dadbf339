"""docs/task.md and docs/team.md are the reference: every key once, in the file where it stands."""

import re
from collections.abc import Iterator
from dataclasses import MISSING, asdict, fields, is_dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest
import yaml
from airesearch.agents.trunk.cost import judging
from airesearch.policies.task.measurement import measurement
from airesearch.policies.task.schema import load_document
from airesearch.policies.task.task import FILE, Task, is_teams, parse_task
from airesearch.policies.task.team import Team

DOCS = Path(__file__).parents[2] / "docs"
KINDS: dict[str, type] = {"task": Task, "team": Team}
PAGES = {name: (DOCS / f"{name}.md").read_text() for name in KINDS}
WORDS = {str: "text", int: "whole number", float: "number", bool: "true or false"}


def examples(name: str) -> list[str]:
    return re.findall(r"^```yaml\n(.*?)^```$", PAGES[name], re.DOTALL | re.MULTILINE)


def rows(name: str) -> dict[str, tuple[str, str]]:
    """The type and the default the page gives for each key."""
    row = r"^\| `([\w.\[\]]+)` \| (.+?) \| (.+?) \| .+ \|$"
    found = [(key, (kind, default)) for key, kind, default in re.findall(row, PAGES[name], re.M)]
    assert len(dict(found)) == len(found)
    return dict(found)


def known(name: str) -> dict[str, tuple[Any, Any]]:
    """Each key of a file with its type and default; of a task's, what it shares with a team."""
    every = {key: (hint, default) for key, hint, default in keys(KINDS[name])}
    return {key: of for key, of in every.items() if name == "team" or not is_teams(key)}


def keys(kind: type, lead: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Each key below a dataclass, with its type and its default; MISSING where there is none."""
    hints = get_type_hints(kind)
    for field in fields(kind):
        hint, made = hints[field.name], field.default_factory
        name = f"{lead}{field.name}"
        yield name, hint, field.default if made is MISSING else made()
        inner = [part for part in (hint, *get_args(hint)) if is_dataclass(part)]
        below = {tuple: "[].", dict: ".NAME."}.get(get_origin(hint), ".")
        for part in inner:
            assert isinstance(part, type)
            yield from keys(part, f"{name}{below}")


def worded(hint: Any) -> str:
    """A type as the page says it; of keys that hold keys, what the link to them says."""
    if get_origin(hint) is UnionType:
        (hint,) = {*get_args(hint)} - {NoneType}
    if get_origin(hint) is Literal:
        return " or ".join(f"`{choice}`" for choice in get_args(hint))
    if get_origin(hint) is tuple:
        return f"list of {worded(get_args(hint)[0])}"
    if get_origin(hint) is dict:
        return "agents by name" if is_dataclass(get_args(hint)[1]) else "text by knob"
    return "keys" if is_dataclass(hint) else WORDS[hint]


@pytest.mark.parametrize("page", KINDS)
def test_every_key_has_a_row_with_its_type_and_default(page: str) -> None:
    there = rows(page)
    assert there.keys() == known(page).keys()
    for name, (hint, default) in known(page).items():
        kind, shown = there[name]
        assert re.sub(r"\[(.+)\]\(#\w+\)", r"\1", kind) == worded(hint), name
        if default is MISSING or default is None or is_dataclass(default):
            expected = {MISSING: "required", None: "–"}.get(default, "below")
            assert shown == expected, name
        else:
            assert yaml.safe_load(shown.strip("`")) == plain(default), name


def test_the_pages_share_the_keys_of_a_lab_with_one_file() -> None:
    task, team = known("task").keys(), known("team").keys()
    assert task & team == {"budget"}
    assert task | team == {name for name, _, _ in keys(Task)}


def plain(default: Any) -> Any:
    """A default as YAML would give it."""
    if isinstance(default, dict):
        members = {name: asdict(member) for name, member in default.items()}
        return {n: {k: v for k, v in m.items() if v} for n, m in members.items()}
    return list(default) if isinstance(default, tuple) else default


def test_the_examples_name_every_key() -> None:
    tasks, (team,) = examples("task"), examples("team")
    assert len(tasks) == 2
    assert all(parse_task(text, team).is_split for text in tasks)
    for page, kind in KINDS.items():
        named = set()
        for text in examples(page):
            lines = load_document(kind, text, FILE).lines
            plain = (re.sub(r"\[\d+\]", "[]", key) for key in lines)
            named |= {re.sub(r"^team\.\w+", "team.NAME", key) for key in plain}
        assert known(page).keys() <= named


OTHERWISE: dict[str, Any] = {
    "name": "b",
    "objective.metric": "other",
    "objective.goal": "maximize",
    "objective.target": 0.5,
    "objective.digits": 5,
    "objective.timing": True,
    "candidate": "python other.py",
    "evaluate": "python other.py",
    "outputs": ["other"],
    "protected": ["other"],
    "inert": ["/other"],
    "constraints[].metric": "other",
    "constraints[].max": 31,
    "constraints[].min": 1,
    "sandbox": "bwrap",
    "data": ["/other"],
    "devices": ["/dev/other"],
    "budget.trial_seconds": 61,
    "budget.trial_memory_mb": 2049,
    "budget.output_mb": 17,
    "resources.cpus": 3,
    "resources.gpus": ["2"],
    "promotion.confidence": 0.9,
    "promotion.min_effect": 0.1,
    "promotion.replicates": 20,
    "promotion.simpler": 0.1,
    "holdout.evaluate": "python other.py",
    "holdout.metric": "other",
    "holdout.looks": 9,
}
"""Another value of each key than the example has."""


def changed(text: str, key: str, value: Any) -> str:
    task = yaml.safe_load(text)
    *lead, last = re.sub(r"\[\]", ".0", key).split(".")
    place = task
    for name in lead:
        place = place[int(name) if name == "0" else name]
    place[last] = value
    if value is None:
        del place[last]
    return yaml.safe_dump(task)


def costs(text: str, key: str, value: Any) -> str:
    """What the code takes for a change of a key; whether paths move in and out of trials aside."""
    (team,) = examples("team")
    before, after = (parse_task(t, team) for t in (text, changed(text, key, value)))
    if measurement(before) != measurement(after):
        return "a new base"
    return "nothing" if judging(before) == judging(after) else "judged anew"


def test_what_a_change_costs_is_what_the_table_says() -> None:
    whole, printed = examples("task")
    section = PAGES["task"].partition("## What a change costs")[2].partition("And a commit")[0]
    table = dict(re.findall(r"^\| `(\S+)` \| (.+) \|$", section, re.M))
    leads = {re.sub(r"(\[\])?\.\w+$", "", key) for key in known("task") if "." in key}
    assert table.keys() == known("task").keys() - leads
    assert len(OTHERWISE) == len(table) - 2
    for key, value in OTHERWISE.items():
        said = table[key]
        assert said.startswith(costs(whole, key, value)), key
    assert table["editable"].startswith(costs(printed, "editable", ["other.py"]))
    assert table["objective.pattern"] == costs(printed, "objective.pattern", "x: (.)")
    timed = changed(whole, "objective.timing", True)
    assert costs(timed, "resources.cpus", 3) == costs(timed, "resources.gpus", ["2"])
    assert "timing: a new base" in table["resources.cpus"] == table["resources.gpus"]
    assert costs(timed, "resources.cpus", 3) == "a new base"
    counted = changed(whole, "constraints[].metric", "code_lines")
    bare = changed(printed, "inert", [])
    assert costs(bare, "editable", ["other.py"]) == "nothing"
    assert costs(changed(counted, "inert", []), "editable", ["other.py"]) == "a new base"
    assert costs(whole, "promotion.simpler", None) == "a new base"
    assert costs(counted, "promotion.simpler", 0.9) == "judged anew"
    assert costs(whole, "constraints[].metric", "val_error") == "a new base", "one less is measured"


def test_no_change_of_a_team_is_measured_or_judges() -> None:
    whole, _ = examples("task")
    one, other = parse_task(whole, examples("team")[0]), parse_task(whole, "")
    assert (measurement(one), judging(one)) == (measurement(other), judging(other))
