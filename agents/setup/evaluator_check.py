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
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return [Warned(path, getattr(error, "lineno", None) or 1, "cannot be read as Python")]
    names: dict[str, str] = {}  # what each imported name stands for
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for name in node.names:
                first = name.name.split(".")[0]
                names[name.asname or first] = name.name if name.asname else first
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for name in node.names:
                names[name.asname or name.name] = f"{node.module}.{name.name}"
    dangers = [
        Warned(path, node.lineno, says)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call | ast.Import | ast.ImportFrom)
        for says in _dangers(node, names, is_editable)
    ]
    return sorted(dangers, key=lambda warned: warned.line)


def _dangers(
    node: ast.Call | ast.Import | ast.ImportFrom,
    names: dict[str, str],
    is_editable: Callable[[str], bool],
) -> Iterator[str]:
    """What is dangerous about a call or an import."""
    if isinstance(node, ast.Call):
        called = _dotted(node.func, names)
        options = {k.arg: getattr(k.value, "value", None) for k in node.keywords}
        if called in _RUNS_DATA and not (called == "torch.load" and options.get("weights_only")):
            fix = _RUNS_DATA[called]
            yield f"{called}{f' without {fix}' if fix else ''} can run code of a candidate's"
        # Where a pickle may be allowed by a value that is computed, it may be.
        elif called == "numpy.load" and options.get("allow_pickle", False) is not False:
            yield "numpy.load with allow_pickle can run code"
        return
    lead = "" if isinstance(node, ast.Import) else f"{node.module or ''}."
    for name in node.names:
        module = f"{lead}{name.name}".strip(".")
        parts = module.split(".")
        stems = ["/".join(parts[:length]) for length in range(1, len(parts) + 1)]
        if any(is_editable(f"{stem}.py") or is_editable(f"{stem}/__init__.py") for stem in stems):
            yield f"imports {module}, which agents may change"


def _dotted(node: ast.expr, names: dict[str, str]) -> str:
    parts: list[str] = []
    while isinstance(node, ast.Attribute):  # as long as somebody cared to write
        parts.append(node.attr)
        node = node.value
    parts.append(names.get(node.id, node.id) if isinstance(node, ast.Name) else "")
    return ".".join(reversed(parts))
