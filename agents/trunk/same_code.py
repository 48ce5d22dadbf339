"""Whether two Python sources are one program, comments that tools read as code included."""

import io
import re
import tokenize
from functools import lru_cache

from ..trials.program_id import syntax

_READ_BY_TOOLS = re.compile(
    r"#\s*(?:cython|distutils|type|pythran|omp|nuitka(?:-project)?|mypyc|jit|codon)\b"
    r"|#.*?coding[:=]"
)
_INLINE_SCRIPT = "# /// "
"""Where what a script depends on is listed in comments (PEP 723): then each comment counts."""


def is_same_code(one: bytes, other: bytes) -> bool:
    """Whether they differ in comments and formatting alone, and in none that a tool reads."""
    read = syntax(one)
    return bool(read) and read == syntax(other) and _pragmas(one) == _pragmas(other)


@lru_cache(maxsize=256)
def _pragmas(source: bytes) -> tuple[str, ...]:
    """The comments that count, in order; an unreadable source has its own bytes for one."""
    try:
        tokens = tokenize.tokenize(io.BytesIO(source).readline)
        comments = [token.string.strip() for token in tokens if token.type == tokenize.COMMENT]
    except (tokenize.TokenError, SyntaxError, ValueError):
        return (source.decode("latin-1"),)
    if any(comment.startswith(_INLINE_SCRIPT) for comment in comments):
        return tuple(comments)
    return tuple(comment for comment in comments if _READ_BY_TOOLS.match(comment))
