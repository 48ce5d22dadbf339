"""Ctrl-C held back while something must not be left half done."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_ASKED_TO_END = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Hold back SIGINT and SIGTERM and let them through at the end, once each."""
    before = {number: signal.getsignal(number) for number in _ASKED_TO_END}
    # Python interrupts its main thread only, and can put back only handlers it knows.
    if threading.current_thread() is not threading.main_thread() or None in before.values():
        yield
        return
    pressed: dict[int, None] = {}
    for number in before:
        signal.signal(number, lambda pressed_now, _: pressed.setdefault(pressed_now))
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for asked in pressed:
            signal.raise_signal(asked)
