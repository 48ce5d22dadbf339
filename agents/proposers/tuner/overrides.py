"""Which of two places wins: a default is no knob where a file of settings or a command sets it."""

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from .entries import Entry
from .knobs.languages import PYTHON
from .knobs.rules import word_of
from .version import Version

_FOLDER = re.compile(r"(?i)(.*/)?(conf|confs|config|configs|cfg|settings|params|experiments?)/.*")
_DEFAULTS = re.compile(r"defaults\[\d+\]\.?([\w/]*)(@.*)?")


@dataclass(frozen=True)
class Used:
    """The files at hand, and which of those that hold settings this candidate reads."""

    files: Mapping[str, Version]
    command: Sequence[str]
    """The words of the candidate's command."""

    @cached_property
    def settings(self) -> list[str]:
        """Files that hold nothing but settings, Python ones in a folder for such among them."""
        return [
            path
            for path, version in self.files.items()
            if version.language is not PYTHON or (path != self.script and in_folder(path))
        ]

    @cached_property
    def unread(self) -> dict[str, str]:
        """Settings that this candidate does not read, and what it reads in their place."""
        used = {path: "is named" for path in self.settings if self._is_named(path)}
        used |= {path: f"is chosen by {by}" for path, by in self._chosen()}
        found = {}
        for path in self.settings:
            folder = path.rpartition("/")[0]
            beside = [one for one in sorted(used) if one.rpartition("/")[0] == folder]
            if folder and beside and path not in used:
                found[path] = f"{beside[0]} {used[beside[0]]}, and this file is not"
        return found

    def is_read(self, path: str) -> bool:
        """Whether the candidate reads a file of settings, as far as can be told."""
        return path not in self.unread and (in_folder(path) or self._is_named(path))

    @property
    def script(self) -> str:
        """The program that the command starts, where it is one of the files."""
        return next((word for word in self.command if word in self.files), "")

    def _is_named(self, path: str) -> bool:
        """By code, or by the command: in whole, without the ending or by its last part."""
        stem, name = path.rpartition(".")[0], path.rpartition("/")[2]
        names = {path, f"./{path}", stem, stem.rpartition("/")[2], name, stem.replace("/", ".")}
        words = {word.rpartition("=")[2] for word in self.command} - {""}
        texts = (v.text for v in self.files.values() if v.language is PYTHON)
        return bool(names & words) or any(name in text for text in texts)

    def _chosen(self) -> Iterator[tuple[str, str]]:
        """What lists of defaults choose, as Hydra's do: files, and the one that chooses each."""
        groups = dict(word.split("=", 1) for word in self.command if word.count("=") == 1)
        for path in self.settings:
            folder = path.rpartition("/")[0]
            for name, value in self.files[path].values.items():
                found = _DEFAULTS.fullmatch(name)
                if found is None or not isinstance(value, str):
                    continue
                option = groups.get(found[1], value).removesuffix(".yaml")
                stem = "/".join(part for part in (folder, found[1].strip("/"), option) if part)
                for target in (f"{stem}.yaml", f"{stem}.yml"):
                    if target in self.files:
                        yield target, path


def in_folder(path: str) -> bool:
    """Whether a file lies where projects keep settings."""
    return bool(_FOLDER.fullmatch(path))


def words_of(command: str) -> list[str]:
    """The words of a command; none where it cannot be split."""
    try:
        return shlex.split(command)
    except ValueError:
        return []


def without_overridden(found: Iterable[Entry], used: Used) -> list[Entry]:
    """The entries, with those left alone that something else sets. What a person marked stays."""
    read = [path for path in used.settings if used.is_read(path)]
    by_file = _names_in(read, used.files)
    given = dict(_given(used.command))
    every = list(found)
    heads = {used.script, *used.settings}
    above = {
        word_of(entry.name): entry
        for entry in every
        if entry.site.kind == "option" or (entry.path in heads and _is_module_constant(entry))
    }

    def why(entry: Entry) -> str:
        word, of_settings = word_of(entry.site.name), entry.path in used.settings
        if entry.path in used.unread:
            return used.unread[entry.path]
        full = entry.site.name if entry.site.kind == "setting" else word
        can_be_given = of_settings or entry.site.kind == "option" or _is_module_constant(entry)
        if full in given and can_be_given:
            return f"the command gives it: {given[full]}"
        if of_settings:
            return ""
        if entry.site.kind in ("default", "option") and word in by_file:
            return f"{by_file[word]} sets it"
        python = _python_in(by_file.get(word, ""))
        if _is_module_constant(entry) and python and python != entry.path:
            return f"{python} sets it"
        other = above.get(word)
        if entry.site.kind == "default" and other is not None and other.name != entry.name:
            return f"{other.name} sets it"
        return ""

    return [
        replace(entry.alone(reason), counts=False)
        if not entry.is_marked and (reason := why(entry))
        else entry
        for entry in every
    ]


def _is_module_constant(entry: Entry) -> bool:
    plain = not set(entry.site.name) & set(".[#") and entry.site.kind == "constant"
    return plain and not entry.site.doubt


def _names_in(paths: Iterable[str], files: Mapping[str, Version]) -> dict[str, str]:
    """The file that sets each name; the last where several do."""
    found: dict[str, str] = {}
    for path in paths:
        for site in files[path].sites:
            if files[path].language is not PYTHON or "." not in site.name:
                found[word_of(site.group or site.name)] = path
    return found


def _python_in(path: str) -> str:
    return path if path.endswith(".py") else ""


def _given(command: Sequence[str]) -> Iterator[tuple[str, str]]:
    """The names that a command gives values, and its words, as `--lr 0.1` and `opt.lr=0.1`."""
    for word, after in zip(command, [*command[1:], ""], strict=False):
        name, equals, _ = word.lstrip("-+").partition("=")
        plain = name.replace("-", "_")
        if equals:
            yield plain, word
        elif word.startswith("--"):
            yield plain, word if after.startswith("-") or not after else f"{word} {after}"
