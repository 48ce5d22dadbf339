"""The record: one frozen value for each kind of action commit, and its text.

A message is `agent: subject`, an optional body, and git trailers as its last paragraph. The fields
below a class's `action` are its trailers, in order: `peak_memory` is `Peak-Memory`, a tuple is one
line for each item, None is no line. `parse(str(record)) == record` and `str(parse(text)) == text`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, fields
from enum import StrEnum
from functools import cache, cached_property
from types import UnionType
from typing import Any, ClassVar, Union, get_args, get_origin, get_type_hints

from ..errors import RecordError
from .facts import (
    Diff,
    Dollars,
    Improvement,
    Metric,
    Noise,
    Operator,
    Plan,
    Purpose,
    Signed,
    Status,
    Trial,
    Verdict,
    whole,
)
from .text import one_line, prose
from .unicode import undirected

_SUBJECT_LIMIT = 72
_SPELLED = {"usd": "USD"}


class Action(StrEnum):
    """What a commit did."""

    PROPOSE = "propose"
    MEASURE = "measure"
    JUDGE = "judge"
    PROMOTE = "promote"


@dataclass(frozen=True, kw_only=True)
class Record:
    """What every action commit says: who acted on which node, in a line and in prose."""

    action: ClassVar[Action]
    agent: str
    subject: str
    body: str = ""
    node: int

    def __post_init__(self) -> None:
        if self.node < 0:
            raise RecordError(f"node {self.node} is no node's number")
        for name, value in vars(self).items():
            if type(value) is str and name != "body":
                object.__setattr__(self, name, one_line(value))
        room = _SUBJECT_LIMIT - len(self.agent) - 2
        object.__setattr__(self, "subject", one_line(self.subject, room))
        object.__setattr__(self, "body", prose(self.body))

    def __str__(self) -> str:
        return self._text

    @cached_property
    def _text(self) -> str:
        # Asked for twice of each record that is read: to check it, and to have it in the index.
        head = f"{self.agent}: {self.subject}"
        block = "\n".join(f"{key}: {value}" for key, value in self.trailers())
        return "\n\n".join(part for part in (head, self.body, block) if part) + "\n"

    def trailers(self) -> Iterator[tuple[str, str]]:
        """The facts as (key, one line of text), in the order they are written."""
        yield "Action", self.action
        yield "Agent", self.agent
        for name, key, many, _ in _schema(self.action):
            value = getattr(self, name)
            for item in value if many else () if value is None else (value,):
                if text := one_line(str(item)):
                    yield key, text


@dataclass(frozen=True, kw_only=True)
class Propose(Record):
    """A candidate was committed on a new node's branch."""

    action = Action.PROPOSE
    parent_node: tuple[int, ...] = ()
    operator: Operator
    diff: Diff
    diff_path: tuple[str, ...] = ()
    candidate: str
    program: str | None = None
    protocol: str
    model: str | None = None
    tokens_in: int | None = None
    tokens_cached: int | None = None
    tokens_out: int | None = None
    cost_usd: Dollars | None = None
    transcript: str | None = None
    rules: str | None = None
    """The commit of people on the trunk whose team, policies and bounds were in force."""


@dataclass(frozen=True, kw_only=True)
class Measure(Record):
    """A trial ended. `duration` in seconds; `peak_memory` and `output_bytes` in bytes."""

    action = Action.MEASURE
    parent_node: tuple[int, ...] = ()
    trial: Trial
    purpose: Purpose | None = None
    """None in labs without a `team.yaml`."""
    candidate: str
    protocol: str
    status: Status
    metric: tuple[Metric, ...] = ()
    reason: str | None = None
    seed: int
    duration: float
    peak_memory: int
    output_bytes: int
    executor: str
    sandbox: str
    evaluator: str
    environment: str


@dataclass(frozen=True, kw_only=True)
class Judge(Record):
    """A node's trials were weighed against the incumbent, None where there was none."""

    action = Action.JUDGE
    parent_node: tuple[int, ...] = ()
    verdict: Verdict
    metric: tuple[Metric, ...] = ()
    incumbent: int | None = None
    delta: Signed | None = None
    evidence: str
    noise: Noise | None = None
    error_spent: float | None = None
    plan: Plan | None = None
    reason: str
    rules: str | None = None


@dataclass(frozen=True, kw_only=True)
class Promote(Record):
    """Trunk took a node's tree; `evidence` is what its metrics rest on."""

    action = Action.PROMOTE
    parent_node: tuple[int, ...] = ()
    metric: tuple[Metric, ...] = ()
    evidence: str | None = None
    holdout: Metric | None = None
    baseline: Metric | None = None
    improvement: Improvement | None = None
    rules: str | None = None


_BY_ACTION: dict[str, type[Record]] = {
    "propose": Propose,
    "measure": Measure,
    "judge": Judge,
    "promote": Promote,
}


def quoted(body: str) -> str:
    """The words of somebody else as a body in which no line reads as a trailer of ours.

    Such a line gets a space before it, so that `git log --grep '^Verdict: keep'` finds verdicts.
    A body that has such lines is a record's all the same: those made before may.
    """
    return _trailer_lines().sub(" ", prose(undirected(body)))


@cache
def _trailer_lines() -> re.Pattern[str]:
    ours = {key for action in Action for _, key, _, _ in _schema(action)}
    keys = "|".join(sorted({"Action", "Agent", "Refused", *ours}))
    return re.compile(rf"^(?=(?:{keys})\s*:)", re.MULTILINE | re.IGNORECASE)


def parse(message: str) -> Record | None:
    """The record a commit message holds, or None for a commit that is no action's.

    Raises RecordError where the message claims an action and does not keep the form to the letter.
    """
    record = parse_checked(message)
    if record is not None and str(record) != message:
        raise RecordError("not a record: it does not read back to the same text")
    return record


def parse_checked(message: str) -> Record | None:
    """The same of a message that `parse` took before: its form is not checked again."""
    head, _, rest = message.rstrip("\n").partition("\n\n")
    body, _, block = rest.rpartition("\n\n")
    facts = _facts(block)
    if "Action" not in facts:
        return None
    try:
        record = _build(head, body, facts)
    except (ValueError, KeyError, TypeError) as error:
        raise RecordError(f"not a record: {error!r}") from error
    return record


def _facts(block: str) -> dict[str, list[str]]:
    facts: dict[str, list[str]] = {}
    for line in block.split("\n"):
        key, colon, value = line.partition(": ")
        if colon:
            facts.setdefault(key, []).append(value)
    return facts


def _build(head: str, body: str, facts: dict[str, list[str]]) -> Record:
    kind = _BY_ACTION[facts["Action"][0]]
    agent = facts["Agent"][0]
    values: dict[str, Any] = {}
    for name, key, many, read in _schema(kind.action):
        texts = facts.get(key, ())
        if many:
            values[name] = tuple(map(read, texts))
        elif texts:
            values[name] = read(texts[0])
    return kind(agent=agent, subject=head.removeprefix(f"{agent}: "), body=body, **values)


@cache
def _schema(action: Action) -> tuple[tuple[str, str, bool, Any], ...]:
    """(field, key, one line for each item?, text → value) for each field that is a trailer."""
    kind = _BY_ACTION[action]
    hints = get_type_hints(kind)
    names = [f.name for f in fields(kind) if f.name not in ("agent", "subject", "body")]
    return tuple(
        (name, _key(name), get_origin(hints[name]) is tuple, _reader(hints[name])) for name in names
    )


def _key(name: str) -> str:
    return "-".join(_SPELLED.get(word, word.capitalize()) for word in name.split("_"))


def _reader(hint: Any) -> Any:
    if get_origin(hint) in (tuple, Union, UnionType):
        hint = get_args(hint)[0]
    return whole if hint is int else getattr(hint, "parse", hint)
