"""YAML to a frozen dataclass: what does not fit its type fails with line, key and mend."""

import difflib
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from types import UnionType
from typing import Any, Generic, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import yaml

from ...gitlab.errors import AiresearchError
from ...gitlab.record.text import one_line

T = TypeVar("T")
_WORDS = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}
# The parser reads about 100 kB a second.
_LARGEST = 1_000_000
_LONGEST_MESSAGE = 400
_HALF_CHARACTER = re.compile("[\ud800-\udfff]")
_YAML_MEND = "YAML wants spaces before a key, and quotes around text with : # { [ * & ! % @ in it"


class SchemaError(AiresearchError):
    """A file of settings that cannot be read as its type."""


@dataclass(frozen=True)
class Document(Generic[T]):
    """A value with where it stands: `lines` holds each key, dotted, as in `team.a.backend`."""

    value: T
    file: str
    lines: Mapping[str, int]

    def error(self, key: str, what: str, mend: str = "") -> SchemaError:
        """The error about `key`, with its line where the file gives the key."""
        return _error(self.file, self.lines.get(key), what, mend)


def load(kind: type[T], source: str | bytes, file: str) -> T:
    """The `kind` the YAML in `source` describes. Raises SchemaError naming file, line and key."""
    return load_document(kind, source, file).value


def load_document(kind: type[T], source: str | bytes, file: str) -> Document[T]:
    """The same with the line of each key."""
    node = _compose(source, file)
    if node is None:
        if not _required(kind):
            return Document(kind(), file, {})
        needed = ", ".join(_required(kind))
        raise SchemaError(f"{file} is empty", f"write `key: value` lines; needed are: {needed}")
    reader = _Reader(file)
    return Document(reader.build(kind, node, ""), file, reader.lines)


def _compose(source: str | bytes, file: str) -> yaml.Node | None:
    if len(source) > _LARGEST:
        raise SchemaError(
            f"{file} has {len(source):,} bytes, and at most {_LARGEST:,} are read",
            "keep data in files of its own",
        )
    try:
        text = source if isinstance(source, str) else source.decode()
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise _error(file, line, "this is not UTF-8 text", "save the file as UTF-8") from error
    try:
        return yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        what = f"not YAML: the character {text[error.position]!r} may not stand in it"
        raise _error(file, line, what, "remove it, or escape it in double quotes") from error
    except yaml.MarkedYAMLError as error:
        at = error.problem_mark.line + 1 if error.problem_mark else None
        raise _error(file, at, f"not YAML: {error.problem}", _YAML_MEND) from error
    except RecursionError as error:
        raise _error(file, None, "nested too deep to be read", "close the brackets") from error
    except (ValueError, OverflowError) as error:
        # PyYAML computes with escapes and version numbers before it checks them.
        raise _error(file, None, f"not YAML: {error}", _YAML_MEND) from error


@dataclass(frozen=True)
class Block:
    """A key of a mapping in block style: where it stands, and what its value holds."""

    key: str
    line: int
    """Counted from 0, and so is the column."""
    column: int
    inner: tuple["Block", ...] | None
    """The keys of its value; None where that is no mapping in block style."""


def outline(source: str | bytes, file: str) -> tuple[Block, ...] | None:
    """The keys of a file in order; None where they do not stand on lines of their own."""
    node = _compose(source, file)
    return None if node is None else _blocks(node)


def _blocks(node: yaml.Node) -> tuple[Block, ...] | None:
    if not isinstance(node, yaml.MappingNode) or node.flow_style:
        return None
    pairs = ((str(key.value), key.start_mark, value) for key, value in node.value)
    return tuple(Block(key, at.line, at.column, _blocks(value)) for key, at, value in pairs)


def meant(name: str, known: Iterable[str], all_of_them: str) -> str:
    """What to say to a name that is none of `known`: the nearest, or `all_of_them` and the list."""
    names = list(known)
    near = difflib.get_close_matches(name, names, 1)
    return f"did you mean {near[0]!r}?" if near else f"{all_of_them}: {', '.join(names)}"


class _Reader:
    def __init__(self, file: str) -> None:
        self._file = file
        self.lines: dict[str, int] = {}

    def build(self, kind: Any, node: yaml.Node, key: str) -> Any:
        """`node` as a `kind`; `key` is its dotted path."""
        self.lines[key] = _line(node)
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
            choices = get_args(kind)
            if isinstance(node, yaml.ScalarNode) and node.value in choices:
                return str(node.value)
            mend = f"use one of: {', '.join(choices)}"
            raise self._error(node, f"{key} is {_text(node)!r}", mend)
        return self._scalar(kind, node, key)

    def _dataclass(self, kind: Any, node: yaml.Node, key: str) -> Any:
        hints = get_type_hints(kind)
        values = {}
        for name, value in self._pairs(node, key):
            where = f"{key}.{name}".lstrip(".")
            if name not in hints:
                mend = meant(name, hints, "valid keys")
                raise self._error(value, f"unknown key {where!r}", mend)
            values[name] = self.build(hints[name], value, where)
        for name in _required(kind):
            if name not in values:
                where = f"{key}.{name}".lstrip(".")
                raise self._error(node, f"{where} is missing", f"add a line `{name}: …`")
        return kind(**values)

    def _pairs(self, node: yaml.Node, key: str) -> list[tuple[str, yaml.Node]]:
        if not isinstance(node, yaml.MappingNode):
            raise self._error(node, f"{key or 'the file'} must be `key: value` lines")
        seen: dict[str, yaml.Node] = {}
        for name_node, value in node.value:
            name = self._scalar(str, name_node, f"a key of {key or 'the file'}")
            if name in seen:
                raise self._error(name_node, f"{name} is given twice", "remove one of the lines")
            seen[name] = value
        return list(seen.items())

    def _tuple(self, kind: Any, node: yaml.Node, key: str) -> tuple[Any, ...]:
        if not isinstance(node, yaml.SequenceNode):
            raise self._error(node, f"{key} must be a list", f"write `[{_text(node)}]`")
        return tuple(self.build(kind, item, f"{key}[{i}]") for i, item in enumerate(node.value))

    def _scalar(self, kind: type, node: yaml.Node, key: str) -> Any:
        wrong = self._error(node, f"{key} must be {_WORDS[kind]}, not {_text(node)!r}")
        if not isinstance(node, yaml.ScalarNode) or node.tag.endswith(":null"):
            raise wrong
        if kind is str:
            if _HALF_CHARACTER.search(node.value):
                what = f"{key} holds half a character"
                raise self._error(node, what, "write the character itself")
            return str(node.value)
        if kind is bool:
            if not node.tag.endswith(":bool"):
                raise wrong
            return node.value.lower() in ("true", "yes", "on")
        try:
            number = kind(node.value.replace("_", ""))
            finite = math.isfinite(number)
        except (ValueError, OverflowError):
            raise wrong from None
        if not finite:
            raise wrong
        return number

    def _error(self, node: yaml.Node, what: str, mend: str = "") -> SchemaError:
        return _error(self._file, _line(node), what, mend)


def _error(file: str, line: int | None, what: str, mend: str) -> SchemaError:
    where = file if line is None else f"{file}, line {line}"
    return SchemaError(
        f"{where}: {one_line(what, _LONGEST_MESSAGE)}", one_line(mend, _LONGEST_MESSAGE)
    )


def _required(kind: Any) -> list[str]:
    return [
        field.name
        for field in fields(kind)
        if field.default is MISSING and field.default_factory is MISSING
    ]


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _text(node: yaml.Node) -> str:
    return str(node.value) if isinstance(node, yaml.ScalarNode) else node.tag.rpartition(":")[2]
