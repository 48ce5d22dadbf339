"""Constant expressions of Python: literals, and what is computed of numbers alone."""

import ast
import operator
from collections.abc import Callable, Mapping

from ..domains import Value

Number = int | float
_OPERATORS: Mapping[type[ast.operator], Callable[[Number, Number], Number]] = {
    ast.Pow: operator.pow,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Add: operator.add,
    ast.Sub: operator.sub,
}
_LARGEST_POWER = 300


def is_literal(node: ast.expr) -> bool:
    """Whether it is one literal: a number with or without a minus, a text, a boolean or None."""
    minus = isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub)
    constant = node.operand if isinstance(node, ast.UnaryOp) and minus else node
    kinds = (int, float) if minus else (bool, int, float, str, type(None))
    return isinstance(constant, ast.Constant) and type(constant.value) in kinds


def value_of(node: ast.expr) -> Value:
    """What a literal or an expression of numbers alone is; raises ValueError for any other."""
    if is_literal(node):
        value: Value = ast.literal_eval(node)
        return value
    return _computed(node)


def is_constant(node: ast.expr) -> bool:
    """Whether `value_of` can say what it is."""
    try:
        value_of(node)
    except ValueError:
        return False
    return True


def _computed(node: ast.expr) -> Number:
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        left, right = _computed(node.left), _computed(node.right)
        if isinstance(node.op, ast.Pow) and not (left > 0 and abs(right) <= _LARGEST_POWER):
            raise ValueError("a power too large to compute")
        try:
            value = _OPERATORS[type(node.op)](left, right)
        except ArithmeticError as error:
            raise ValueError(str(error)) from error
        if not abs(value) <= 1e300:
            raise ValueError("a number too large to compute")
        return value
    literal: Value = ast.literal_eval(node) if is_literal(node) else None
    if isinstance(literal, int | float) and not isinstance(literal, bool):
        return literal
    raise ValueError("no expression of numbers")
