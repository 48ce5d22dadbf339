"""Every wrong airesearch.yaml is refused as a whole: what, where, and what to type instead."""

import time
from typing import Any

import pytest
import yaml
from airesearch.policies.task.schema import SchemaError
from airesearch.policies.task.task import parse_task
from hypothesis import given, settings
from hypothesis import strategies as st
from toys import TASK

GOOD = yaml.safe_dump(TASK, sort_keys=False)
NEXT = f"line {len(GOOD.splitlines()) + 1}"
"""Where a line that is added stands."""


def task(**changes: Any) -> str:
    """The toy's task as text, with `changes`; a key set to None is left out."""
    merged = {**TASK, **changes}
    return yaml.safe_dump({k: v for k, v in merged.items() if v is not None}, sort_keys=False)


def opens(path: str) -> str:
    """A task that opens a place to its agent."""
    return task(team={"a": {"backend": "command", "command": "x", "opens": [path]}})


def objective(**changes: Any) -> str:
    return task(objective={"metric": "val_error", "goal": "minimize", **changes})


def budget(key: str, value: str) -> str:
    return task(budget=None) + f"budget:\n  {key}: {value}\n"


def printed(pattern: Any) -> str:
    """A task scored by what the candidate prints."""
    return task(
        evaluate=None,
        outputs=None,
        objective={"metric": "val_error", "goal": "minimize", "pattern": pattern},
    )


# case: (text, words the message must hold)
WRONG: dict[str, tuple[str, tuple[str, ...]]] = {
    "empty": ("", ("is empty",)),
    "only comments": ("# nothing\n\n", ("is empty",)),
    "two documents": (GOOD + "---\nname: other\n", (NEXT, "another document")),
    "not YAML": ("name: [a\nb: c\n", ("line 2", "not YAML")),
    "tabs": ("name: a\nobjective:\n\tmetric: x\n", ("line 3", "'\\t'")),
    "a control character": ("name: a\x07b\n", ("not YAML",)),
    "a list": ("- name\n- goal\n", ("line 1", "`key: value`")),
    "a word": ("hello\n", ("line 1", "`key: value`")),
    "a key twice": (GOOD + "name: again\n", (NEXT, "name is given twice", "remove")),
    "an inner key twice": (
        task(objective=None) + "objective:\n  metric: a\n  goal: minimize\n  metric: b\n",
        ("metric is given twice", "remove"),
    ),
    "a key that is a list": (GOOD + "? [a, b]\n: c\n", (NEXT,)),
    "a key that is a mapping": (GOOD + "? {a: b}\n: c\n", (NEXT,)),
    "a merge key": ("base: &b {name: a}\n<<: *b\n", ("base",)),
    "unknown key": (GOOD + "editible: [a.py]\n", (NEXT, "'editible'", "'editable'")),
    "unknown key, far from all": (GOOD + "zzz: 1\n", (NEXT, "'zzz'", "editable")),
    "unknown key of objective": (objective(gaol="x"), ("'objective.gaol'", "'goal'")),
    "unknown key of budget": (budget("trails", "3"), ("'budget.trails'", "'trials'")),
    "unknown key of promotion": (task(promotion={"min_efect": 1}), ("'min_effect'",)),
    "unknown key of search": (task(search={"polcy": "tree"}), ("'search.polcy'", "'policy'")),
    "unknown key of a constraint": (
        task(constraints=[{"metric": "val_error", "maxx": 1}]),
        ("'constraints[0].maxx'", "'max'"),
    ),
    "unknown key of an agent": (
        task(team={"a": {"backend": "scripted", "scrpt": "x"}}),
        ("'team.a.scrpt'", "'script'"),
    ),
    "a name that is a list": (task(name=["a"]), ("line 2", "name must be text")),
    "a name that is null": (GOOD.replace("name: toy", "name:"), ("line 1", "name must be text")),
    "objective is text": (task(objective="val_error"), ("objective must be",)),
    "editable is text": (task(editable="train.py"), ("editable must be a list", "[train.py]")),
    "editable holds a mapping": (task(editable=[{"a": "b"}]), ("editable[0] must be text",)),
    "constraints is a mapping": (task(constraints={"metric": "a"}), ("constraints must be",)),
    "team is a list": (task(team=["tuner"]), ("team must be",)),
    "an agent is text": (task(team={"a": "tuner"}), ("team.a must be",)),
    "outputs is a number": (task(outputs=3), ("outputs must be a list",)),
    "target is text": (objective(target="low"), ("objective.target must be a number", "'low'")),
    "pattern is a list": (printed(["a"]), ("objective.pattern must be text",)),
    "trials is a fraction": (budget("trial_memory_mb", "1.5"), ("a whole number", "'1.5'")),
    "trials is true": (budget("output_mb", "yes"), ("a whole number", "'yes'")),
    "hours is text": (budget("hours", "many"), ("budget.hours must be a number", "'many'")),
    "a number in a list": (budget("hours", "[1]"), ("budget.hours must be a number",)),
    "a number of 400 digits": (budget("trial_memory_mb", "1" * 400), ("budget.trial_memory_mb",)),
    "a number of 5000 digits": (budget("hours", "1" * 5000), ("budget.hours",)),
    "min_effect is text": (task(promotion={"min_effect": "x"}), ("promotion.min_effect",)),
    "min_effect below zero": (task(promotion={"min_effect": -1.0}), ("promotion.min_effect",)),
    "a simpler bound below zero": (task(promotion={"simpler": -0.1}), ("promotion.simpler",)),
    "a simpler bound that is no number": (task(promotion={"simpler": float("nan")}), ("simpler",)),
    "few replicates": (task(promotion={"replicates": 11}), ("promotion.replicates", "12 to 200")),
    "no replicates": (task(promotion={"replicates": 0}), ("replicates", "1 to trust single")),
    "many replicates": (task(promotion={"replicates": 201}), ("promotion.replicates", "12 to 200")),
    "half a replicate": (task(promotion={"replicates": 1.5}), ("a whole number", "'1.5'")),
    "a confidence of one": (task(promotion={"confidence": 1.0}), ("confidence", "less than 1")),
    "a confidence in percent": (task(promotion={"confidence": 95.0}), ("as in 0.95",)),
    "a confidence of a coin": (task(promotion={"confidence": 0.49}), ("at least 0.5",)),
    "a confidence that is no number": (task(promotion={"confidence": float("nan")}), ("confide",)),
    "a timing that is text": (objective(timing="often"), ("objective.timing",)),
    "a holdout that is text": (task(holdout="python h.py"), ("holdout must be",)),
    "a holdout without a command": (
        task(holdout={"metric": "a"}),
        ("holdout.evaluate is missing",),
    ),
    "a holdout without a metric": (
        task(holdout={"evaluate": "python h.py"}),
        ("holdout.metric is missing",),
    ),
    "a blank holdout": (
        task(holdout={"evaluate": " ", "metric": "a"}),
        ("holdout.evaluate is empty",),
    ),
    "a holdout of the runner's": (
        task(holdout={"evaluate": "python h.py", "metric": "partial.x"}),
        ("'partial.x'",),
    ),
    "a holdout nobody looks at": (
        task(holdout={"evaluate": "python h.py", "metric": "a", "looks": 0}),
        ("holdout.looks",),
    ),
    "a holdout that is an output": (
        task(holdout={"evaluate": "python out.txt", "metric": "a"}),
        ("out.txt", "protected"),
    ),
    "no name": (task(name=None), ("name is missing", "`name: …`")),
    "no objective": (task(objective=None), ("objective is missing", "`objective: …`")),
    "no candidate": (task(candidate=None), ("candidate is missing", "`candidate: …`")),
    "no editable": (task(editable=None), ("editable is missing", "`editable: …`")),
    "no metric": (task(objective={"goal": "minimize"}), ("objective.metric is missing",)),
    "no goal": (task(objective={"metric": "a"}), ("objective.goal is missing",)),
    "a bad goal": (objective(goal="minimise"), ("'minimise'", "minimize, maximize")),
    "a goal that is a list": (objective(goal=["minimize"]), ("objective.goal",)),
    "a metric with spaces": (
        task(objective={"metric": "val error", "goal": "minimize"}),
        ("'val error'", "letters"),
    ),
    "the runner's name for a metric": (
        task(objective={"metric": "partial.x", "goal": "minimize"}),
        ("'partial.x'",),
    ),
    "a bad pattern": (printed("loss: ([0-9"), ("objective.pattern", "regular expression", "group")),
    "a pattern without a group": (printed("loss"), ("objective.pattern has no group", "write one")),
    "a pattern with a huge count": (printed("(a){99999999999}"), ("objective.pattern",)),
    "a pattern too deep": (printed("(" * 9000 + ")" * 9000), ("objective.pattern",)),
    "nobody makes the metric": (
        task(evaluate=None, outputs=None),
        ("val_error", "evaluate:", "objective.pattern"),
    ),
    "nobody makes a bounded metric": (
        printed("e: ([0-9.]+)") + "constraints: [{metric: acc, min: 1}]\n",
        ("'acc'",),
    ),
    "no bound": (task(constraints=[{"metric": "val_error"}]), ("no bound", "max or min")),
    "bounds the wrong way round": (
        task(constraints=[{"metric": "val_error", "min": 2.0, "max": 1.0}]),
        ("constraints", "val_error"),
    ),
    "evaluate and pattern": (objective(pattern="([0-9]+)"), ("pattern", "evaluate", "keep one")),
    "a protected output": (task(outputs=["evaluate.py"]), ("evaluate.py", "protected", "remove")),
    "an output in a protected folder": (
        task(outputs=["private/out.txt"]),
        ("private/out.txt", "protected"),
    ),
    "an output that holds a protected path": (
        task(outputs=["data"], protected=["data/answers.txt"]),
        ("'data'", "protected"),
    ),
    "a protected output, spelled otherwise": (task(outputs=["./evaluate.py"]), ("evaluate.py",)),
    "a protected output, with a slash": (task(outputs=["private/"]), ("private", "protected")),
    "an output that is all": (task(outputs=["."]), ("outputs",)),
    "an empty output": (task(outputs=[""]), ("outputs",)),
    "an output outside": (task(outputs=["../x"]), ("'../x'", "leads out", "inside")),
    "a protected path outside": (task(protected=["/etc"]), ("'/etc'", "leads out")),
    "no pattern in editable": (task(editable=[]), ("editable is empty", "[train.py]")),
    "a blank command": (task(candidate=" "), ("candidate is empty", "python candidate.py")),
    "a blank evaluator": (task(evaluate=" "), ("evaluate is empty",)),
    "an open quote": (task(evaluate="python 'a.py"), ("line 6", "evaluate", "close the quote")),
    "a NUL in a command": (task(candidate="a\0b"), ("candidate", "control character")),
    "half a character": (GOOD.replace("toy", '"\\ud800"'), ("line 1", "name", "character")),
    "an escape of no character": (GOOD.replace("toy", '"\\UFFFFFFFF"'), ("not YAML",)),
    "a pattern of nothing": (task(editable=["a", "!"]), ("editable", "'!'", "gitignore")),
    "an empty evaluator": (task(evaluate=""), ("evaluate is empty",)),
    "all of a home open": (opens("~/"), ("all there is", "of its own")),
    "all of the machine open": (opens("/"), ("all there is",)),
    "all of it, spelled at length": (opens("/./"), ("all there is",)),
    "what is open beside the lab": (opens("cache"), ("neither / nor ~/",)),
    "what is open in another's home": (opens("~root/x"), ("neither / nor ~/",)),
    "open by dots": (opens("~/a/../.ssh"), ("neither / nor ~/",)),
    "programs of the user open": (opens("~/.local/bin"), ("what you run yourself",)),
    "what holds them open": (opens("~/.local"), ("what you run yourself",)),
    "git's settings open": (opens("~/.CONFIG/git/config"), ("what you run yourself",)),
    "the shell's start open": (opens("~/.bashrc/"), ("what you run yourself",)),
    "keys open": (opens("~/.ssh/keys"), ("what you run yourself",)),
    "no agents": (task(team={}), ("team is empty", "tuner")),
    "an agent in capitals": (task(team={"Bob": {"backend": "scripted"}}), ("'Bob'", "lower-case")),
    "an agent with a space": (task(team={"a b": {"backend": "scripted"}}), ("'a b'", "letters")),
    "an agent without a name": (task(team={"": {"backend": "scripted"}}), ("''", "letters")),
    "a very long agent": (task(team={"a" * 99: {"backend": "scripted"}}), ("letters",)),
    "an agent named judge": (task(team={"judge": {"backend": "scripted"}}), ("'judge'", "none of")),
}
for value in (".nan", ".inf", "-.inf", "-1", "0", "1e400"):
    for key in ("hours", "trials", "trial_seconds", "trial_memory_mb", "output_mb"):
        shown = task(budget=None) + f"budget:\n  {key}: {value}\n"
        WRONG[f"{key} is {value}"] = (shown, (f"budget.{key}",))


def refusal(text: str) -> str:
    with pytest.raises(SchemaError) as refused:
        parse_task(text)
    return str(refused.value)


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_task_is_refused(case: str) -> None:
    text, words = WRONG[case]
    said = refusal(text)
    assert said.startswith("airesearch.yaml"), said
    for word in words:
        assert word in said, said
    assert len(said) < 1000, "a message is to be read"


@pytest.mark.parametrize("case", ["a protected output", "no bound", "hours is 0", "a bad pattern"])
def test_the_line_is_named_where_the_value_stands(case: str) -> None:
    assert ", line " in refusal(WRONG[case][0])


def test_every_message_says_what_to_type() -> None:
    cases = ("empty", "only comments", "not YAML", "tabs", "two documents")
    silent = [case for case in cases if "\n  " not in refusal(WRONG[case][0])]
    assert silent == []


def test_the_good_task_is_good() -> None:
    assert parse_task(GOOD).editable == ("train.py", "lib/")
    assert parse_task("\ufeff" + GOOD) == parse_task(GOOD), "a byte-order mark is no text"
    assert parse_task(GOOD.replace("\n", "\r\n")) == parse_task(GOOD)
    assert parse_task(GOOD.encode()) == parse_task(GOOD)


def test_quoted_and_dotted_paths_of_the_evaluator_are_protected() -> None:
    text = task(evaluate="python './my score.py'", protected=["data/", "./lib//a.txt"])
    assert {"my score.py", "data", "lib/a.txt"} <= set(parse_task(text).protected_paths)


def test_billions_of_laughs_are_not_laughed() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    start = time.monotonic()
    assert "unknown key 'a0'" in refusal("\n".join(lines))
    bomb = "\n".join(line.replace("a0: &a0", "name: &a0") for line in lines)
    assert "name must be text" in refusal(bomb)
    inside = GOOD.replace("- train.py", "- &a0 [x]\n- [*a0, *a0]")
    assert "editable[0]" in refusal(inside)
    assert time.monotonic() - start < 20


def test_an_anchor_that_holds_itself_is_refused() -> None:
    assert "objective" in refusal(task(objective=None) + "objective: &o {metric: *o}\n")
    assert "editable" in refusal(task(editable=None) + "editable: &e [*e]\n")


def test_deep_nesting_is_refused_as_input() -> None:
    assert refusal("name: " + "[" * 20_000).startswith("airesearch.yaml")
    assert refusal("{a: " * 20_000).startswith("airesearch.yaml")


def test_five_megabytes_are_refused() -> None:
    start = time.monotonic()
    said = refusal(GOOD + "# padding\n" * 500_000 + "zzz: 1\n")
    assert said.startswith("airesearch.yaml")
    assert time.monotonic() - start < 20, "a file this large is refused before it is read"


KEYS = st.sampled_from(
    [*TASK, "metric", "goal", "pattern", "trials", "hours", "backend", "script", "policy", "zzz"]
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.dates()
VALUES = st.recursive(
    SCALARS | st.sampled_from(["minimize", "python train.py", "'", "(", "train.py", "tree"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(KEYS, VALUES, max_size=6))
def test_only_schema_errors_leave_a_random_task(changes: dict[str, Any]) -> None:
    _parse(yaml.safe_dump({**TASK, **changes}, allow_unicode=True))


@settings(max_examples=200, deadline=None)
@given(
    st.text(
        alphabet=st.sampled_from("ab:-[]{}&*!|>'\"%@`#?,. \n\t\r<=~_0179\ufeff\x85é٣"), max_size=60
    )
)
def test_only_schema_errors_leave_random_text(text: str) -> None:
    _parse(text)
    _parse(f"{GOOD}{text}\n")
    _parse(f"{GOOD}constraints: {text}\n")


@settings(max_examples=100, deadline=None)
@given(st.integers(0, len(GOOD)), st.text(max_size=3))
def test_only_schema_errors_leave_a_damaged_task(at: int, noise: str) -> None:
    _parse(GOOD[:at] + noise + GOOD[at + len(noise) :])


def _parse(text: str) -> None:
    said = "airesearch.yaml"
    try:
        parse_task(text)
    except SchemaError as error:
        said = str(error)
    assert said.startswith("airesearch.yaml")
