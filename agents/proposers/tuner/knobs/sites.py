"""Where a Python source holds named literal values, by `ast`: fast enough for long histories."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain

from .domains import Value

_LINE_END = re.compile(r"\r\n|\r|\n")
"""Where Python ends a line: not at a form feed or U+2028."""


@dataclass(frozen=True)
class Site:
    """A named literal: `source[start:end]`, which ends on line `end_line`, counted from 1.

    Most `doubtful` ones are no constants of an experiment: a local variable, a name assigned twice,
    an Enum's member, a boolean handed to a function (to a class it is an option).
    """

    name: str
    value: Value
    start: int
    end: int
    end_line: int
    doubtful: bool


@dataclass(frozen=True)
class _Literal:
    name: str
    node: ast.expr
    doubtful: bool = False


def sites(source: str) -> tuple[Site, ...]:
    """Every named literal, in order; raises SyntaxError or ValueError if it is not Python.

    `LR = 0.1` is `LR`, in a class or a function `Config.LR`; `def f(rate=0.1)` is `f.rate`;
    `SVC(C=1.0)` is `SVC.C`; `OPTIONS = {"eta": 0.3}` is `OPTIONS.eta`; `add_argument("--lr",
    default=0.1)` is `--lr`. A repeated name gets `#2`, `#3` … in order of place.
    """
    lines = [0, *(end.end() for end in _LINE_END.finditer(source)), len(source)]

    def offset(line: int, column: int) -> int:
        """Of a place that `ast` counts in bytes of UTF-8."""
        before = source[lines[line - 1] : lines[line]].encode()[:column]
        return lines[line - 1] + len(before.decode())

    found = _literals(ast.parse(source))
    found.sort(key=lambda one: (one.node.lineno, one.node.col_offset))
    counts: Counter[str] = Counter()
    made = []
    for one in found:
        node = one.node
        counts[one.name] += 1
        end_line = node.end_lineno or node.lineno
        made.append(
            Site(
                name=one.name if counts[one.name] == 1 else f"{one.name}#{counts[one.name]}",
                value=ast.literal_eval(node),
                start=offset(node.lineno, node.col_offset),
                end=offset(end_line, node.end_col_offset or 0),
                end_line=end_line,
                doubtful=one.doubtful,
            )
        )
    return tuple(made)


def _literals(tree: ast.Module) -> list[_Literal]:
    found: list[_Literal] = []
    assigned: Counter[str] = Counter()
    todo: list[tuple[ast.AST, str, bool]] = [(tree, "", False)]
    while todo:
        node, prefix, doubtful = todo.pop()
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                found += _values(prefix + name, value, doubtful)
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                found += _values(prefix + name, value, doubtful)
            case ast.Call():
                found += _arguments(node)
            case ast.Name(id=name, ctx=ast.Store()):
                assigned[prefix + name] += 1
            case ast.Global(names=names):
                assigned.update(names)
            case ast.JoinedStr():
                continue  # what an f-string holds has no exact place before Python 3.12
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                found += _defaults(node)
                prefix, doubtful = f"{name}.", True
            case ast.ClassDef(name=name, bases=bases):
                is_enum = any(_called(base).endswith(("Enum", "Flag")) for base in bases)
                prefix, doubtful = f"{name}.", is_enum
        decorators = getattr(node, "decorator_list", [])
        for child in ast.iter_child_nodes(node):
            if child not in decorators or (isinstance(child, ast.Call) and _option(child)):
                todo.append((child, prefix, doubtful))
    return [replace(one, doubtful=one.doubtful or assigned[one.name] > 1) for one in found]


def _values(name: str, node: ast.expr, doubtful: bool) -> Iterator[_Literal]:
    """The literal that a name is given, or those of the dict."""
    if isinstance(node, ast.Dict):
        for key, value in zip(node.keys, node.values, strict=True):
            if isinstance(key, ast.Constant) and isinstance(key.value, str):
                yield from _values(f"{name}.{key.value}", value, False)
        return
    sign = isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub)
    kinds = (int, float) if sign else (bool, int, float, str, type(None))
    constant = node.operand if isinstance(node, ast.UnaryOp) and sign else node
    if isinstance(constant, ast.Constant) and type(constant.value) in kinds:
        yield _Literal(name, node, doubtful)


def _defaults(node: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[_Literal]:
    positional = [*node.args.posonlyargs, *node.args.args]
    ordinary = zip(reversed(positional), reversed(node.args.defaults), strict=False)
    named = zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
    for argument, value in chain(ordinary, named):
        if value is not None and not isinstance(value, ast.Dict):
            yield from _values(f"{node.name}.{argument.arg}", value, False)


def _arguments(call: ast.Call) -> Iterator[_Literal]:
    option, called = _option(call), _called(call.func)
    for keyword in call.keywords:
        if option and keyword.arg == "default":
            yield from _values(option, keyword.value, False)
        elif keyword.arg:
            value = keyword.value
            is_switch = isinstance(value, ast.Constant) and isinstance(value.value, bool)
            doubtful = is_switch and called[:1].islower()
            yield from _values(f"{called}.{keyword.arg}", value, doubtful)


def _option(call: ast.Call) -> str | None:
    """The command-line option that a call defines."""
    texts = [one.value for one in call.args if isinstance(one, ast.Constant)]
    return next((text for text in texts if isinstance(text, str) and text.startswith("--")), None)


def _called(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Call(func=inner) | ast.Subscript(value=inner):
            return _called(inner)
    return "call"
