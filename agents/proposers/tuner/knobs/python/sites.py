"""Where a Python source holds named literal values, by `ast`: fast enough for long histories."""

import ast
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from ..site import Kind, Site
from .asides import DRAWN, imported, is_drawing
from .calls import arguments, called, option, wrapped_default
from .constants import is_constant, is_literal, value_of
from .named import Named, values

_LINE_END = re.compile(r"\r\n|\r|\n")
"""Where Python ends a line: not at a form feed or U+2028."""
_SETTINGS = re.compile(
    r"(?i)(.*_)?(cfg|conf|config|args|hp|hps|hparams|params|opts?|options|settings)"
)
LOCAL = "a local variable"
OFTEN = "a name that is assigned more than once"
MEMBER = "a member of an Enum"
GIVEN = "every call passes its own"
LOOP = "how often a loop runs, by a name that tells of no training"
_TRAINING = re.compile(r"(?i)_|t|it|(.*_)?(epochs?|steps?|iter\w*|round|gen(eration)?|trial|sweep)")


@dataclass(frozen=True)
class _Scope:
    """Where a node stands: below which names, and why its literals are none of interest."""

    prefix: str = ""
    doubt: str = ""
    drawn: str = ""
    in_class: bool = False


def sites(source: str) -> tuple[Site, ...]:
    """Every named literal, in order; raises SyntaxError or ValueError if it is not Python.

    `LR = 0.1` is `LR`, in a class or a function `Config.LR`; `def f(rate=0.1)` is `f.rate`;
    `SVC(C=1.0)` is `SVC.C`, `Forest(30)` `Forest[0]`; `OPTIONS = {"eta": 0.3}` is `OPTIONS.eta`;
    `BETAS = (0.9, 0.99)` is `BETAS[0]` and `BETAS[1]`; `add_argument("--lr", default=0.1)` is
    `--lr`; `for epoch in range(50)` is `epoch.range`. A repeated name gets `#2`, `#3` … in order of
    place.
    """
    lines = [0, *(end.end() for end in _LINE_END.finditer(source)), len(source)]

    def offset(line: int, column: int) -> int:
        """Of a place that `ast` counts in bytes of UTF-8."""
        before = source[lines[line - 1] : lines[line]].encode()[:column]
        return lines[line - 1] + len(before.decode())

    found = sorted(_Walk(ast.parse(source)).found(), key=_place)
    counts: Counter[str] = Counter()

    def numbered(name: str) -> str:
        counts[name] += bool(name)
        return name if counts[name] <= 1 else f"{name}#{counts[name]}"

    return tuple(
        Site(
            name=numbered(one.name),
            value=value_of(one.node),
            start=offset(*_place(one)),
            end=offset(one.node.end_lineno or 0, one.node.end_col_offset or 0),
            line=one.node.lineno,
            end_line=one.node.end_lineno or one.node.lineno,
            kind=one.kind,
            doubt=one.doubt,
            word=one.word,
            hint=one.hint,
            is_float=one.is_float,
            group=one.group,
            is_plain=one.is_plain,
            alias=numbered(one.alias),
        )
        for one in found
    )


def _place(one: Named) -> tuple[int, int]:
    return one.node.lineno, one.node.col_offset


class _Walk:
    """One pass over a program."""

    def __init__(self, tree: ast.Module) -> None:
        self._modules = imported(tree)
        self._functions = _parameters(tree)
        self._assigned: Counter[str] = Counter()
        self._calls: dict[str, list[set[str]]] = {}
        self._wrapped: set[ast.AST] = set()
        self._tree = tree

    def found(self) -> list[Named]:
        """Every named literal of the program, each once."""
        found: list[Named] = []
        todo: list[tuple[ast.AST, _Scope]] = [(self._tree, _Scope())]
        while todo:
            node, scope = todo.pop()
            if isinstance(node, ast.JoinedStr):
                continue  # what an f-string holds has no exact place before Python 3.12
            found += self._of(node, scope)
            inner = _inside(node, scope)
            decorators = getattr(node, "decorator_list", [])
            for child in ast.iter_child_nodes(node):
                if child not in decorators or (isinstance(child, ast.Call) and option(child)):
                    todo.append((child, inner))
        # A loop's count is an argument of its call, too.
        once = {_place(one): one for one in reversed(found)}
        return [self._doubted(one) for one in once.values()]

    def _of(self, node: ast.AST, scope: _Scope) -> Iterator[Named]:
        match node:
            case ast.Assign(targets=[target], value=value):
                yield from self._assignment(target, value, scope)
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                yield from self._assignment(target, value, scope)
            case ast.AugAssign():
                yield from _step(node, scope)
            case ast.Call() if node not in self._wrapped:
                self._note(node)
                yield from arguments(node, scope.drawn, self._modules, self._functions)
            case ast.For(target=ast.Name(id=name), iter=ast.Call() as loop):
                yield from _loop(name, loop, scope)
            case ast.Return(value=ast.Dict() as value) if scope.prefix:
                yield from values(Named(scope.prefix[:-1], value, "constant", is_plain=False))
            case ast.Name(id=name, ctx=ast.Store()):
                self._assigned[scope.prefix + name] += 1
            case ast.Global(names=names):
                self._assigned.update(names)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                yield from self._defaults(node)

    def _assignment(self, target: ast.expr, value: ast.expr, scope: _Scope) -> Iterator[Named]:
        kind: Kind = "default" if scope.in_class else "constant"
        match target:
            case ast.Name(id=name):
                yield from self._given(Named(scope.prefix + name, value, kind, scope.doubt))
            case ast.Attribute(value=ast.Name(id=root), attr=name) if _SETTINGS.fullmatch(root):
                name = f"{scope.prefix}{root}.{name}"
                yield from values(Named(name, value, "constant", scope.drawn, is_plain=False))
            case ast.Subscript(value=ast.Name(id=root), slice=ast.Constant(value=str(name))) if (
                _SETTINGS.fullmatch(root)
            ):
                name = f"{scope.prefix}{root}.{name}"
                yield from values(Named(name, value, "constant", scope.drawn, is_plain=False))

    def _given(self, base: Named) -> Iterator[Named]:
        """What a name is given, or the default in a `field(…)` that it is given."""
        default = wrapped_default(base.node)
        if default is None or not is_literal(default):
            yield from values(base)
            return
        self._wrapped.add(base.node)
        assert isinstance(base.node, ast.Call)
        alias = option(base.node) or f"{called(base.node.func)}.default"
        yield from values(replace(base, node=default, alias=alias))

    def _defaults(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[Named]:
        positional = [*node.args.posonlyargs, *node.args.args]
        ordinary = zip(reversed(positional), reversed(node.args.defaults), strict=False)
        named = zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
        doubt = DRAWN if is_drawing(node.name) else ""
        for argument, value in chain(ordinary, named):
            if value is not None and not isinstance(value, ast.Dict):
                name = f"{node.name}.{argument.arg}"
                yield from self._given(Named(name, value, "default", doubt))

    def _note(self, call: ast.Call) -> None:
        """What a call passes, to tell which defaults never count."""
        name = called(call.func)
        parameters = self._functions.get(name, ())
        passed = {keyword.arg for keyword in call.keywords if keyword.arg}
        passed |= set(parameters[: len(call.args)])
        self._calls.setdefault(name, []).append(passed)

    def _doubted(self, one: Named) -> Named:
        if one.doubt:
            return one
        if self._assigned[one.group or one.name] > 1:
            return replace(one, doubt=OFTEN)
        owner, _, argument = one.name.rpartition(".")
        calls = self._calls.get(owner, [])
        if one.kind == "default" and calls and all(argument in passed for passed in calls):
            return replace(one, doubt=GIVEN)
        return one


def _inside(node: ast.AST, scope: _Scope) -> _Scope:
    """The scope of what a node holds."""
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
            drawn = scope.drawn or (DRAWN if is_drawing(name) else "")
            return _Scope(f"{name}.", drawn or LOCAL, drawn)
        case ast.ClassDef(name=name, bases=bases):
            is_enum = any(called(base).endswith(("Enum", "Flag")) for base in bases)
            return _Scope(f"{name}.", MEMBER if is_enum else "", scope.drawn, in_class=True)
    return scope


def _parameters(tree: ast.Module) -> Mapping[str, Sequence[str]]:
    """The names of what each function of the file, and each class, takes by place."""
    found: dict[str, Sequence[str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name != "__init__":
            names = [one.arg for one in (*node.args.posonlyargs, *node.args.args)]
            found[node.name] = [name for name in names if name not in ("self", "cls")]
        elif isinstance(node, ast.ClassDef):
            makers = [one for one in node.body if isinstance(one, ast.FunctionDef)]
            for maker in makers:
                if maker.name == "__init__":
                    found[node.name] = [one.arg for one in maker.args.args[1:]]
    return found


def _loop(name: str, loop: ast.Call, scope: _Scope) -> Iterator[Named]:
    """`for epoch in range(50)`: how often it runs."""
    if called(loop.func) not in ("range", "trange") or not 0 < len(loop.args) < 3:
        return
    count = loop.args[-1]
    if is_constant(count) and isinstance(value_of(count), int):
        doubt = scope.drawn or ("" if _TRAINING.fullmatch(name) else LOOP)
        label = "range" if name == "_" else f"{name}.range"
        named = Named(f"{scope.prefix}{label}", count, "constant", doubt, word=name)
        yield from values(replace(named, is_plain=False))


def _step(node: ast.AugAssign, scope: _Scope) -> Iterator[Named]:
    """`w -= 0.01 * gradient`: how far a step goes."""
    match node:
        case ast.AugAssign(
            target=target,
            op=ast.Add() | ast.Sub(),
            value=ast.BinOp(left=ast.Constant(value=float()) as factor, op=ast.Mult()),
        ) if not is_constant(node.value):
            name = f"{scope.prefix}{called(target)}.rate"
            yield Named(name, factor, "constant", scope.drawn, is_plain=False)
