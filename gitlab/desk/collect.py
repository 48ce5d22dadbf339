"""An agent's folder taken back: its files against those laid out, staged on the desk.

The tree alone counts. No git runs on the content, so no attribute, filter or setting of the agent
has a say; what is no plain file of the folder is refused with its reason.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass

from ..errors import Denied
from ..record.text import plural
from .commit_messages import read_messages
from .desk import Desk
from .export import Laid
from .folder_scan import Bounds, Survey
from .safe_open import opened_root

__all__ = ["Absorbed", "Bounds", "absorb"]

_REASONS_LISTED = 20


@dataclass(frozen=True)
class Absorbed:
    """What came back; paths in order."""

    written: tuple[str, ...]
    removed: tuple[str, ...]
    other_modes: tuple[str, ...]
    """Files whose executable bit is another one now; the desk takes content alone."""
    messages: tuple[str, ...]
    """Of the commits the agent made, oldest first."""


def absorb(desk: Desk, laid: Laid, bounds: Bounds, ignored: Callable[[str], bool]) -> Absorbed:
    """Stage on `desk` what differs in the folder; new files that are `ignored` are left behind.

    Raises Denied with the reasons where something in it cannot be taken; what can be is staged.
    """
    try:
        with opened_root(laid.folder) as root:
            facts = os.fstat(root)
            if (facts.st_dev, facts.st_ino) != laid.identity:
                raise Denied(("another folder stands where the desk was laid out",))
            survey = Survey(root, laid, bounds, ignored)
            messages = read_messages(root, laid.root)
    except OSError as error:
        raise Denied((f"the desk's folder is gone or replaced: {error.strerror}",)) from None
    reasons = [*survey.reasons(), *_stage(desk, survey)]
    if reasons:
        raise Denied(_bounded(reasons))
    written, modes = tuple(sorted(survey.changed)), tuple(sorted(survey.modes))
    return Absorbed(written, survey.removed(), modes, messages)


def _stage(desk: Desk, survey: Survey) -> list[str]:
    """The reasons against what the desk does not take."""
    reasons: list[str] = []
    for path, data in sorted(survey.changed.items()):
        try:
            desk.write(path, data)
        except Denied as denied:
            reasons += denied.reasons
    for path in survey.removed():
        try:
            desk.remove(path)
        except Denied as denied:
            reasons += denied.reasons
    return reasons


def _bounded(reasons: list[str]) -> tuple[str, ...]:
    more = len(reasons) - _REASONS_LISTED
    return (*reasons[:_REASONS_LISTED], *([f"and {plural(more, 'reason')} more"] * (more > 0)))
