"""Ctrl-C held back while something must not be left half done."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

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


class _Patience:
    """Whether Ctrl-C was pressed, and whether it ends what is going on at once."""

    pressed = False
    listening = False


_patience: _Patience | None = None


@contextmanager
def finishing() -> Iterator[None]:
    """Let what is going on be finished and recorded before Ctrl-C ends it, unless it comes twice.

    Where the program only waits, `listening`, the first one ends it.
    """
    global _patience
    before = {number: signal.getsignal(number) for number in _ASKED_TO_END}
    if threading.current_thread() is not threading.main_thread() or None in before.values():
        yield
        return
    mine = _patience = _Patience()

    def press(number: int, frame: FrameType | None) -> None:
        if mine.listening or mine.pressed:
            raise KeyboardInterrupt
        mine.pressed = True

    for number in before:
        signal.signal(number, press)
    try:
        yield
    finally:
        _patience = None
        for number, handler in before.items():
            signal.signal(number, handler)
    if mine.pressed:
        raise KeyboardInterrupt


@contextmanager
def listening() -> Iterator[None]:
    """Wait for something that may be given up: Ctrl-C ends it at once."""
    mine = _patience
    if mine is None:
        yield
        return
    if mine.pressed:
        raise KeyboardInterrupt
    before, mine.listening = mine.listening, True
    try:
        yield
    finally:
        mine.listening = before
