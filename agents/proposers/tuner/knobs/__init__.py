"""Knobs: the literal values in a Python source that a tuner may turn.

A trailing comment on a value's last line rules what it may be:

    LEARNING_RATE = 0.1  # range: 1e-4..1 log
    ACTIVATION = "relu"  # choices: relu, tanh
    HIDDEN = 64  # fixed
"""

import io
import tokenize
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .domains import Domain, Value, same
from .rules import CHOICES, FIXED, RANGE, default_domain, is_seed, marked_domain
from .sites import Site, sites
from .text import literal


@dataclass(frozen=True)
class Knob:
    """A literal by name (`LR`, `SVC.C`, `SVC.C#2`), the value it has and the values it may have."""

    name: str
    value: Value
    domain: Domain


def find(source: str) -> tuple[Knob, ...]:
    """The knobs of a source, in order; raises ValueError for a malformed comment.

    Left out: seeds, values marked `# fixed`, and, unless a comment gives their range or choices,
    strings, None, doubtful sites, and what `default_domain` finds dull.
    """
    tokens = tokenize.generate_tokens(io.StringIO(source, newline=None).readline)
    comments = {one.start[0]: one.string for one in tokens if one.type == tokenize.COMMENT}
    found = [
        site
        for site in sites(source)
        if not (FIXED.match(comments.get(site.end_line, "")) or is_seed(site.name))
    ]
    marks = {
        _marked(found, line, comment): comment
        for line, comment in comments.items()
        if (RANGE.match(comment) or CHOICES.match(comment))
        and any(site.end_line == line for site in found)
    }
    knobs = []
    for site in found:
        domain = None if site.doubtful else default_domain(site.name, site.value)
        if site.name in marks:
            domain = marked_domain(marks[site.name], site.name, site.value, site.end_line)
        if domain is not None:
            knobs.append(Knob(site.name, site.value, domain))
    return tuple(knobs)


def read(source: str) -> dict[str, Value]:
    """Every literal by name, knob or not; raises SyntaxError if the source is not Python."""
    return {site.name: site.value for site in sites(source)}


def without_literals(source: str) -> str:
    """The source without its named literals: the same for two that differ in values only."""
    for site in reversed(sites(source)):
        source = source[: site.start] + source[site.end :]
    return source.replace("\r\n", "\n").replace("\r", "\n")


def assign(source: str, values: Mapping[str, Value]) -> str:
    """The source with these literals changed and every other character kept.

    Raises KeyError for a name that is not in the source, ValueError for a number not finite.
    """
    there = {site.name: site for site in sites(source)}
    changed = [(there[name], value) for name, value in values.items()]
    for site, value in sorted(changed, key=lambda one: one[0].start, reverse=True):
        if not same(site.value, value):
            text = literal(source[site.start : site.end], value)
            source = source[: site.start] + text + source[site.end :]
    return source


def _marked(found: Sequence[Site], line: int, comment: str) -> str:
    """The name of the one literal on a line that its comment can mean."""
    there = [site for site in found if site.end_line == line]
    numbers = [site for site in there if type(site.value) in (int, float)]
    takers = numbers if numbers and RANGE.match(comment) else there
    if len(takers) > 1:
        names = " and ".join(site.name for site in takers)
        say = f'line {line}: "{comment}" could mean {names}: put each on its own line'
        raise ValueError(say)
    return takers[0].name
