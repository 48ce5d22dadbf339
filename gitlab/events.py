"""What happens in a lab, told as it happens: one stream a process, as logs are.

An event is a verb and a moment of it, as `measure: ref moved`, and the node it is about, if one.
Listeners are called where it happens, before what comes next.
"""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Event:
    """A moment of a verb."""

    what: str
    node: int | None


Listener = Callable[[Event], object]
_listeners: list[Listener] = []


def subscribe(listener: Listener) -> None:
    """Have `listener` called at every event of this process from now on."""
    _listeners.append(listener)


def emit(what: str, node: int | None = None) -> None:
    """Tell of an event."""
    for listener in _listeners:
        listener(Event(what, node))
