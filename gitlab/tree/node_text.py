"""A node as a line of text and back, for the cache: a record is parsed and checked only once."""

import json
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

import pygit2

from ..record.records import Judge, Measure, Propose, Record
from .node import Node

_T = TypeVar("_T", bound=Record)
_Unpack = Callable[[Any], Any]


@dataclass(frozen=True)
class Stub:
    """Where a node stands in the tree, and how much is known of it."""

    onto: str
    parents: tuple[int, ...]
    trials: int


def stub_of(node: Node) -> Stub:
    """The same of a node that is read."""
    return Stub(str(node.onto), node.parents, len(node.trials))


def encode(node: Node) -> bytes:
    """All of a node but its tip: what a stub has, a space each, then the records."""
    parents = ",".join(map(str, node.parents))
    records = (node.propose, *node.trials, *([node.judged] if node.judged else []))
    facts = [str(node.proposed), node.weighed, *map(_values, records)]
    text = json.dumps(facts, default=_parts)
    return f"{node.onto} {parents} {len(node.trials)} {text}".encode()


def decode_stub(line: bytes) -> Stub:
    """The stub alone, at a tenth of the cost."""
    onto, parents, trials, _ = line.split(b" ", 3)
    return Stub(onto.decode(), tuple(map(int, parents.split(b","))) if parents else (), int(trials))


def decode(tip: str, line: bytes) -> Node:
    """The node that stands at `tip`."""
    onto, _, trials, text = line.split(b" ", 3)
    proposed, weighed, propose, *rest = json.loads(text)
    measured, judged = rest[: int(trials)], rest[int(trials) :]
    return Node(
        pygit2.Oid(hex=tip),
        pygit2.Oid(hex=onto.decode()),
        pygit2.Oid(hex=proposed),
        _record(Propose, propose),
        tuple(_record(Measure, values) for values in measured),
        _record(Judge, judged[0]) if judged else None,
        weighed,
    )


def _values(record: Record) -> list[Any]:
    return [getattr(record, name) for name in _NAMES[type(record)]]


def _parts(value: Any) -> list[Any]:
    """The fields of a small value, such as a metric's name and number."""
    return list(vars(value).values())


def _record(kind: type[_T], values: list[Any]) -> _T:
    # Past __init__, which makes text fit for git: this is how it came out of there.
    record = object.__new__(kind)
    found = vars(record)
    found.update(zip(_NAMES[kind], values, strict=True))
    for name, unpack in _UNPACKERS[kind]:
        if found[name] is not None:
            found[name] = unpack(found[name])
    return record


def _unpacker(hint: Any) -> _Unpack | None:
    """What makes a field's value of what JSON has; None where that is the same."""
    if get_origin(hint) is UnionType:
        hint = next(one for one in get_args(hint) if one is not type(None))
    if get_origin(hint) is tuple:
        item = _unpacker(get_args(hint)[0])
        return tuple if item is None else lambda values: tuple(map(item, values))
    if hint in (str, int, float):
        return None
    is_built_of_parts, kind = is_dataclass(hint), hint
    return (lambda values: kind(*values)) if is_built_of_parts else kind


def _unpackers(kind: type[Record]) -> list[tuple[str, _Unpack]]:
    hints = get_type_hints(kind)
    found = ((name, _unpacker(hints[name])) for name in _NAMES[kind])
    return [(name, unpack) for name, unpack in found if unpack is not None]


_KINDS: tuple[type[Record], ...] = (Propose, Measure, Judge)
_NAMES = {kind: tuple(field.name for field in fields(kind)) for kind in _KINDS}
_UNPACKERS = {kind: _unpackers(kind) for kind in _KINDS}
SCHEMA = " ".join(name for names in _NAMES.values() for name in names)
"""What a line holds: one that was written for other fields cannot be read."""
