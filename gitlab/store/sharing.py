"""Repositories that several users write to: what is made in one, its group can write to as well."""

import os

import pygit2

_GROUP, _ALL = 0o070, 0o075
_WORDS = {
    **dict.fromkeys(("", "0", "false", "no", "off", "umask"), 0),
    **dict.fromkeys(("1", "true", "yes", "on", "group"), _GROUP),
    **dict.fromkeys(("2", "all", "world", "everybody"), _ALL),
}


def share(repo: pygit2.Repository) -> None:
    """Have this process write as `core.sharedRepository` says; libgit2 does not heed it by itself.

    Who else may use what is made is a matter of the process, so that it holds for objects, refs,
    logs and caches alike.
    """
    if "core.sharedRepository" not in repo.config:
        return
    word = str(repo.config["core.sharedRepository"]).strip().lower()
    open_bits = _WORDS.get(word)
    if open_bits is None:
        try:
            asked = int(word, 8) & 0o077
        except ValueError:
            return
        open_bits = asked | (asked & 0o044) >> 2  # what may be read may be entered
    mask = os.umask(0o077)
    os.umask(mask & ~open_bits)
