"""A part of a Python program that is a literal and has a name."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from ..domains import Choices, Domain
from ..site import Kind
from .constants import is_constant, is_literal, value_of

_MOST_ELEMENTS = 4
"""A longer row of numbers is data."""
_CANDIDATES = re.compile(r"(?i).*(grid|space|dist(ribution)?s?|candidates|search|sweep).*")
CANDIDATES = "one of a list of candidates"
PRODUCT = "a product of whole numbers, which is often a size of the data"
_SMALLER_POWERS, _LARGER_POWERS = 3, 3


@dataclass(frozen=True)
class Named:
    """An expression by name, and what its place says of it; as in `Site`."""

    name: str
    node: ast.expr
    kind: Kind = "constant"
    doubt: str = ""
    word: str = ""
    hint: Domain | None = None
    is_float: bool = False
    group: str = ""
    is_plain: bool = True
    alias: str = ""


def values(base: Named) -> Iterator[Named]:
    """The literal that it is, or those of a dict, of a short tuple or list of numbers."""
    node = base.node
    if isinstance(node, ast.Dict):
        doubt = CANDIDATES if _CANDIDATES.fullmatch(base.name) else ""
        for key, value in zip(node.keys, node.values, strict=True):
            if isinstance(key, ast.Constant) and isinstance(key.value, str):
                name = f"{base.name}.{key.value}"
                # In a dict of its own nothing is a local variable any more.
                yield from values(replace(base, name=name, node=value, doubt=doubt, hint=None))
    elif isinstance(node, ast.Tuple | ast.List):
        yield from _elements(base, node.elts)
    elif is_literal(node):
        yield base
    elif is_constant(node):
        yield _computed(base)


def _elements(base: Named, elements: list[ast.expr]) -> Iterator[Named]:
    if not 0 < len(elements) <= _MOST_ELEMENTS or not all(map(is_constant, elements)):
        return
    if any(isinstance(value_of(element), str) for element in elements):
        return
    doubt = CANDIDATES if _CANDIDATES.fullmatch(base.name) else base.doubt
    for place, element in enumerate(elements):
        name = f"{base.name}[{place}]"
        named = replace(base, name=name, node=element, group=base.name, doubt=doubt, is_plain=False)
        yield from values(named)


def _computed(base: Named) -> Named:
    """A power stays among the powers of its base."""
    value, hint, doubt = value_of(base.node), base.hint, base.doubt
    if isinstance(value, int):
        match base.node:
            case ast.BinOp(ast.Constant(value=int(number)), ast.Pow(), ast.Constant(int(exponent))):
                ends = range(max(1, exponent - _SMALLER_POWERS), exponent + _LARGER_POWERS + 1)
                hint = Choices(tuple(number**end for end in ends)) if number > 1 else hint
            case _:
                doubt = doubt or PRODUCT
    return replace(base, hint=hint, doubt=doubt, is_plain=False)
