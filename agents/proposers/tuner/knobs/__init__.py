"""Knobs: the literal values in a source that a tuner may turn.

A comment on a value's last line, or alone on the line above, rules what it may be:

    LEARNING_RATE = 0.1  # range: 1e-4..1 log
    ACTIVATION = "relu"  # choices: relu, tanh
    HIDDEN = 64  # fixed
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .comments import rulings
from .domains import Domain, Value, same
from .languages import PYTHON, Language
from .python.sites import LOCAL
from .rules import FIXED, SEED, default_domain, is_common, is_seed, marked_domain, why_alone
from .site import Site


@dataclass(frozen=True)
class Knob:
    """A literal by name (`LR`, `SVC.C`, `SVC.C#2`), the value it has and the values it may have."""

    name: str
    value: Value
    domain: Domain


@dataclass(frozen=True)
class Surveyed:
    """A site, and the values it may have, or why it is left alone."""

    site: Site
    domain: Domain | None
    why_alone: str = ""
    is_marked: bool = False
    """Whether a comment says so."""


TEXT = "a text: say what else it may be, `# choices: a, b`"
NOTHING = "None: say what else it may be, `# choices: None, 3`"
NO_RANGE = "zero or negative, a flag more often than a size: say so if not, `# range: 0..3`"
MARKED = "its comment says `# fixed`"


def find(source: str, language: Language = PYTHON) -> tuple[Knob, ...]:
    """The knobs of a source, in order; raises ValueError for a malformed comment.

    Left out: seeds, values marked `# fixed`, and, unless a comment gives their range or choices,
    strings, None, doubtful sites, and what `default_domain` finds dull.
    """
    return tuple(
        Knob(one.site.name, one.site.value, one.domain)
        for one in survey(source, language)
        if one.domain is not None
    )


def survey(source: str, language: Language = PYTHON) -> tuple[Surveyed, ...]:
    """Every site of a source, knob or not; raises ValueError for a malformed comment."""
    return judged(language.sites(source), source, language)


def judged(found: Sequence[Site], source: str, language: Language) -> tuple[Surveyed, ...]:
    """The same of sites that were found before."""
    comments = language.comments(source) if "#" in source or "/" in source else {}
    open_to_rules = [site for site in found if not is_seed(site.word or site.name)]
    ruled = rulings(open_to_rules, comments)
    return tuple(_judged(site, ruled.get(site.name)) for site in found)


def _judged(site: Site, ruling: tuple[int, str] | None) -> Surveyed:
    word = site.word or site.name
    if is_seed(word):
        return Surveyed(site, None, SEED)
    if ruling is not None:
        line, comment = ruling
        if FIXED.match(comment):
            return Surveyed(site, None, MARKED, is_marked=True)
        domain = marked_domain(comment, site.name, site.value, line)
        return Surveyed(site, domain, is_marked=True)
    why = why_alone(word)
    if site.doubt and not (site.doubt == LOCAL and is_common(word) and not why):
        return Surveyed(site, None, why or site.doubt)
    if site.hint is not None and not why and site.hint.knows(site.value):
        return Surveyed(site, site.hint)
    is_whole = site.is_float and type(site.value) is int
    default = default_domain(word, float(site.value or 0) if is_whole else site.value)
    return Surveyed(site, default, "" if default else why or _no_domain(site.value))


def _no_domain(value: Value) -> str:
    if value is None:
        return NOTHING
    return TEXT if isinstance(value, str) else NO_RANGE


def read(source: str, language: Language = PYTHON) -> dict[str, Value]:
    """Every literal by name, knob or not; raises SyntaxError if the source is not Python."""
    return {site.name: site.value for site in language.sites(source)}


def without_literals(source: str, language: Language = PYTHON) -> str:
    """The source without its named literals: the same for two that differ in values only."""
    return without(language.sites(source), source)


def without(found: Sequence[Site], source: str) -> str:
    """The same, of sites that were found before."""
    for site in reversed(found):
        source = source[: site.start] + source[site.end :]
    return source.replace("\r\n", "\n").replace("\r", "\n")


def assign(source: str, values: Mapping[str, Value], language: Language = PYTHON) -> str:
    """The source with these literals changed and every other character kept.

    Raises KeyError for a name that is not in the source, ValueError for a number not finite.
    """
    there = {site.name: site for site in language.sites(source)}
    changed = [(there[name], value) for name, value in values.items()]
    for site, value in sorted(changed, key=lambda one: one[0].start, reverse=True):
        if not same(site.value, value):
            text = language.literal(source[site.start : site.end], value)
            source = source[: site.start] + text + source[site.end :]
    return source
