"""The embedded proposer: turns the knobs of the code under research. No key, no network."""

from collections.abc import Mapping
from functools import partial
from typing import ClassVar

from ....gitlab.desk.desk import Desk
from ....gitlab.errors import AiresearchError
from ....gitlab.record.facts import Operator
from ..base import Brief, Past, Proposal
from .knobs import Knob, assign
from .knobs.domains import same
from .lessons import Lessons, learn
from .sampler import suggest
from .space import Ground, Space, experience, space_of
from .version import Versions
from .wording import body, plural_knobs, subject


class Tuner:
    """Proposes values for the literals that are knobs, in every file it may edit that holds some.

    `rules` are those of `team.yaml`; what `command`, the candidate's, sets or reads tells which of
    two places counts.
    """

    operators: ClassVar = frozenset({Operator.IMPROVE})

    def __init__(self, rules: Mapping[str, str] | None = None, command: str = "") -> None:
        self._rules = rules or {}
        self._command = command
        self._versions = Versions()

    def propose(self, desk: Desk, brief: Brief) -> Proposal:
        """Stage new values on the desk. Raises AiresearchError if there is nothing to turn."""
        space = self._space(desk, brief)
        current = space.current
        past, alike = experience(space, brief.past, self._versions)
        lessons = learn(require_knobs(space), alike, current)
        _require_effect(lessons, brief, len(alike))
        mend = partial(space.mend, lessons.knobs)
        values = suggest(lessons.knobs, past, brief.goal, brief.seed, mend)
        changed = {name: new for name, new in values.items() if not same(current[name], new)}
        for path, version in space.files.items():
            own = {name: f"{path}:{name}" for name in version.values}
            own_changed = {name: changed[full] for name, full in own.items() if full in changed}
            if own_changed:
                text = assign(version.text, own_changed, version.language)
                desk.write(path, text.encode(version.encoding))
        said = body(lessons, current, changed, past, brief)
        return Proposal(subject(current, changed), said)

    def _space(self, desk: Desk, brief: Brief) -> Space:
        first = _oldest(brief)
        ground = Ground(desk.read, brief.base.files, first.files)
        return space_of(
            self._versions, desk.list(), desk.writable, ground, self._rules, self._command
        )


def _oldest(brief: Brief) -> Past:
    """The first baseline that was measured the same way: ranges lie around its values.

    Not around those of `brief.base`, whose files are the trunk's as people last committed to it.
    """
    first = brief.past[0] if brief.past else brief.base
    return first if first.node <= brief.base.node else brief.base


def require_knobs(space: Space) -> tuple[Knob, ...]:
    """The knobs; raises AiresearchError where there are none."""
    if space.knobs:
        return space.knobs
    raise AiresearchError(
        "the tuner found no knob in the files it may edit",
        "mark one where the code sets it: LEARNING_RATE = 0.1  # range: 1e-4..1 log; what was "
        "passed over, and why: airesearch knobs",
    )


def _require_effect(lessons: Lessons, brief: Brief, trials: int) -> None:
    if not lessons.knobs:
        raise AiresearchError(
            f"{trials} trials changed {plural_knobs(lessons.alone)} and never {brief.metric}: "
            "they seem to have no effect",
            "give it a number that counts: airesearch knobs",
        )
