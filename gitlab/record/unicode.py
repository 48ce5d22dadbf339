"""What Unicode hides: characters that nobody sees, and names that a file system takes for others.

By Unicode's own properties, from the tables of `regex`: Python's know categories alone, and what is
drawn as nothing (a variation selector, a Hangul filler) is in several.
"""

import re
import unicodedata
from functools import cache, lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import regex

_ASCII_UNSEEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\r(?!\n)")
_IGNORED = r"\p{Default_Ignorable_Code_Point}\p{Bidi_Control}\p{Cf}"
# Of C, what no font has and what moves the cursor; a line ends in LF, and may in CR LF.
_UNSEEN = rf"[{_IGNORED}\p{{C}}\p{{Zl}}\p{{Zp}}--[\t\n\r]]|\r(?!\n)"
_SHORT = re.compile(r"([^~.]{1,6})~[0-9]+(?:\.[^.]*)?")
"""A short name that NTFS or FAT gives a long one: `airese~1.yam`."""


@cache
def _table(pattern: str) -> "regex.Pattern[str]":
    import regex  # 15 ms that plain ASCII need not pay

    return regex.compile(pattern, regex.VERSION1)


def escaped(text: str) -> str:
    r"""`text` fit for a terminal: `\x1b` or `\u202e` for each character that would not be seen.

    Those are control characters but for tabs and ends of lines, what changes the direction of
    writing, what is drawn as nothing, and other ends of lines than LF.
    """
    if text.isascii():
        return _ASCII_UNSEEN.sub(lambda found: ascii(found[0])[1:-1], text)
    return _table(_UNSEEN).sub(lambda found: ascii(found[0])[1:-1], text)


def undirected(text: str) -> str:
    """`text` without what changes the direction of writing, so that it reads as it is stored."""
    return text if text.isascii() else _table(r"\p{Bidi_Control}").sub("", text)


def has_unseen(text: str) -> bool:
    """Whether a name holds what `escaped` would change, a tab or the end of a line."""
    return escaped(text) != text or any(char in "\t\n\r" for char in text)


@lru_cache(maxsize=4096)
def folded(path: str) -> str:
    r"""One spelling for all that some file system takes for the same path.

    HFS+, APFS, NTFS and an ext4 that folds case differ in what they ignore; this ignores what any
    of them does: case, unicode form, characters that are drawn as nothing, dots and spaces at the
    end of a name, what follows a colon (a stream of NTFS), and `\` for `/`.
    """
    if path.isascii():
        plain = path.lower()
    else:
        plain = _table(f"[{_IGNORED}]").sub("", path)
        for _ in range(2):  # what comes of one step may be subject to another
            # By capitals: of the dotless and the long letters some file systems know only those.
            plain = unicodedata.normalize("NFKC", plain).upper().casefold()
        plain = unicodedata.normalize("NFKC", plain).replace("i\u0307", "i")
    names = plain.replace("\\", "/").split("/")
    return "/".join(name.partition(":")[0].rstrip(". ") or name for name in names)


def is_short_for(name: str, long: str) -> bool:
    """Whether the folded `name` may be the short one that NTFS has for the folded `long`.

    Only the first letters tell; which number or which four digits of a hash follow cannot be known.
    """
    short = _SHORT.fullmatch(name) if "~" in name else None
    if short is None:
        return False
    letters = re.sub(r"[. ]", "", long.rpartition(".")[0].lstrip(".") or long.lstrip("."))
    hashed = re.fullmatch(r"(.{1,2})[0-9a-f]{4}", short[1])
    return letters.startswith(short[1]) or bool(hashed and letters.startswith(hashed[1]))
