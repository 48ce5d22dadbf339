"""Every literal of the files at hand: a knob within its range, or left alone and why."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from ....gitlab.errors import AiresearchError
from ....policies.task.schema import meant
from .knobs import Knob, Surveyed
from .knobs.domains import Domain, Range, Value, end_of
from .knobs.rules import marked_domain
from .knobs.site import Site
from .version import Version

RULED = "team.yaml says `fixed`"


@dataclass(frozen=True)
class Entry:
    """A literal by its name with its file, and what the tuner makes of it."""

    name: str
    path: str
    site: Site
    """Where it stands now, with the value it has now."""
    domain: Domain | None
    why_alone: str = ""
    start: Value = None
    """The value that the search began with."""
    is_marked: bool = False
    """Whether a person says what it may be, in a comment or in `team.yaml`."""
    counts: bool = True
    """Whether the candidate goes by it; False where something else sets it, or nothing reads it."""

    @property
    def knob(self) -> Knob | None:
        """What the sampler turns; None where it is left alone, or has a value of another kind."""
        if self.domain is None or not self.domain.knows(self.site.value):
            return None
        return Knob(self.name, self.start, self.domain)

    @property
    def end(self) -> str:
        """`low` or `high` where its value stands at that end of its range."""
        return "" if self.domain is None else end_of(self.domain, self.site.value)

    def alone(self, why: str) -> "Entry":
        """The same, left alone."""
        return replace(self, domain=None, why_alone=why)


def entries(
    now: Mapping[str, Version],
    base: Mapping[str, Version],
    first: Mapping[str, Version],
    rules: Mapping[str, str],
) -> list[Entry]:
    """Those of the files as they are `now`, by what comments say at the `base`.

    Ranges are as they were at the `first` of all bases, so that they follow no winner.
    """
    found: list[Entry] = []
    for path, version in now.items():
        at_base = _surveyed(base.get(path), path, raises=True)
        at_first = _surveyed(first.get(path), path, raises=False)
        here = _surveyed(version, path, raises=False)
        for site in version.sites:
            own = here.get(site.name) or Surveyed(site, None, "its comment cannot be read")
            made = _entry(path, site, own, at_base.get(site.name), at_first.get(site.name))
            found.append(made)
    return list(_ruled(found, base, rules))


def _surveyed(version: Version | None, path: str, *, raises: bool) -> dict[str, Surveyed]:
    try:
        return {} if version is None else {one.site.name: one for one in version.survey}
    except ValueError as error:
        if not raises:
            return {}  # a child's bad comment must not end the run
        mend = "correct the comment and commit it"
        raise AiresearchError(f"{path}, {error}", mend) from error


def _entry(
    path: str, site: Site, here: Surveyed, base: Surveyed | None, first: Surveyed | None
) -> Entry:
    chosen = here
    if base is not None and (base.is_marked or base.domain is not None):
        chosen = base
    if not chosen.is_marked and chosen.domain is not None and first is not None:
        began = first.domain
        # A person who has set it to what lies beyond has begun anew.
        if began is not None and _holds(began, chosen.site.value):
            chosen = replace(chosen, domain=began)
    return Entry(
        name=f"{path}:{site.name}",
        path=path,
        site=site,
        domain=chosen.domain,
        why_alone=chosen.why_alone,
        start=chosen.site.value,
        is_marked=chosen.is_marked,
    )


def _holds(domain: Domain, value: Value) -> bool:
    if not domain.knows(value):
        return False
    if isinstance(domain, Range):
        return domain.low <= float(value or 0) <= domain.high
    return True


def _ruled(
    found: list[Entry], base: Mapping[str, Version], rules: Mapping[str, str]
) -> Iterable[Entry]:
    """What `team.yaml` says of a name comes before what its file says."""
    names = {entry.name: entry.name for entry in found}
    names |= {f"{e.path}:{e.site.alias}": e.name for e in found if e.site.alias} | names
    of_base = {f"{path}:{name}" for path, version in base.items() for name in version.values}
    for name in rules:
        if name not in names and name not in of_base:
            there = meant(name, names, "literals that have a name")
            raise AiresearchError(f"knobs: no file that may be edited holds {name}", there)
    by_name = {names[name]: rule.strip() for name, rule in rules.items() if name in names}
    for entry in found:
        yield _by_rule(entry, by_name[entry.name]) if entry.name in by_name else entry


def _by_rule(entry: Entry, rule: str) -> Entry:
    if rule == "fixed":
        return replace(entry.alone(RULED), is_marked=True)
    value = entry.site.value
    try:
        domain = marked_domain(f"# {rule}", entry.name, value, None)
    except ValueError as error:
        raise AiresearchError(f"knobs: {error}", "correct it and commit it") from error
    return replace(entry, domain=domain, why_alone="", start=value, is_marked=True)
