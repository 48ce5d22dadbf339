"""Linux's child subreaper: orphans below this process become its children, not init's."""

import ctypes
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

SET_PARENT_DEATH_SIGNAL, SET_CHILD_SUBREAPER, GET_CHILD_SUBREAPER = 1, 36, 37  # prctl(2)


@contextmanager
def adopting() -> Iterator[bool]:
    """Adopt orphans for as long as this is open; yields False where the system cannot.

    It is undone at the end: a program that detaches from us at another time, as git does for its
    upkeep, would stay behind as a zombie, since nobody waits for it. An orphan of another child of
    ours that is adopted meanwhile does so.
    """
    if not sys.platform.startswith("linux"):
        yield False
        return
    prctl = ctypes.CDLL(None).prctl
    before = ctypes.c_int(0)
    prctl(GET_CHILD_SUBREAPER, ctypes.byref(before), 0, 0, 0)
    done = prctl(SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0
    try:
        yield done
    finally:
        prctl(SET_CHILD_SUBREAPER, before.value, 0, 0, 0)


def end_with_parent() -> None:
    """Be interrupted when the process that forked us dies (Linux)."""
    parent = os.getppid()
    with suppress(AttributeError):  # there is no prctl
        ctypes.CDLL(None).prctl(SET_PARENT_DEATH_SIGNAL, signal.SIGINT, 0, 0, 0)
    if os.getppid() != parent:
        raise KeyboardInterrupt
