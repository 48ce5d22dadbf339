"""YAML to a frozen dataclass: what does not fit its type fails with line, key and mend."""

import difflib
import math
from dataclasses import MISSING, fields, is_dataclass
from types import UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import yaml

from ..gitlab.errors import AiresearchError

T = TypeVar("T")
_WORDS = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}


class SchemaError(AiresearchError):
    """A file of settings that cannot be read as its type."""


def load(kind: type[T], text: str, file: str) -> T:
    """The `kind` the YAML in `text` describes. Raises SchemaError naming file, line and key."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        where = getattr(error, "problem_mark", None)
        line = f", line {where.line + 1}" if where else ""
        problem = getattr(error, "problem", None) or error
        raise SchemaError(f"{file}{line}: not YAML: {problem}") from error
    if node is None:
        raise SchemaError(f"{file} is empty")
    value: T = _Reader(file).build(kind, node, "")
    return value


class _Reader:
    def __init__(self, file: str) -> None:
        self._file = file

    def build(self, kind: Any, node: yaml.Node, key: str) -> Any:
        """`node` as a `kind`; `key` is its dotted path, for errors."""
        origin = get_origin(kind)
        if is_dataclass(kind):
            return self._dataclass(kind, node, key)
        if origin in (Union, UnionType):
            return self.build(get_args(kind)[0], node, key)
        if origin is tuple:
            return self._tuple(get_args(kind)[0], node, key)
        if origin is dict:
            pairs = self._pairs(node, key)
            inner = get_args(kind)[1]
            return {name: self.build(inner, value, f"{key}.{name}") for name, value in pairs}
        if origin is Literal:
            return self._choice(get_args(kind), node, key)
        return self._scalar(kind, node, key)

    def _dataclass(self, kind: Any, node: yaml.Node, key: str) -> Any:
        known = {field.name: field for field in fields(kind)}
        hints = get_type_hints(kind)
        values = {}
        for name, value in self._pairs(node, key):
            if name not in known:
                raise self._unknown(name, tuple(known), value, key)
            values[name] = self.build(hints[name], value, f"{key}.{name}".lstrip("."))
        for name, field in known.items():
            required = field.default is MISSING and field.default_factory is MISSING
            if required and name not in values:
                where = f"{key}.{name}".lstrip(".")
                raise self._error(node, f"{where} is missing", f"add a line `{name}: …`")
        return kind(**values)

    def _pairs(self, node: yaml.Node, key: str) -> list[tuple[str, yaml.Node]]:
        if not isinstance(node, yaml.MappingNode):
            raise self._error(node, f"{key or 'the file'} must be `key: value` lines")
        seen: dict[str, yaml.Node] = {}
        for name, value in node.value:
            if name.value in seen:
                raise self._error(name, f"{name.value} is given twice", "remove one of the lines")
            seen[str(name.value)] = value
        return list(seen.items())

    def _tuple(self, kind: Any, node: yaml.Node, key: str) -> tuple[Any, ...]:
        if not isinstance(node, yaml.SequenceNode):
            raise self._error(node, f"{key} must be a list", f"write `[{_text(node)}]`")
        return tuple(self.build(kind, item, f"{key}[{i}]") for i, item in enumerate(node.value))

    def _choice(self, choices: tuple[str, ...], node: yaml.Node, key: str) -> str:
        if _text(node) in choices:
            return _text(node)
        raise self._error(node, f"{key} is {_text(node)!r}", f"use one of: {', '.join(choices)}")

    def _scalar(self, kind: type, node: yaml.Node, key: str) -> Any:
        wrong = self._error(node, f"{key} must be {_WORDS[kind]}, not {_text(node)!r}")
        if not isinstance(node, yaml.ScalarNode) or node.tag.endswith(":null"):
            raise wrong
        if kind is str:
            return node.value
        if kind is bool:
            if not node.tag.endswith(":bool"):
                raise wrong
            return node.value.lower() in ("true", "yes", "on")
        try:
            number = kind(node.value.replace("_", ""))
        except ValueError:
            raise wrong from None
        if not math.isfinite(number):
            raise wrong
        return number

    def _unknown(self, name: str, known: tuple[str, ...], node: yaml.Node, key: str) -> SchemaError:
        near = difflib.get_close_matches(name, known, 1)
        mend = f"did you mean {near[0]!r}?" if near else f"valid keys: {', '.join(known)}"
        where = f"{key}.{name}".lstrip(".")
        return self._error(node, f"unknown key {where!r}", mend)

    def _error(self, node: yaml.Node, what: str, mend: str = "") -> SchemaError:
        return SchemaError(f"{self._file}, line {node.start_mark.line + 1}: {what}", mend)


def _text(node: yaml.Node) -> str:
    return str(node.value) if isinstance(node, yaml.ScalarNode) else node.tag.rpartition(":")[2]
