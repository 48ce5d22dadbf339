"""Calls that are no part of an experiment: they draw, print, log, read and write."""

import ast
import re
from collections.abc import Mapping

DRAWN = "it is how a plot looks"
TOLD = "it is about what is printed, logged or stored"
_DRAWING_MODULES = {
    *("matplotlib", "pylab", "seaborn", "plotly", "bokeh", "altair", "plotnine", "graphviz"),
    *("PIL", "imageio", "IPython"),
}
_TELLING_MODULES = {
    *("logging", "warnings", "json", "os", "sys", "time", "subprocess", "csv", "pathlib", "tqdm"),
    *("wandb", "mlflow", "tensorboard", "tensorboardX", "pickle", "joblib", "shutil", "pprint"),
    *("rich", "loguru", "datetime", "textwrap", "decimal", "typing", "enum", "fractions"),
}
_DRAWING_ROOTS = {"plt", "ax", "axes", "axs", "fig", "sns", "pyplot", "px", "go", "mpl"}
_DRAWING_CALLS = {
    *("plot", "scatter", "imshow", "barh", "hist", "savefig", "add_patch", "fill_between"),
    *("axhline", "axvline", "annotate", "legend", "subplots", "tight_layout", "colorbar"),
    *("errorbar", "contourf", "pcolormesh", "add_subplot", "figure", "draw"),
}
_TELLING_CALLS = {"print", "round", "open", "range", "len", "input", "format", "isinstance"}
_DRAWING_FUNCTION = re.compile(r"(?i)(.*_)?(plot|draw|visuali[sz]e|figure|render)(_.*)?")


def imported(tree: ast.Module) -> Mapping[str, str]:
    """The first module of what each imported name stands for."""
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for name in node.names:
                found[name.asname or name.name.partition(".")[0]] = name.name.partition(".")[0]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            module = node.module.partition(".")[0]
            found.update({name.asname or name.name: module for name in node.names})
    return found


def is_drawing(function: str) -> bool:
    """Whether a function's name says that it draws."""
    return bool(_DRAWING_FUNCTION.fullmatch(function))


def aside(call: ast.Call, called: str, modules: Mapping[str, str]) -> str:
    """Why what a call is given is no part of an experiment; nothing where it may be one."""
    root = _root(call.func)
    module = modules.get(root, "")
    if module in _DRAWING_MODULES or root in _DRAWING_ROOTS or called in _DRAWING_CALLS:
        return DRAWN
    if module in _TELLING_MODULES or called in _TELLING_CALLS:
        return TOLD
    return ""


def _root(node: ast.expr) -> str:
    while isinstance(node, ast.Attribute | ast.Call | ast.Subscript):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""
