"""Writing literals: as their author would, into a source that keeps every other character."""

import json
import math
from collections.abc import Mapping
from decimal import Decimal
from typing import cast

from .domains import Value


def literal(old: str, value: Value) -> str:
    """`value` as Python text in the style of `old`: its exponent, underscores, point and quotes.

    Raises ValueError for a number that is not finite. What it writes reads back as `value`.
    """
    if isinstance(value, str):
        return json.dumps(value) if old.startswith('"') and value.isidentifier() else repr(value)
    if isinstance(value, float):
        return _float(old, value)
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:_}" if "_" in old else str(value)
    return repr(value)


def rewrite(source: str, edits: Mapping[tuple[int, int], str]) -> str:
    """The source with the literals at these (line from 1, column from 0) replaced.

    Raises ValueError where the parser would not give back every other character as it was.
    """
    import libcst as cst
    from libcst.metadata import MetadataWrapper, PositionProvider

    class Writer(cst.CSTTransformer):
        METADATA_DEPENDENCIES = (PositionProvider,)

        def on_leave(self, original_node: cst.CSTNodeT, updated_node: cst.CSTNodeT) -> cst.CSTNodeT:
            if not isinstance(updated_node, cst.BaseExpression):
                return updated_node
            start = self.get_metadata(PositionProvider, original_node).start
            if (start.line, start.column) not in edits:
                return updated_node
            made = cst.parse_expression(edits[start.line, start.column])
            made = made.with_changes(lpar=updated_node.lpar, rpar=updated_node.rpar)
            return cast(cst.CSTNodeT, made)  # another kind of expression fits as well

    module = cst.parse_module(source)
    if module.code != source:
        raise ValueError("libcst would change other characters: a stray form feed or \\r")
    return MetadataWrapper(module).visit(Writer()).code


def _float(old: str, value: float) -> str:
    if not math.isfinite(value):
        raise ValueError(f"{value} cannot be written as a literal")
    text = repr(value)
    if "e" in old.lower():
        text = f"{Decimal(text).normalize():e}"
    mantissa, _, exponent = text.partition("e")
    return f"{mantissa}e{int(exponent)}" if exponent else mantissa
