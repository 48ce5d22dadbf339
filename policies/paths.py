"""Which paths a list of gitignore patterns names, and which paths are never an agent's."""

import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

_GIT_OWN = (".git", ".husky", ".pre-commit-config.yaml")


@lru_cache(maxsize=64)
def _spec(patterns: tuple[str, ...]) -> "GitIgnoreSpec":
    from pathspec import GitIgnoreSpec  # 9 ms that a command which only looks need not pay

    return GitIgnoreSpec.from_lines(patterns)


def matches(patterns: tuple[str, ...], path: str) -> bool:
    """Whether gitignore `patterns` name `path`; the last that matches wins."""
    return _spec(patterns).match_file(path)


def is_under(path: str, folders: tuple[str, ...]) -> bool:
    """Whether `path` is one of `folders` or below one, whatever the case or the unicode form.

    A file system may fold both, and `Private/KEY` must not reach what `private/key` guards.
    """
    parts = _folded(path).split("/")
    return any(parts[: len(p)] == p for p in (_folded(f).split("/") for f in folders))


def is_git_own(path: str) -> bool:
    """Whether `path` could configure git or its hooks: `.gitattributes`, `.gitmodules`, and kin."""
    return any(part.startswith(_GIT_OWN) for part in _folded(path).split("/"))


def _folded(path: str) -> str:
    # HFS+ ignores these code points, so `.g\u200cit` is `.git` there.
    visible = "".join(c for c in path if unicodedata.category(c) != "Cf")
    return unicodedata.normalize("NFKC", visible).casefold()
