"""How a hook says no: one line for each reason."""

from collections.abc import Iterable

from ....gitlab.errors import AiresearchError
from ....gitlab.record.text import one_line


def refusal(what: str, reasons: Iterable[str]) -> AiresearchError:
    """The error that names every reason; nothing in it can steer a terminal."""
    return AiresearchError(what, "\n  ".join(one_line(reason) for reason in reasons))
