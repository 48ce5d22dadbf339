"""Writing literals as their author would."""

import ast
import json
import math
import re
from decimal import Decimal

from ..domains import Value, same
from .constants import value_of

_NUMBER = re.compile(r"[-+]?[\d._eE+-]+")
_EXPRESSION = re.compile(r"^[^\"']*[*/]")
_POWER = re.compile(r"(\d+)(\s*\*\*\s*)(\d+)")
_PRODUCT = re.compile(r"([-\d.eE_]+)(\s*\*\s*)([-\d.eE_]+)")


def literal(old: str, value: Value) -> str:
    """`value` as Python text in the style of `old`: its exponent, underscores, point and quotes.

    Powers stay powers and products products where that can be. Raises ValueError for a number that
    is not finite. What it writes reads back as `value`.
    """
    if type(value) in (int, float):
        for text in (_power(old, value), _product(old, value)):
            if text and same(value_of(ast.parse(text, mode="eval").body), value):
                return text
    # An expression has no style that a number by itself could take.
    return _plain(old if _NUMBER.fullmatch(old) or not _EXPRESSION.search(old) else "0", value)


def _plain(old: str, value: Value) -> str:
    is_number = old[-1].isdigit() or old[-1] == "."
    if isinstance(value, str):
        return json.dumps(value) if old.startswith('"') and value.isidentifier() else repr(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{value} cannot be written as a literal")
        text = repr(value)
        if is_number and "e" in old.lower():
            text = f"{Decimal(text).normalize():e}"
        mantissa, _, exponent = text.partition("e")
        return f"{mantissa}e{int(exponent)}" if exponent else mantissa
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:_}" if is_number and "_" in old else str(value)
    return repr(value)


def _power(old: str, value: Value) -> str:
    """`2**14` for `2**16`; nothing where `value` is no such power."""
    found = _POWER.fullmatch(old)
    if found is None or not isinstance(value, int) or value <= 1 or int(found[1]) <= 1:
        return ""
    exponent = round(math.log(value, int(found[1])))
    return f"{found[1]}{found[2]}{exponent}" if exponent > 0 else ""


def _product(old: str, value: Value) -> str:
    """`0.05 * 1e-3` for `0.2 * 1e-3`."""
    found = _PRODUCT.fullmatch(old)
    if found is None or not isinstance(value, float) or not math.isfinite(value):
        return ""
    try:
        unit = float(found[3])
    except ValueError:
        return ""
    return f"{value / unit:.6g}{found[2]}{found[3]}" if unit else ""
