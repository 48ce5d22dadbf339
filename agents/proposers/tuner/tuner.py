"""The embedded proposer: turns the knobs of the code under research. No key, no network."""

import io
import tokenize
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import ClassVar

from ....gitlab.desk.desk import Desk
from ....gitlab.errors import AiresearchError
from ..base import Brief, Past, Proposal
from .knobs import Knob, assign, find, read, without_literals
from .knobs.domains import Value, same
from .sampler import Scored, suggest
from .wording import body, split_name, subject

_BEST_KEPT, _LAST_KEPT = 100, 200
_NOT_THE_CODE = {"denied", "duplicate", "cancelled", "lost", "evaluator"}


@dataclass(frozen=True)
class _Version:
    """One content of a file: its literals by name, and all that is not a literal."""

    values: Mapping[str, Value]
    without_literals: str


class Tuner:
    """Proposes values for the literals that are knobs, in every Python file it may edit."""

    repairs: ClassVar[bool] = False

    def __init__(self) -> None:
        self._versions: dict[bytes, _Version | None] = {}

    def propose(self, desk: Desk, brief: Brief) -> Proposal:
        """Stage new values on the desk. Raises AiresearchError if there is nothing to turn."""
        now = self._on_desk(desk)
        current = _merged(now)
        knobs = _knobs(desk, brief.base, now, current)
        past = self._scored(brief.past, now)
        values = suggest(knobs, past, brief.goal, brief.seed)
        changed = {name: new for name, new in values.items() if not same(current[name], new)}
        _write(desk, changed)
        return Proposal(subject(current, changed), body(knobs, current, changed, past, brief))

    def _on_desk(self, desk: Desk) -> dict[str, _Version]:
        paths = [path for path in desk.list() if path.endswith(".py") and desk.writable(path)]
        versions = {path: self._version(desk.read(path)) for path in paths}
        return {path: version for path, version in versions.items() if version is not None}

    def _version(self, data: bytes | None) -> _Version | None:
        """What a content holds; None where it is no Python. Parsed once for each content."""
        if data is None:
            return None
        key = sha256(data).digest()
        if key not in self._versions:
            self._versions[key] = _parsed(data)
        return self._versions[key]

    def _scored(self, past: Sequence[Past], now: Mapping[str, _Version]) -> list[Scored]:
        scored = []
        for one in _kept(past):
            there = {path: self._version(one.files(path)) for path in now}
            known = {path: version for path, version in there.items() if version is not None}
            if one.score is not None or _same_code(known, now):
                scored.append(Scored(_merged(known), one.score))
        return scored


def _kept(past: Sequence[Past]) -> list[Past]:
    """Those that say something of the code: all, or the best and the latest of a long history.

    Which goal is meant does not matter here: both ends of the scores are kept.
    """
    telling = [one for one in past if one.status not in _NOT_THE_CODE]
    if len(telling) <= _BEST_KEPT + _LAST_KEPT:
        return telling
    ranked = sorted((one for one in telling if one.score is not None), key=_score)
    half = _BEST_KEPT // 2
    kept = {one.node: one for one in [*ranked[:half], *ranked[-half:], *telling[-_LAST_KEPT:]]}
    return [kept[node] for node in sorted(kept)]


def _score(one: Past) -> float:
    return one.score if one.score is not None else 0.0


def _same_code(one: Mapping[str, _Version], other: Mapping[str, _Version]) -> bool:
    """A failure is blamed on values only where nothing but values differs from the parent."""
    return {path: it.without_literals for path, it in one.items()} == {
        path: it.without_literals for path, it in other.items()
    }


def _knobs(
    desk: Desk, base: Past, now: Mapping[str, _Version], current: Mapping[str, Value]
) -> tuple[Knob, ...]:
    """With the base's ranges, so that they do not drift; new names have those of the parent."""
    found: dict[str, Knob] = {}
    for path in now:
        for knob in (*_base_knobs(path, base.files(path)), *_new_knobs(path, desk.read(path))):
            found.setdefault(knob.name, knob)
    usable = [one for one in found.values() if one.name in current]
    knobs = tuple(one for one in usable if one.domain.knows(current[one.name]))
    if not knobs:
        raise AiresearchError(
            "the tuner found no knob in the Python files it may edit",
            "mark one where the code sets it: LEARNING_RATE = 0.1  # range: 1e-4..1 log",
        )
    return knobs


def _base_knobs(path: str, data: bytes | None) -> list[Knob]:
    if data is None or _parsed(data) is None:
        return []
    try:
        return _found(path, data)
    except ValueError as error:
        raise AiresearchError(f"{path}, {error}", "correct the comment and commit it") from error


def _new_knobs(path: str, data: bytes) -> list[Knob]:
    try:
        return _found(path, data)
    except ValueError:  # a child's bad comment must not end the run: the base's ranges hold
        return []


def _found(path: str, data: bytes) -> list[Knob]:
    decoded = _decoded(data)
    knobs = find(decoded[0]) if decoded else ()
    return [Knob(f"{path}:{knob.name}", knob.value, knob.domain) for knob in knobs]


def _decoded(data: bytes) -> tuple[str, str] | None:
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        return data.decode(encoding), encoding
    except (SyntaxError, UnicodeDecodeError):
        return None


def _parsed(data: bytes) -> _Version | None:
    decoded = _decoded(data)
    try:
        return _Version(read(decoded[0]), without_literals(decoded[0])) if decoded else None
    except (SyntaxError, ValueError, RecursionError):  # each is how ast says that it is no Python
        return None


def _merged(versions: Mapping[str, _Version]) -> dict[str, Value]:
    return {
        f"{path}:{name}": value
        for path, version in versions.items()
        for name, value in version.values.items()
    }


def _write(desk: Desk, changed: Mapping[str, Value]) -> None:
    by_path: dict[str, dict[str, Value]] = {}
    for name, value in changed.items():
        path, knob = split_name(name)
        by_path.setdefault(path, {})[knob] = value
    for path, values in by_path.items():
        decoded = _decoded(desk.read(path))
        assert decoded is not None, "only files that were read have knobs"
        text, encoding = decoded
        desk.write(path, assign(text, values).encode(encoding))
