"""Where the lab's objects lie on this machine: what no trial and no agent may see."""

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import unquote_to_bytes

import pygit2

from ..isolated import own_git
from ..store.refs import common_folder
from ..store.settings import setting_names

_BORROWED = Path("info", "alternates")
_REMOTE = re.compile(rb"remote\..*\.(url|pushurl)", re.DOTALL)
_BRANCH = re.compile(rb"remote\.pushdefault|branch\..*\.(push)?remote", re.DOTALL)
"""These name a remote, or are a URL themselves."""
_REWRITE = re.compile(rb"url\.(?P<base>.*)\.(push)?insteadof", re.DOTALL)
_FILE_URL = re.compile(rb"file://[^/]*(?P<path>/.*)", re.DOTALL | re.IGNORECASE)


def objects_of(repo: pygit2.Repository) -> list[Path]:
    """The folders that hold its objects: its git folder, local remotes, what these borrow from."""
    common, top = common_folder(repo), Path(repo.workdir or repo.path)
    settings = list(_settings(repo))
    urls = [value for name, value in settings if _REMOTE.fullmatch(name)]
    urls += [value for name, value in settings if _BRANCH.fullmatch(name) and b"/" in value]
    found: dict[Path, None] = {}
    waiting = [common, *(top / os.fsdecode(path) for path in _paths(_rewritten(urls, settings)))]
    while waiting:
        place = waiting.pop()
        if not os.path.exists(place):  # noqa: PTH110, it takes any name
            continue
        # A store that borrows from itself, by `..`, has no end of other names.
        place = place.resolve()
        if place in found:
            continue
        found[place] = None
        # A git folder, a checkout with one in it, or the objects of either.
        for objects in (place / "objects", place / ".git" / "objects", place):
            waiting += (objects / os.fsdecode(line) for line in _lines(objects / _BORROWED) if line)
    return list(found)


def _settings(repo: pygit2.Repository) -> Iterator[tuple[bytes, bytes]]:
    """Each setting of the repository, and of the user, who may have URLs mean others."""
    listed = own_git("--git-dir", common_folder(repo), "config", "-z", "--list").stdout
    for line in listed.split(b"\0"):
        name, _, value = line.partition(b"\n")
        yield name, value
    for known in dict.fromkeys(setting_names(repo.config)):
        if _REWRITE.fullmatch(known.encode()):
            for start in filter(None, repo.config.get_multivar(known)):
                yield known.encode(), start.encode()


def _rewritten(urls: Iterable[bytes], settings: Iterable[tuple[bytes, bytes]]) -> Iterator[bytes]:
    """The URLs, and each as any setting may have git read it instead."""
    named = ((_REWRITE.fullmatch(name), start) for name, start in settings)
    rules = [(rule["base"], start) for rule, start in named if rule]
    for url in urls:
        yield url
        yield from (base + url[len(start) :] for base, start in rules if url.startswith(start))


def _paths(urls: Iterable[bytes]) -> Iterator[bytes]:
    """What a URL may name on this machine: git takes what is no URL for a path."""
    for url in filter(None, urls):
        match = _FILE_URL.fullmatch(url)
        path = url if match is None else match["path"]
        yield from (path, unquote_to_bytes(path))


def _lines(file: Path) -> list[bytes]:
    try:
        return file.read_bytes().splitlines()
    except OSError:
        return []
