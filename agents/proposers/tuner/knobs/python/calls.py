"""What the calls of a Python program are given: options, arguments by name and by place."""

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from ..domains import Choices, Domain, Range, Value
from .asides import aside
from .constants import is_constant, value_of
from .named import Named, values

_DEFAULTS = {"field", "Field", "Option", "Argument", "Param", "attrib", "ib"}
"""Calls that stand for a default, as in dataclasses, pydantic, attrs and typer."""
_LAYER = re.compile(
    r"(Linear|Dense|Conv\w*|Embedding|LSTM|GRU|RNN|\w*Norm\w*|\w*Pool\w*|Flatten|Unflatten"
    r"|Upsample|Multihead\w*|Transformer\w*Layer|LazyLinear|Bilinear)\d?d?"
)
_NO_CLASS = re.compile(r"\w*(Error|Exception|Warning|Exit)|Path|Decimal|Fraction|[A-Z]")
_BOUNDS = {"IntRange", "FloatRange", "Choice"}
BOUND = "what an option may be"
LAYER = "a layer's size, which others must fit"
SWITCH = "a boolean handed to a function"
LOGGED_RANGE = 100


def called(node: ast.expr) -> str:
    """The name of what is called, without what it is an attribute of."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Call(func=inner) | ast.Subscript(value=inner):
            return called(inner)
    return "call"


def option(call: ast.Call) -> str | None:
    """The command-line option that a call defines."""
    texts = [one.value for one in call.args if isinstance(one, ast.Constant)]
    return next((text for text in texts if isinstance(text, str) and text.startswith("--")), None)


def wrapped_default(node: ast.expr) -> ast.expr | None:
    """The default in `field(default=0.1)`, `Field(0.1, …)` and `typer.Option(0.1)`."""
    if not isinstance(node, ast.Call) or called(node.func) not in _DEFAULTS:
        return None
    named = [keyword.value for keyword in node.keywords if keyword.arg == "default"]
    by_place = node.args[:1] if called(node.func) not in ("field", "attrib", "ib") else []
    return next(iter([*named, *by_place]), None)


def arguments(
    call: ast.Call,
    drawn: str,
    modules: Mapping[str, str],
    functions: Mapping[str, Sequence[str]],
) -> Iterator[Named]:
    """The literals a call is given; `drawn` says why none of a function's is of interest."""
    name = called(call.func)
    flag = option(call)
    if flag:
        yield from _of_option(flag, call)
        return
    doubt = drawn or aside(call, name, modules) or (BOUND if name in _BOUNDS else "")
    for keyword in call.keywords:
        if keyword.arg:
            value = keyword.value
            is_switch = isinstance(value, ast.Constant) and isinstance(value.value, bool)
            own = doubt or (SWITCH if is_switch and name[:1].islower() else "")
            yield from values(Named(f"{name}.{keyword.arg}", value, "argument", own))
    yield from _by_place(name, call.args, doubt, functions)


def _by_place(
    name: str, given: Sequence[ast.expr], doubt: str, functions: Mapping[str, Sequence[str]]
) -> Iterator[Named]:
    """Numbers, of classes and of the file's own functions alone: of others they are no knobs."""
    is_class = name[:1].isupper() and not _NO_CLASS.fullmatch(name)
    parameters = functions.get(name, ())
    takes_numbers = is_class or name in functions
    if _LAYER.fullmatch(name) and name not in functions:
        doubt = doubt or LAYER
    for place, value in enumerate(given):
        label = f".{parameters[place]}" if place < len(parameters) else f"[{place}]"
        named = Named(f"{name}{label}", value, "argument", doubt, is_plain=False)
        if isinstance(value, ast.Dict):
            yield from values(replace(named, name=name if "[" in label else named.name))
        elif takes_numbers and (isinstance(value, ast.Tuple) or _is_number(value)):
            yield from values(named)


def _is_number(node: ast.expr) -> bool:
    """Or a boolean or None: what may be a number another time."""
    return is_constant(node) and not isinstance(value_of(node), str)


def _of_option(flag: str, call: ast.Call) -> Iterator[Named]:
    given = {keyword.arg: keyword.value for keyword in call.keywords}
    if "default" not in given:
        return
    kind = given.get("type")
    hint = _choices(given.get("choices")) or _of_type(kind)
    is_float = isinstance(kind, ast.Name) and kind.id == "float"
    base = Named(flag, given["default"], "option", hint=hint, is_float=is_float)
    yield from values(base)


def _of_type(kind: ast.expr | None) -> Domain | None:
    """What `click.Choice([…])`, `click.IntRange(1, 9)` and `click.FloatRange(0, 1)` allow."""
    if not isinstance(kind, ast.Call):
        return None
    name = called(kind.func)
    if name == "Choice":
        return _choices(kind.args[0] if kind.args else None)
    ends = [*kind.args, *(k.value for k in kind.keywords if k.arg in ("min", "max"))]
    numbers = [value_of(end) for end in ends if is_constant(end)]
    whole = name == "IntRange"
    if name not in ("IntRange", "FloatRange") or len(numbers) != 2:
        return None
    low, high = (float(end) if isinstance(end, int | float) else 0.0 for end in numbers)
    is_log = low > 0 and high / low >= LOGGED_RANGE
    return Range(low, high, "log" if is_log else "linear", integer=whole) if low < high else None


def _choices(node: ast.expr | None) -> Choices | None:
    elements = node.elts if isinstance(node, ast.List | ast.Tuple) else []
    named: list[Value] = [value_of(one) for one in elements if is_constant(one)]
    unique = tuple({(type(one), one): one for one in named}.values())
    return Choices(unique) if len(unique) > 1 and len(named) == len(elements) else None
