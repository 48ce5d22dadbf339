"""What must hold between knobs, as asserts, checks and comments in the code say it."""

import ast
import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .entries import Entry
from .knobs import Knob
from .knobs.domains import Value
from .knobs.languages import PYTHON
from .knobs.rules import word_of
from .version import Version

_BINARY: Mapping[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_MULTIPLE = re.compile(
    r".*\b(?:divisible by|(?:a )?multiple of)\s+([A-Za-z_]\w*|\d+)", re.IGNORECASE
)
_SAID = re.compile(
    r"#\s*(?:constraint|must hold|require[sd]?|assert|needs?)?:?\s*(.+)", re.IGNORECASE
)


@dataclass(frozen=True)
class Constraint:
    """A condition on values, by the names of the literals that it is about."""

    text: str
    names: Mapping[str, str]
    """What each name in the condition stands for."""
    test: ast.expr

    def holds(self, values: Mapping[str, Value]) -> bool:
        """Whether it is met; one that cannot be computed is not in the way."""
        known = {short: values.get(name) for short, name in self.names.items()}
        try:
            return bool(_computed(self.test, known))
        except (ArithmeticError, TypeError, ValueError):
            return True


def constraints(files: Mapping[str, Version], found: Sequence[Entry]) -> list[Constraint]:
    """Those whose every name is that of one literal, and that hold for its value now."""
    values = {entry.name: entry.site.value for entry in found}
    made = []
    for path, version in files.items():
        for test in _conditions(path, version, found):
            names = {short: _entry_for(short, path, found) for short in _names(test)}
            bound = {short: name for short, name in names.items() if name}
            one = Constraint(ast.unparse(test), bound, test)
            is_about_knobs = any(e.domain is not None for e in found if e.name in bound.values())
            if bound and len(bound) == len(names) and is_about_knobs and one.holds(values):
                made.append(one)
    return list({(one.text, *one.names.values()): one for one in made}.values())


def repaired(
    values: Mapping[str, Value], knobs: Sequence[Knob], bounds: Sequence[Constraint]
) -> dict[str, Value] | None:
    """The values with the nearest ones that meet every constraint; None where none was found."""
    mended = dict(values)
    by_name = {knob.name: knob for knob in knobs}
    for _ in range(len(bounds) + 1):
        missed = next((one for one in bounds if not one.holds(mended)), None)
        if missed is None:
            return mended
        options = [
            (abs(_unit(knob, option) - _unit(knob, mended[name])), at, name, option)
            for at, name in enumerate(missed.names.values())
            if (knob := by_name.get(name)) is not None
            for option in knob.domain.options()
            if missed.holds({**mended, name: option})
        ]
        if not options:
            return None
        _, _, name, option = min(options, key=lambda one: one[:2])
        mended[name] = option
    return None


def _unit(knob: Knob, value: Value) -> float:
    return float(knob.domain.unit(value)) if knob.domain.knows(value) else 0.0


def _conditions(path: str, version: Version, found: Sequence[Entry]) -> Iterator[ast.expr]:
    if version.language is PYTHON:
        for node in ast.walk(ast.parse(version.text)):
            match node:
                case ast.Assert(test=test):
                    yield from _parts(test)
                case ast.If(test=test, body=[ast.Raise()], orelse=[]):
                    yield from _parts(ast.UnaryOp(ast.Not(), test))
    if "#" not in version.text:
        return
    here = {entry.site.end_line: entry for entry in found if entry.path == path}
    for line, comment in version.language.comments(version.text).items():
        yield from _said(comment.text, here.get(line))


def _parts(test: ast.expr) -> Iterator[ast.expr]:
    """The conditions that must each hold, of those that can be computed."""
    if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And):
        for part in test.values:
            yield from _parts(part)
    elif _can_compute(test) and _names(test):
        yield test


def _said(comment: str, entry: Entry | None) -> Iterator[ast.expr]:
    if entry is not None and (found := _MULTIPLE.match(comment)):
        word = word_of(entry.site.name)
        if word.isidentifier():
            yield ast.parse(f"{word} % {found[1]} == 0", mode="eval").body
        return
    found = _SAID.match(comment)
    if found is None or not re.search(r"[<>=%]", found[1]):
        return
    try:
        test = ast.parse(found[1].strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return  # prose
    if isinstance(test, ast.Compare):
        yield from _parts(test)


def _names(test: ast.expr) -> list[str]:
    """The last part of each name: `n_head` of `config.n_head`."""
    found: dict[str, None] = {}
    todo: list[ast.AST] = [test]
    while todo:
        node = todo.pop(0)
        short = _short(node)
        if short:
            found[short] = None
        else:
            todo += ast.iter_child_nodes(node)
    return list(found)


def _short(node: ast.AST) -> str:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Subscript(slice=ast.Constant(value=str(name))):
            return name
    return ""


def _can_compute(node: ast.AST) -> bool:
    if _short(node) or isinstance(node, ast.Constant):
        return True
    plain = ast.BinOp | ast.Compare | ast.BoolOp | ast.UnaryOp
    operators = ast.operator | ast.cmpop | ast.boolop | ast.unaryop
    if isinstance(node, operators):
        return type(node) in _BINARY or isinstance(node, ast.boolop | ast.Not | ast.USub)
    return isinstance(node, plain) and all(map(_can_compute, ast.iter_child_nodes(node)))


def _computed(node: ast.expr, known: Mapping[str, Value]) -> Any:
    short = _short(node)
    if short:
        return known[short]
    match node:
        case ast.Constant(value=value):
            return value
        case ast.BinOp(left=left, op=op, right=right):
            return _BINARY[type(op)](_computed(left, known), _computed(right, known))
        case ast.UnaryOp(op=op, operand=operand):
            value = _computed(operand, known)
            return -value if isinstance(op, ast.USub) else not value
        case ast.BoolOp(op=op, values=parts):
            each = [bool(_computed(part, known)) for part in parts]
            return all(each) if isinstance(op, ast.And) else any(each)
        case ast.Compare(left=left, ops=ops, comparators=rights):
            sides = [_computed(side, known) for side in (left, *rights)]
            pairs = zip(ops, sides, sides[1:], strict=False)
            return all(_BINARY[type(op)](one, other) for op, one, other in pairs)
    raise ValueError("no condition on numbers")


def _entry_for(short: str, path: str, found: Sequence[Entry]) -> str:
    """The one literal that a name means: that of the same file where several are called so."""
    named = [entry for entry in found if word_of(entry.site.name) == short and entry.counts]
    turned = [entry for entry in named if entry.domain is not None] or named
    here = [entry for entry in turned if entry.path == path]
    chosen = turned if len(turned) == 1 else here
    return chosen[0].name if len(chosen) == 1 else ""
