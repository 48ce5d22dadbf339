"""Contents of files as a tuner sees them, each parsed once."""

import io
import tokenize
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256

from .knobs import Surveyed, judged, without
from .knobs.domains import Value
from .knobs.languages import PYTHON, Language, language_of
from .knobs.site import Site

Files = Callable[[str], bytes | None]
"""The content of a path, None where there is no such file."""


@dataclass(frozen=True)
class Version:
    """One content of a file: its text, its literals, and all that is not a literal."""

    text: str
    encoding: str
    language: Language
    sites: tuple[Site, ...]
    rest: str

    @cached_property
    def values(self) -> Mapping[str, Value]:
        """Its literals by name."""
        return {site.name: site.value for site in self.sites}

    @cached_property
    def survey(self) -> tuple[Surveyed, ...]:
        """Its literals as knobs; raises ValueError for a malformed comment."""
        return judged(self.sites, self.text, self.language)


class Versions:
    """Remembers what was parsed."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, bytes], Version | None] = {}

    def of(self, paths: Iterable[str], files: Files) -> dict[str, Version]:
        """Those of the files that are there and can hold knobs."""
        found = {}
        for path in paths:
            language = language_of(path)
            data = None if language is None else files(path)
            if language is None or data is None:
                continue
            key = (path.rpartition(".")[2], sha256(data).digest())
            if key not in self._known:
                self._known[key] = _parsed(data, language)
            version = self._known[key]
            if version is not None:
                found[path] = version
        return found


def _parsed(data: bytes, language: Language) -> Version | None:
    try:
        encoding = "utf-8"
        if language is PYTHON:
            encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        text = data.decode(encoding)
        sites = language.sites(text)
        return Version(text, encoding, language, sites, without(sites, text))
    except (SyntaxError, ValueError, RecursionError):  # each says that it is not in the language
        return None


def values(versions: Mapping[str, Version]) -> dict[str, Value]:
    """Every literal of some files, as `FILE:NAME`."""
    return {
        f"{path}:{name}": value
        for path, version in versions.items()
        for name, value in version.values.items()
    }
