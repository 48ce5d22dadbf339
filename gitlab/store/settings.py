"""The names in git's configuration, whatever bytes others wrote there."""

from collections.abc import Iterator
from contextlib import suppress

import pygit2


def setting_names(config: pygit2.Config) -> Iterator[str]:
    """The names of all settings, but for those that are not UTF-8: pygit2 gives none of these."""
    entries = iter(config)
    while True:
        with suppress(UnicodeDecodeError):
            try:
                yield next(entries).name
            except StopIteration:
                return
