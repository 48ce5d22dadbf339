"""Where a JSON file holds scalars; comments as `//` are let through, since many loaders do so."""

import json
from collections.abc import Iterator
from typing import Any

from ..comments import Comments
from ..domains import Value, same
from ..site import Site
from .brackets import Reader, Spot
from .scalars import LARGEST, Path, commented, named


def sites(source: str) -> tuple[Site, ...]:
    """Every scalar, in order; raises ValueError if it is not JSON."""
    reader = Reader(source)
    if len(source) > LARGEST:
        return ()
    spots = list(reader.value(()))
    reader.skip()
    if reader.at != len(source):
        raise ValueError("more than one value")
    whole = None if reader.comments else json.loads(source)
    return named(source, _scalars(source, spots, whole))


def _scalars(source: str, spots: list[Spot], whole: Any) -> Iterator[tuple[Path, int, int, Value]]:
    for spot in spots:
        value = json.loads(source[spot.start : spot.end])
        if spot.path and (whole is None or same(value, at_path(whole, spot.path))):
            yield spot.path, spot.start, spot.end, value


def at_path(whole: Any, path: Path) -> Value:
    """What a library has read at a path; a value of its own kind where that is nothing plain."""
    for part in path:
        inside = isinstance(whole, dict) and part in whole
        listed = isinstance(whole, list) and isinstance(part, int) and part < len(whole)
        if not (inside or listed):
            return "(nothing)"
        whole = whole[part]
    return whole if whole is None or isinstance(whole, bool | int | float | str) else "(no scalar)"


def comments(source: str) -> Comments:
    """The comments of a JSON source."""
    reader = Reader(source)
    list(reader.value(()))
    reader.skip()
    return commented(source, reader.comments)


def literal(old: str, value: Value) -> str:
    """`value` as JSON."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
