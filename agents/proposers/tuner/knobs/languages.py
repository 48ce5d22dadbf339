"""The languages that hold knobs: where literals stand, comments, how both are written."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from . import comments
from .comments import Comments
from .domains import Value
from .python import sites, text
from .settings import json_file, toml_file, yaml_file
from .settings.scalars import is_settings
from .site import Site


@dataclass(frozen=True)
class Language:
    """What is asked of a language; each raises ValueError or SyntaxError for what is not in it."""

    sites: Callable[[str], tuple[Site, ...]]
    comments: Callable[[str], Comments]
    literal: Callable[[str, Value], str]
    """A value as text in the style of the text that it replaces."""


PYTHON = Language(sites.sites, comments.of_python, text.literal)
YAML = Language(yaml_file.sites, yaml_file.comments, yaml_file.literal)
TOML = Language(toml_file.sites, toml_file.comments, toml_file.literal)
JSON = Language(json_file.sites, json_file.comments, json_file.literal)
LANGUAGES: Mapping[str, Language] = {
    "py": PYTHON,
    "yaml": YAML,
    "yml": YAML,
    "toml": TOML,
    "json": JSON,
    "jsonc": JSON,
}
"""Each by how the names of its files end."""


def language_of(path: str) -> Language | None:
    """The language of a file that may hold knobs; None of any other."""
    language = LANGUAGES.get(path.rpartition(".")[2])
    return language if language is PYTHON or is_settings(path) else None
