"""Where a TOML file holds scalars."""

import json
import tomllib
from collections import Counter
from collections.abc import Iterator

from ..comments import Comments
from ..domains import Value, same
from ..site import Site
from .brackets import Reader, Spot
from .json_file import at_path
from .scalars import LARGEST, Path, commented, named


def sites(source: str) -> tuple[Site, ...]:
    """Every boolean, number and text, in order; raises ValueError if it is not TOML."""
    if len(source) > LARGEST:
        return ()
    whole = tomllib.loads(source)
    scalars = []
    for spot in _spots(Reader(source)):
        value = _value(source[spot.start : spot.end])
        if value is not None and same(value, at_path(whole, spot.path)):
            scalars.append((spot.path, spot.start, spot.end, value))
    return named(source, scalars)


def comments(source: str) -> Comments:
    """The comments of a TOML source."""
    reader = Reader(source)
    list(_spots(reader))
    return commented(source, reader.comments)


def literal(old: str, value: Value) -> str:
    """`value` as TOML."""
    if isinstance(value, float):
        text = repr(value)
        return text if value == value and abs(value) <= 1e300 else _refuse(value)
    if value is None:
        raise ValueError("TOML has no None")
    # TOML has no pairs of surrogates, and no raw DEL.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _refuse(value: float) -> str:
    raise ValueError(f"{value} cannot be written as a literal")


def _spots(reader: Reader) -> Iterator[Spot]:
    table: tuple[str | int, ...] = ()
    counts: Counter[tuple[str | int, ...]] = Counter()
    while True:
        reader.skip()
        if reader.at >= len(reader.text):
            return
        brackets = 2 if reader.text.startswith("[[", reader.at) else 0
        brackets = brackets or int(reader.text.startswith("[", reader.at))
        if not brackets:
            path: Path = reader.keys()
            reader.take("=")
            yield from reader.value((*table, *path))
            continue
        reader.at += brackets
        table = reader.keys()
        reader.at += brackets
        if brackets == 2:
            counts[table] += 1
            table = (*table, counts[table] - 1)


def _value(text: str) -> Value:
    """A scalar by itself; None for a date, and what else is none of ours."""
    try:
        value = tomllib.loads(f"x = {text}")["x"]
    except ValueError:
        return None
    return value if isinstance(value, bool | int | float | str) else None
