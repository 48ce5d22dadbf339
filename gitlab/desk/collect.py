"""An agent's folder taken back: its files against those exported, staged on the desk.

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
from .export import ExportedTree
from .folder_scan import Bounds, scan_folder
from .safe_open import opened_root

__all__ = ["Bounds", "Collected", "collect_changes"]

_REASONS_LISTED = 20


@dataclass(frozen=True)
class Collected:
    """What came back; paths in order."""

    written: tuple[str, ...]
    removed: tuple[str, ...]
    other_modes: tuple[str, ...]
    """Files whose executable bit is another one now; the desk takes content alone."""
    messages: tuple[str, ...]
    """Of the commits the agent made, oldest first."""


def collect_changes(
    desk: Desk, exported: ExportedTree, bounds: Bounds, ignored: Callable[[str], bool]
) -> Collected:
    """Stage on `desk` what differs in the folder; new files that are `ignored` are left behind.

    Raises Denied with the reasons where something in it cannot be taken; what can be is staged.
    """
    try:
        with opened_root(exported.folder) as root:
            facts = os.fstat(root)
            if (facts.st_dev, facts.st_ino) != exported.identity:
                raise Denied(("another folder stands where the desk was laid out",))
            scan = scan_folder(root, exported, bounds, ignored)
            messages = read_messages(root, exported.root)
    except OSError as error:
        raise Denied((f"the desk's folder is gone or replaced: {error.strerror}",)) from None
    reasons = list(scan.reasons)
    for path, data in (*scan.changed.items(), *((path, None) for path in scan.removed)):
        try:
            desk.stage(path, data)
        except Denied as denied:
            reasons += denied.reasons
    more = len(reasons) - _REASONS_LISTED
    if more > 0:
        reasons[_REASONS_LISTED:] = [f"and {plural(more, 'reason')} more"]
    if reasons:
        raise Denied(tuple(reasons))
    return Collected(tuple(scan.changed), scan.removed, scan.other_modes, messages)
