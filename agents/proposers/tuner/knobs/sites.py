"""Where a Python source holds named literal values, by `ast`: fast enough for long histories."""

import ast
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain

from .domains import Value


@dataclass(frozen=True)
class Site:
    """A named literal. Lines count from 1, columns from 0 in characters; `text` is its first line.

    Most `doubtful` ones are no constants of an experiment: a local variable, a name assigned twice,
    an Enum's member, a boolean handed to a function (to a class it is an option).
    """

    name: str
    value: Value
    line: int
    column: int
    end_line: int
    text: str
    doubtful: bool


def sites(source: str) -> tuple[Site, ...]:
    """Every named literal, in order; raises SyntaxError or ValueError if it is not Python.

    `LR = 0.1` is `LR`, in a class or a function `Config.LR`; `def f(rate=0.1)` is `f.rate`;
    `SVC(C=1.0)` is `SVC.C`; `OPTIONS = {"eta": 0.3}` is `OPTIONS.eta`; `add_argument("--lr",
    default=0.1)` is `--lr`. A repeated name gets `#2`, `#3` … in order of place.
    """
    lines = split_lines(source)
    found = _named(ast.parse(source))
    found.sort(key=lambda one: (one.node.lineno, one.node.col_offset))
    counts: Counter[str] = Counter()
    made = []
    for named in found:
        counts[named.name] += 1
        name = named.name if counts[named.name] == 1 else f"{named.name}#{counts[named.name]}"
        made.append(_site(replace(named, name=name), lines))
    return tuple(made)


def split_lines(source: str) -> list[str]:
    """The lines as Python counts them: a form feed or U+2028 ends none."""
    return source.replace("\r\n", "\n").replace("\r", "\n").split("\n")


@dataclass(frozen=True)
class _Scope:
    prefix: str = ""
    doubtful: bool = False


@dataclass(frozen=True)
class _Named:
    name: str
    node: ast.expr
    doubtful: bool = False


def _site(named: _Named, lines: list[str]) -> Site:
    node, line = named.node, lines[named.node.lineno - 1].encode()
    end = node.end_col_offset if node.end_lineno == node.lineno else None
    return Site(
        name=named.name,
        value=ast.literal_eval(node),
        line=node.lineno,
        column=len(line[: node.col_offset].decode()),
        end_line=node.end_lineno or node.lineno,
        text=line[node.col_offset : end].decode(),
        doubtful=named.doubtful,
    )


def _named(tree: ast.Module) -> list[_Named]:
    found: list[_Named] = []
    stored: Counter[str] = Counter()
    todo: list[tuple[ast.AST, _Scope]] = [(tree, _Scope())]
    while todo:
        node, scope = todo.pop()
        found += [one for one in _own(node, scope) if _is_literal(one.node)]
        stored.update(_stored(node, scope))
        todo += [(child, _inner(node, scope)) for child in _children(node)]
    return [replace(one, doubtful=one.doubtful or stored[one.name] > 1) for one in found]


def _own(node: ast.AST, scope: _Scope) -> Iterator[_Named]:
    match node:
        case ast.Assign(targets=[ast.Name(id=name)], value=value):
            yield from _value(scope.prefix + name, value, scope.doubtful)
        case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
            yield from _value(scope.prefix + name, value, scope.doubtful)
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            yield from _defaults(node)
        case ast.Call():
            for keyword in node.keywords:
                if keyword.arg:
                    yield from _value(*_argument(node, keyword.arg, keyword.value))


def _value(name: str, node: ast.expr, doubtful: bool) -> Iterator[_Named]:
    if not isinstance(node, ast.Dict):
        yield _Named(name, node, doubtful)
        return
    for key, value in zip(node.keys, node.values, strict=True):
        if isinstance(key, ast.Constant) and isinstance(key.value, str):
            yield from _value(f"{name}.{key.value}", value, False)


def _defaults(node: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[_Named]:
    positional = [*node.args.posonlyargs, *node.args.args]
    ordinary = zip(reversed(positional), reversed(node.args.defaults), strict=False)
    named = zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
    for argument, value in chain(ordinary, named):
        if value is not None:
            yield _Named(f"{node.name}.{argument.arg}", value)


def _argument(call: ast.Call, keyword: str, value: ast.expr) -> tuple[str, ast.expr, bool]:
    option = _option(call)
    if option and keyword == "default":
        return option, value, False
    owner = _owner(call.func)
    switch = isinstance(value, ast.Constant) and isinstance(value.value, bool)
    return f"{owner}.{keyword}", value, switch and owner[:1].islower()


def _option(call: ast.Call) -> str | None:
    texts = [one.value for one in call.args if isinstance(one, ast.Constant)]
    return next((text for text in texts if isinstance(text, str) and text.startswith("--")), None)


def _owner(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Call(func=inner) | ast.Subscript(value=inner):
            return _owner(inner)
    return "call"


def _children(node: ast.AST) -> Iterator[ast.AST]:
    decorators = getattr(node, "decorator_list", [])
    for child in ast.iter_child_nodes(node):
        if child not in decorators or (isinstance(child, ast.Call) and _option(child)):
            yield child


def _inner(node: ast.AST, scope: _Scope) -> _Scope:
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
            return _Scope(f"{name}.", doubtful=True)
        case ast.ClassDef(name=name, bases=bases):
            return _Scope(f"{name}.", any(_owner(one).endswith(("Enum", "Flag")) for one in bases))
    return scope


def _stored(node: ast.AST, scope: _Scope) -> list[str]:
    match node:
        case ast.Name(id=name, ctx=ast.Store()):
            return [scope.prefix + name]
        case ast.Global(names=names):
            return names
    return []


def _is_literal(node: ast.expr) -> bool:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        operand = node.operand
        return isinstance(operand, ast.Constant) and type(operand.value) in (int, float)
    kinds = (bool, int, float, str, type(None))
    return isinstance(node, ast.Constant) and type(node.value) in kinds
