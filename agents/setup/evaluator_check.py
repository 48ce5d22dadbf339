"""Evaluators that would run what a candidate made: found in their source, each with its line."""

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass

_RUNS_DATA = {
    "pickle.load": "",
    "pickle.loads": "",
    "pickle.Unpickler": "",
    "_pickle.load": "",
    "_pickle.loads": "",
    "cloudpickle.load": "",
    "cloudpickle.loads": "",
    "dill.load": "",
    "dill.loads": "",
    "joblib.load": "",
    "marshal.load": "",
    "marshal.loads": "",
    "shelve.open": "",
    "pandas.read_pickle": "",
    "torch.load": "weights_only=True",
    "eval": "",
    "exec": "",
    "builtins.eval": "",
    "builtins.exec": "",
    "runpy.run_path": "",
    "runpy.run_module": "",
}
"""Calls that can run code they are given as data, and what makes one safe."""


@dataclass(frozen=True)
class Warned:
    """What is dangerous at one line of an evaluator."""

    path: str
    line: int
    says: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.says}"


def check(path: str, source: bytes, is_editable: Callable[[str], bool]) -> list[Warned]:
    """The dangers in one Python file; `is_editable` tells of a path whether agents may change it.

    What is called by roundabout ways (`getattr`, a name in a list) is not found.
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError) as error:
        return [Warned(path, getattr(error, "lineno", None) or 1, "cannot be read as Python")]
    names = dict(_names(tree))
    found = [*_calls(path, tree, names), *_imports(path, tree, is_editable)]
    return sorted(found, key=lambda warned: warned.line)


def _names(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """What each imported name stands for."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for name in node.names:
                yield (name.asname, name.name) if name.asname else (name.name.split(".")[0],) * 2
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for name in node.names:
                yield name.asname or name.name, f"{node.module}.{name.name}"


def _calls(path: str, tree: ast.AST, names: dict[str, str]) -> Iterator[Warned]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        called = _dotted(node.func, names)
        options = {k.arg: getattr(k.value, "value", None) for k in node.keywords}
        if called in _RUNS_DATA and not (called == "torch.load" and options.get("weights_only")):
            mend = _RUNS_DATA[called]
            hint = f" without {mend}" if mend else ""
            yield Warned(path, node.lineno, f"{called}{hint} can run code of a candidate's")
        # Where a pickle may be allowed by a value that is computed, it may be.
        elif called == "numpy.load" and options.get("allow_pickle", False) is not False:
            yield Warned(path, node.lineno, "numpy.load with allow_pickle can run code")


def _dotted(node: ast.expr, names: dict[str, str]) -> str:
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value, names)}.{node.attr}"
    return names.get(node.id, node.id) if isinstance(node, ast.Name) else ""


def _imports(path: str, tree: ast.AST, is_editable: Callable[[str], bool]) -> Iterator[Warned]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules = [name.name for name in node.names]
        elif isinstance(node, ast.ImportFrom):
            modules = [f"{node.module or ''}.{name.name}".strip(".") for name in node.names]
        else:
            continue
        for module in modules:
            if any(map(is_editable, _files(module))):
                yield Warned(path, node.lineno, f"imports {module}, which agents may change")


def _files(module: str) -> Iterator[str]:
    parts = module.split(".")
    for length in range(1, len(parts) + 1):
        stem = "/".join(parts[:length])
        yield from (f"{stem}.py", f"{stem}/__init__.py")
