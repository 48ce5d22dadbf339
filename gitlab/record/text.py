"""Text that git will carry without change: one line, prose, a quoted path."""

import re

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
# `git interpret-trailers` ends a message at either of these, wherever they stand.
_DIVIDER = re.compile(r"^(?=---|# -{24} >8 -{24})", re.MULTILINE)
_LONGEST_VALUE = 1000
_ESCAPES = {"\n": "\\n", "\t": "\\t", "\r": "\\r", '"': '\\"', "\\": "\\\\"}
# White space that a line would fold is escaped too, which git leaves as it is.
_UNSAFE = re.compile('[\x00-\x1f\x7f-\x9f\u2028\u2029"\\\\\ud800-\udfff]|[^\\S ]|(?<= ) ')


def one_line(text: str, limit: int = _LONGEST_VALUE) -> str:
    """`text` on one line of at most `limit` characters, white space folded, nothing unprintable."""
    if len(text) <= limit and text.isprintable() and "  " not in text and text == text.strip():
        return text  # as nearly every value of a record is, and a lab has millions
    line = " ".join(_CONTROL.sub(" ", text).split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def prose(text: str) -> str:
    """`text` as a message body: LF lines, no control characters, no line git reads as its own."""
    lines = _CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n")).split("\n")
    body = "\n".join(line.rstrip() for line in lines).strip("\n")
    return _DIVIDER.sub(" ", body)


def quote_path(path: str) -> str:
    """`path` as git prints it with core.quotePath off: C-quoted only where it must be."""
    if path != "..." and path == path.strip() and not _UNSAFE.search(path):
        return path
    return '"' + _UNSAFE.sub(_escape, path) + '"'


def _escape(match: re.Match[str]) -> str:
    char = match[0]
    kind = "surrogateescape" if "\udc80" <= char <= "\udcff" else "surrogatepass"
    octal = "".join(f"\\{byte:03o}" for byte in char.encode("utf-8", kind))
    return _ESCAPES.get(char, octal)


def plural(count: int, noun: str) -> str:
    """`1 file`, `2 files`, `1,204 files`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
