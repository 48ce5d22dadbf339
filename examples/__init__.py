"""The example labs that ship with airesearch: one folder each, copied by `airesearch init`."""

from pathlib import Path


def names() -> tuple[str, ...]:
    """The examples, the one to start with first."""
    return ("digits", "charlm", "speedrun")


def folder(name: str) -> Path:
    """Where the files of one example are; raises ValueError for a name that is not in names()."""
    if name not in names():
        raise ValueError(f"no example is called {name!r}; there are {', '.join(names())}")
    return Path(__file__).parent / name
