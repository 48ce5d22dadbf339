"""An old airesearch.yaml as two files: each line moved with its comments, and nothing said anew."""

from typing import Any

import pytest
import yaml
from airesearch.policies.task.schema import SchemaError
from airesearch.policies.task.split import split
from airesearch.policies.task.task import Task, parse_task
from hypothesis import given, settings
from hypothesis import strategies as st

RICH = """\
---
# A lab of Ada's.

name: a  # its name
objective: {metric: m, goal: minimize}
candidate: python c.py  # under research
evaluate: python e.py

# Who proposes,
# in turn.
team:
  # offline
  tuner: {backend: tuner}
  # later: coder
# What may be used.
budget:  # all of it
  # trials in all
  trials: 200  # failed too
  # of one trial
  trial_seconds: 60
  hours: 8.5

# How the next is chosen.
search:
  policy: greedy
# What agents may change.
editable:
- c.py
# - d.py

# The end.
"""
RICH_TASK = """\
---
# A lab of Ada's.

name: a  # its name
objective: {metric: m, goal: minimize}
candidate: python c.py  # under research
evaluate: python e.py

# What may be used.
budget:  # all of it
  # of one trial
  trial_seconds: 60
# What agents may change.
editable:
- c.py
# - d.py

# The end.
"""
RICH_TEAM = """\
# Who proposes,
# in turn.
team:
  # offline
  tuner: {backend: tuner}
  # later: coder
# What may be used.
budget:  # all of it
  # trials in all
  trials: 200  # failed too
  hours: 8.5

# How the next is chosen.
search:
  policy: greedy
"""


def halves(text: str) -> tuple[str, str, str]:
    """Both texts, that of the team without its head, and what is anew."""
    made = split(text.encode())
    assert alike(parse_task(text), parse_task(made.task, made.team))
    head, _, team = made.team.decode().replace("\r\n", "\n").partition("\n\n")
    assert head.startswith("# Who works")
    return made.task.decode(), team, made.anew


def alike(one: Task, other: Task) -> bool:
    return vars(one) == vars(other) and list(one.team) == list(other.team)


def test_lines_move_with_their_comments() -> None:
    assert halves(RICH) == (RICH_TASK, RICH_TEAM, "")


def test_line_endings_and_a_mark_stay() -> None:
    task, team, anew = halves("\ufeff" + RICH.replace("---\n", "").replace("\n", "\r\n"))
    assert task == "\ufeff" + RICH_TASK.replace("---\n", "").replace("\n", "\r\n")
    assert (team, anew) == (RICH_TEAM, "")


def test_a_budget_in_braces_is_written_anew_and_keeps_its_comments() -> None:
    start, end = RICH.index("budget:"), RICH.index("\n# How")
    braces = "budget: {trials: 200,  # in all\n  trial_seconds: 0.25, hours: 1}  # of all\n"
    task, team, anew = halves(RICH[:start] + braces + RICH[end:])
    comments = "# What may be used.\n# in all\n# of all\n"
    assert f"{comments}budget: {{trial_seconds: 0.25}}\n" in task
    assert f"{comments}budget: {{trials: 200, hours: 1}}\n" in team
    assert anew == "budget"


@pytest.mark.parametrize("budget", [{"trials": 3}, {"trial_seconds": 3.0}, {}])
@pytest.mark.parametrize("is_flow", [True, False])
def test_a_budget_of_one_side_stays_whole(budget: dict[str, Any], is_flow: bool) -> None:
    start, end = RICH.index("# What may"), RICH.index("# How")
    lines = f"# both\n{yaml.safe_dump({'budget': budget}, default_flow_style=is_flow)}"
    lines = lines.replace("{budget:", "budget:").replace("}}", "}") if is_flow else lines
    task, team, anew = halves(RICH[:start] + lines + RICH[end:])
    assert anew == ""
    assert ((lines in task), (lines in team)) == ("trials" not in budget, "trials" in budget)


UNMOVABLE = {
    "JSON": '{"name": "é", "objective": {"metric": "m", "goal": "minimize"}, "candidate": "c",\n'
    '"evaluate": "e x.py", "editable": ["c.py"], "constraints": [{"metric": "m", "max": 0.1}],\n'
    '"budget": {"trials": 3, "output_mb": 5}, "promotion": {"min_effect": 1e-5},\n'
    '"knobs": {"c.py:LR": "range: 1..2"},\n'
    '"team": {"b": {"backend": "tuner"}, "a": {"backend": "tuner"}}}\n',
    "an alias across": "name: a\nobjective: {metric: m, goal: minimize}\n"
    "candidate: &c python c.py\nevaluate: python e.py\neditable: [c.py]\n"
    "team: {b: {backend: command, command: *c}}\n",
    "a key with a mark": "name: a\nobjective: {metric: m, goal: minimize}\n"
    "candidate: python c.py\nevaluate: python e.py\neditable: [c.py]\n"
    "? budget\n:\n  trials: 3\n  output_mb: 5\n",
}


@pytest.mark.parametrize("case", UNMOVABLE)
def test_what_cannot_be_moved_by_lines_is_written_anew(case: str) -> None:
    task, team, anew = halves(UNMOVABLE[case])
    assert "both files" in anew or case == "a key with a mark"
    assert "team:" not in task
    assert "trials" not in task
    assert "candidate" not in team


def test_a_task_that_says_nothing_of_a_team_gets_the_default() -> None:
    _, team, _ = halves(UNMOVABLE["an alias across"].partition("team:")[0])
    assert team == "team: {tuner: {backend: tuner}}\n"


def test_what_two_files_cannot_say_is_refused() -> None:
    outputs = UNMOVABLE["an alias across"] + "outputs: [prompts/x.txt]\n"
    with pytest.raises(
        SchemaError, match=r"cannot be split: .*'prompts/x\.txt' is an output.*\n +remove"
    ):
        split(outputs.encode())
    with pytest.raises(SchemaError, match="name is missing"):
        split(b"team: {a: {backend: tuner}}\n")


BLOCKS = [
    "name: a\n",
    "objective:\n  metric: m\n  # which way\n  goal: minimize\n",
    "candidate: >\n  python\n  c.py\n",
    "evaluate: python e.py # said\n",
    "editable: [\n  c.py,\n# all\n  d.py]\n",
    "budget:\n    # one\n    trial_seconds: 3\n\n    trials: 9\n    # in all\n    hours: 2\n",
    "budget: {trials: 9, output_mb: 2}\n",
    "search: {policy: greedy}\n",
    "team:\n  b: {backend: tuner}\n\n  a:\n    backend: command\n    command: |\n      x # y\n",
    "protected: ['data # x', d]\n",
    "knobs:\n  # slow\n  'c.py:LR': 'range: 1..2'  # why\n  c.py:N: fixed\n",
]
BETWEEN = st.sampled_from(["", "\n", "# a comment\n", "# one\n\n# other\n", "\n# more\n"])


@settings(max_examples=150, deadline=None)
@given(st.permutations(BLOCKS), st.lists(BETWEEN, min_size=12, max_size=12), st.booleans())
def test_any_order_of_blocks_splits_without_a_comment_lost(
    blocks: list[str], between: list[str], is_flow: bool
) -> None:
    kept = [b for b in blocks if not b.startswith("budget") or ("{" in b) == is_flow]
    text = "".join(a + b for a, b in zip(between, [*kept, ""], strict=False))
    task, team, anew = halves(text)
    assert anew == ("budget" if is_flow else "")
    both = [*task.splitlines(), *team.splitlines()]
    for line in text.splitlines():
        assert line in both or line.startswith("budget: {"), line
