"""Writing literals as their author would."""

import json
import math
from decimal import Decimal

from .domains import Value


def literal(old: str, value: Value) -> str:
    """`value` as Python text in the style of `old`: its exponent, underscores, point and quotes.

    Raises ValueError for a number that is not finite. What it writes reads back as `value`.
    """
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
