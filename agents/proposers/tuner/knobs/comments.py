"""Comments of a source that rule what its literals may be."""

import io
import tokenize
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .rules import CHOICES, FIXED, RANGE, RULING
from .site import Site


@dataclass(frozen=True)
class Comment:
    """A comment, and whether its line holds nothing else."""

    text: str
    is_alone: bool


Comments = Mapping[int, Comment]
"""By their lines, counted from 1."""


def of_python(source: str) -> Comments:
    """The comments of a Python source."""
    tokens = tokenize.generate_tokens(io.StringIO(source, newline=None).readline)
    return {
        one.start[0]: Comment(one.string, not one.line[: one.start[1]].strip())
        for one in tokens
        if one.type == tokenize.COMMENT
    }


def rulings(found: Sequence[Site], comments: Comments) -> dict[str, tuple[int, str]]:
    """The line and the text of the comment that rules each site, by the site's name.

    Raises ValueError where one could mean either of two sites on its line.
    """
    ruled: dict[str, tuple[int, str]] = {}
    for line, comment in comments.items():
        above = comment.is_alone and RULING.match(comment.text)
        if above and not any(site.end_line == line for site in found):
            below = line + 1
            while below in comments and comments[below].is_alone:
                below += 1
            there = [site for site in found if site.line == below]
        else:
            there = [site for site in found if site.end_line == line]
        for site in _meant(there, line, comment.text):
            # What stands beside a value comes before what stands above it.
            if not above or site.name not in ruled:
                ruled[site.name] = (line, comment.text)
    return ruled


def _meant(there: Sequence[Site], line: int, comment: str) -> Sequence[Site]:
    if FIXED.match(comment):
        return there
    if not there or not (RANGE.match(comment) or CHOICES.match(comment)):
        return []
    plain = [site for site in there if site.is_plain] or there
    numbers = [site for site in plain if type(site.value) in (int, float)]
    takers = numbers if numbers and RANGE.match(comment) else plain
    of_one = len({site.group or site.name for site in takers}) == 1
    if not of_one:
        names = " and ".join(site.name for site in takers)
        say = f'line {line}: "{comment}" could mean {names}: put each on its own line'
        raise ValueError(say)
    return takers
