"""The search space: what the files at hand hold, which of it is turned, and what must hold."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from ..base import Past
from .constraints import Constraint, constraints, repaired
from .entries import Entry, entries
from .knobs import Knob
from .knobs.domains import Value
from .lessons import Experience
from .overrides import Used, in_folder, without_overridden, words_of
from .sampler import Scored
from .version import Files, Version, Versions, values

_BEST_KEPT, _LAST_KEPT = 100, 200
_NOT_THE_CODE = {"denied", "duplicate", "cancelled", "lost", "evaluator"}


@dataclass(frozen=True)
class Space:
    """The literals of the files that may be edited, and the conditions that hold between them."""

    files: Mapping[str, Version]
    entries: Sequence[Entry]
    constraints: Sequence[Constraint]

    @property
    def knobs(self) -> tuple[Knob, ...]:
        """What may be turned."""
        return tuple(knob for entry in self.entries if (knob := entry.knob) is not None)

    @property
    def current(self) -> dict[str, Value]:
        """Every literal's value."""
        return values(self.files)

    def mend(self, knobs: Sequence[Knob], drawn: dict[str, Value]) -> dict[str, Value] | None:
        """The nearest values of these knobs that meet every condition; None where none do."""
        mended = repaired({**self.current, **drawn}, knobs, self.constraints)
        return None if mended is None else {knob.name: mended[knob.name] for knob in knobs}


@dataclass(frozen=True)
class Ground:
    """Where a space is read from: the files as they are, and as they were."""

    now: Files
    base: Files
    """As the comments on them count."""
    first: Files
    """As they were when the search began."""


def space_of(
    versions: Versions,
    readable: Iterable[str],
    is_writable: Callable[[str], bool],
    ground: Ground,
    rules: Mapping[str, str],
    command: str,
) -> Space:
    """The search space of some files; raises AiresearchError where a rule or a comment is wrong.

    Files that may not be edited are looked at where they may set what others only default to.
    """
    words = words_of(command)
    paths = list(readable)
    editable = {path for path in paths if is_writable(path)}
    looked_at = [path for path in paths if path in editable or path in words or in_folder(path)]
    there = versions.of(looked_at, ground.now)
    files = {path: version for path, version in there.items() if path in editable}
    base, first = versions.of(files, ground.base), versions.of(files, ground.first)
    found = entries(files, base, first, rules)
    judged = without_overridden(found, Used(there, words))
    return Space(files, judged, constraints(there, judged))


def experience(
    space: Space, past: Sequence[Past], versions: Versions
) -> tuple[list[Scored], list[Experience]]:
    """What trials tell: of values, and of what values do to the code as it is now.

    A failure is blamed on values only where nothing but values differs.
    """
    rest = {path: version.rest for path, version in space.files.items()}
    scored, alike = [], []
    for one in kept(past):
        then = versions.of(space.files, one.files)
        known = values(then)
        if is_same := {path: version.rest for path, version in then.items()} == rest:
            alike.append(Experience(known, one.score))
        if one.score is not None or is_same:
            scored.append(Scored(known, one.score))
    return scored, alike


def kept(past: Sequence[Past]) -> list[Past]:
    """Those that say something of the code: all, or the best and the latest of a long history.

    Which goal is meant does not matter here: both ends of the scores are kept.
    """
    telling = [one for one in past if one.status not in _NOT_THE_CODE]
    if len(telling) <= _BEST_KEPT + _LAST_KEPT:
        return telling
    scored = [(one.score, one.node) for one in telling if one.score is not None]
    ranked = [node for _, node in sorted(scored)]
    half = _BEST_KEPT // 2
    nodes = {*ranked[:half], *ranked[-half:], *(one.node for one in telling[-_LAST_KEPT:])}
    return [one for one in telling if one.node in nodes]
