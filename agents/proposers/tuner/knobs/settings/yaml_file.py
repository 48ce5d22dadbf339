"""Where a YAML file holds scalars, with the marks of PyYAML's nodes."""

import re
from collections.abc import Iterator

import yaml

from ..comments import Comments
from ..domains import Value
from ..site import Site
from .scalars import LARGEST, Path, commented, named, number

# libyaml's is ten times as fast, where PyYAML was built with it.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_WORD = re.compile(r"[A-Za-z_][\w./-]*")
_TRUE, _FALSE = ("true", "yes", "on"), ("false", "no", "off")


def sites(source: str) -> tuple[Site, ...]:
    """Every scalar on one line, in order; raises ValueError if it is not YAML.

    `1e-3` is a number here, as it is for OmegaConf, though PyYAML by itself takes it for a text.
    """
    if len(source) > LARGEST:
        return ()
    body = source.removeprefix("\ufeff")
    seen: set[int] = set()
    try:
        documents = list(yaml.compose_all(body, Loader=_LOADER))
    except (yaml.YAMLError, RecursionError, OverflowError) as error:
        raise ValueError(str(error)) from error
    shift = len(source) - len(body)
    scalars = []
    for document in filter(None, documents):
        for path, node in _scalars(document, (), seen):
            start, end = node.start_mark.index, node.end_mark.index
            text = body[start:end]
            if path and "\n" not in text and node.style not in ("|", ">") and text[:1] not in "&!":
                scalars.append((path, start + shift, end + shift, _value(node, text)))
    return named(source, scalars)


def comments(source: str) -> Comments:
    """The comments of a YAML source: what begins with # outside of every scalar."""
    body = source.removeprefix("\ufeff")
    taken = []
    for event in yaml.parse(body, Loader=_LOADER):
        if isinstance(event, yaml.ScalarEvent) and event.start_mark and event.end_mark:
            taken.append((event.start_mark.index, event.end_mark.index))
    starts, at = [], 0
    for first, last in [*taken, (len(body), len(body))]:
        for found in re.finditer(r"(?:^|(?<=[\s,\[\]{}]))#[^\r\n]*", body[at:first]):
            starts.append(at + found.start() + len(source) - len(body))
        at = max(at, last)
    return commented(source, starts)


def literal(old: str, value: Value) -> str:
    """`value` as YAML in the style of `old`; a float so that every loader takes it for one."""
    if isinstance(value, bool):
        return _boolean(old, value)
    if isinstance(value, float):
        mantissa, _, exponent = repr(value).partition("e")
        if mantissa in ("inf", "-inf", "nan"):
            raise ValueError(f"{value} cannot be written as a literal")
        mantissa += "" if "." in mantissa else ".0"
        return f"{mantissa}e{int(exponent):+d}" if exponent else mantissa
    if isinstance(value, str):
        is_plain = old[:1] not in "\"'" and _WORD.fullmatch(value) and _is_text(value)
        return value if is_plain else _quoted(value)
    return "null" if value is None else str(value)


def _quoted(value: str) -> str:
    """In double quotes, with every character escaped that YAML lets nobody write as it is."""
    text: str = yaml.safe_dump(value, default_style='"', allow_unicode=True, width=10**9)
    return text.rstrip("\n")


def _is_text(word: str) -> bool:
    node = yaml.compose(word)
    return node is not None and _value(node, word) == word


def _boolean(old: str, value: bool) -> str:
    """As `no` for `yes` and `False` for `True`."""
    words = _TRUE if value else _FALSE
    others = [*_TRUE, *_FALSE]
    place = others.index(old.lower()) % 3 if old.lower() in others else 0
    word = words[place]
    return word.capitalize() if old[:1].isupper() else word


def _scalars(node: yaml.Node, path: Path, seen: set[int]) -> Iterator[tuple[Path, yaml.ScalarNode]]:
    if id(node) in seen:
        return  # an alias of what was there before
    seen.add(id(node))
    if isinstance(node, yaml.ScalarNode):
        yield path, node
    elif isinstance(node, yaml.SequenceNode):
        for place, value in enumerate(node.value):
            yield from _scalars(value, (*path, place), seen)
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode):
                yield from _scalars(value, (*path, str(key.value)), seen)


def _value(node: yaml.Node, text: str) -> Value:
    kind = node.tag.rpartition(":")[2]
    if text[:1] in "\"'" and len(text) > 1:
        return str(node.value)
    if kind == "bool":
        return text.lower() in _TRUE
    if kind == "null":
        return None
    found = number(text)
    return str(node.value) if found is None else found
