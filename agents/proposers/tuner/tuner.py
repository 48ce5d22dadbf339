"""The embedded proposer: turns the knobs of the code under research. No key, no network."""

import io
import tokenize
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from typing import ClassVar

from ....gitlab.desk.desk import Desk
from ....gitlab.errors import AiresearchError
from ....gitlab.record.facts import Operator
from ....policies.task.schema import meant
from ..base import Brief, Past, Proposal
from .knobs import Knob, assign, find, read, without_literals
from .knobs.domains import Value, same
from .knobs.rules import marked_domain
from .sampler import Scored, suggest
from .wording import body, subject

_BEST_KEPT, _LAST_KEPT = 100, 200
_NOT_THE_CODE = {"denied", "duplicate", "cancelled", "lost", "evaluator"}


@dataclass(frozen=True)
class _Version:
    """One content of a file: its text, its literals by name, and all that is not a literal."""

    text: str
    encoding: str
    values: Mapping[str, Value]
    rest: str


class Tuner:
    """Proposes values for the literals that are knobs, in every Python file it may edit."""

    operators: ClassVar = frozenset({Operator.IMPROVE})

    def __init__(self, rules: Mapping[str, str] | None = None) -> None:
        self._rules = rules or {}
        self._versions: dict[bytes, _Version | None] = {}

    def propose(self, desk: Desk, brief: Brief) -> Proposal:
        """Stage new values on the desk. Raises AiresearchError if there is nothing to turn."""
        paths = [path for path in desk.list() if path.endswith(".py") and desk.writable(path)]
        now = self._python(paths, desk.read)
        current = _values(now)
        knobs = _knobs(self._python(now, brief.base.files), now, current, self._rules)
        rest = {path: version.rest for path, version in now.items()}
        past = []
        for one in _kept(brief.past):
            then = self._python(now, one.files)
            # A failure is blamed on values only where nothing but values differs from the parent.
            if one.score is not None or {p: v.rest for p, v in then.items()} == rest:
                past.append(Scored(_values(then), one.score))
        values = suggest(knobs, past, brief.goal, brief.seed)
        changed = {name: new for name, new in values.items() if not same(current[name], new)}
        for path, version in now.items():
            own = {name: f"{path}:{name}" for name in version.values}
            own_changed = {name: changed[full] for name, full in own.items() if full in changed}
            if own_changed:
                desk.write(path, assign(version.text, own_changed).encode(version.encoding))
        return Proposal(subject(current, changed), body(knobs, current, changed, past, brief))

    def _python(
        self, paths: Iterable[str], files: Callable[[str], bytes | None]
    ) -> dict[str, _Version]:
        """Those of the files that are there and are Python. Parsed once for each content."""
        found = {}
        for path in paths:
            data = files(path)
            if data is None:
                continue
            key = sha256(data).digest()
            if key not in self._versions:
                self._versions[key] = _parsed(data)
            version = self._versions[key]
            if version is not None:
                found[path] = version
        return found


def _parsed(data: bytes) -> _Version | None:
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        text = data.decode(encoding)
        return _Version(text, encoding, read(text), without_literals(text))
    except (SyntaxError, ValueError, RecursionError):  # each is how ast says that it is no Python
        return None


def _values(versions: Mapping[str, _Version]) -> dict[str, Value]:
    return {
        f"{path}:{name}": value
        for path, version in versions.items()
        for name, value in version.values.items()
    }


def _kept(past: Sequence[Past]) -> list[Past]:
    """Those that say something of the code: all, or the best and the latest of a long history.

    Which goal is meant does not matter here: both ends of the scores are kept.
    """
    telling = [one for one in past if one.status not in _NOT_THE_CODE]
    if len(telling) <= _BEST_KEPT + _LAST_KEPT:
        return telling
    scored = [(one.score, one.node) for one in telling if one.score is not None]
    ranked = [node for _, node in sorted(scored)]
    half = _BEST_KEPT // 2
    kept = {*ranked[:half], *ranked[-half:], *(one.node for one in telling[-_LAST_KEPT:])}
    return [one for one in telling if one.node in kept]


def _knobs(
    base: Mapping[str, _Version],
    now: Mapping[str, _Version],
    current: Mapping[str, Value],
    rules: Mapping[str, str],
) -> tuple[Knob, ...]:
    """With the base's ranges, so that they do not drift; new names have those of the parent.

    What `rules` say of a name comes before what its file says.
    """
    found: dict[str, Knob] = {}
    for path, version in now.items():
        knobs: list[Knob] = []
        if path in base:
            try:
                knobs += find(base[path].text)
            except ValueError as error:
                mend = "correct the comment and commit it"
                raise AiresearchError(f"{path}, {error}", mend) from error
        with suppress(ValueError):  # a child's bad comment must not end the run
            knobs += find(version.text)
        for knob in knobs:
            name = f"{path}:{knob.name}"
            found.setdefault(name, Knob(name, knob.value, knob.domain))
    for name, rule in rules.items():
        value = current.get(name)
        found.pop(name, None)
        if name not in {**_values(base), **current}:
            there = meant(name, current, "literals that have a name")
            raise AiresearchError(f"knobs: no file that may be edited holds {name}", there)
        if name in current and rule.strip() != "fixed":
            try:
                domain = marked_domain(f"# {rule.strip()}", name, value, None)
            except ValueError as error:
                raise AiresearchError(f"knobs: {error}", "correct it and commit it") from error
            found[name] = Knob(name, value, domain)
    usable = [one for one in found.values() if one.name in current]
    known = tuple(one for one in usable if one.domain.knows(current[one.name]))
    if not known:
        raise AiresearchError(
            "the tuner found no knob in the Python files it may edit",
            "mark one where the code sets it: LEARNING_RATE = 0.1  # range: 1e-4..1 log",
        )
    return known
