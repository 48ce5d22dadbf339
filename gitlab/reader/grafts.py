"""Grafts: a file of git's that tells other parents than commits have; libgit2 believes it."""

from pathlib import Path


def has_grafts(home: Path) -> bool:
    """Whether a file in the git folder `home` gives commits other parents than they have."""
    try:
        return (home / "info" / "grafts").stat().st_size > 0
    except OSError:
        return False
