"""What a push may do to the lease of a node: set it or take it away; it is no history."""

import re
from collections.abc import Iterator

from ....gitlab.hooks.push_view import Update, blob_size
from ....gitlab.lab.lab import Lab
from ....gitlab.leases.lease import FOLDER
from .lab import Rights

_REF = re.compile(rf"{re.escape(FOLDER)}/(?:[0-9]{{6}}|[1-9][0-9]{{6,99}})")
_LARGEST = 4096


def is_lease(ref: str) -> bool:
    """Whether a ref stands where leases do, whatever it holds."""
    return ref.startswith(f"{FOLDER}/")


def lease_faults(lab: Lab, update: Update, rights: Rights) -> Iterator[str]:
    """Every reason against an update of a lease."""
    if not _REF.fullmatch(update.ref):
        yield f"is no lease's name: those are {FOLDER}/000042"
    elif update.new is not None and not 0 <= blob_size(lab.repo, update.new) <= _LARGEST:
        yield f"would hold no lease: that is a blob of at most {_LARGEST} bytes"
    if rights.agents is not None and not rights.agents:
        yield f"is a worker's, and {rights.pusher} may push no agent's commits"
