"""The small values a record's trailers hold; each is one line of text and back."""

import math
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, Self

from ..errors import RecordError

Goal = Literal["minimize", "maximize"]
METRIC_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.@/-]*")
_PLAN = re.compile(
    r"place ([1-9][0-9]{0,8}), after ([1-9][0-9]{0,8}), up to ([1-9][0-9]{0,8})(, paired)?(, log)?"
)
PARTIAL = "partial."
"""What the names of metrics begin with that cannot rank, since their trial did not end well."""


def whole(text: str) -> int:
    """A number that fits into 64 bits, as whatever keeps it must hold it."""
    number = int(text)
    if abs(number) >= 1 << 63:
        raise ValueError(f"{text[:20]}... is too large a number")
    return number


class Operator(StrEnum):
    """How a child was made from its parents."""

    DRAFT = "draft"
    IMPROVE = "improve"
    DEBUG = "debug"
    MERGE = "merge"
    ABLATE = "ablate"
    REPLICATE = "replicate"
    TRANSFER = "transfer"


class Status(StrEnum):
    """How a trial ended. Only `ok` can rank."""

    OK = "ok"
    INVALID = "invalid"
    DUPLICATE = "duplicate"
    DENIED = "denied"
    CRASH = "crash"
    TIMEOUT = "timeout"
    MEMORY = "memory"
    OUTPUT = "output"
    EVALUATOR = "evaluator"
    METRIC = "metric"
    GATE = "gate"
    CANCELLED = "cancelled"
    LOST = "lost"


class Purpose(StrEnum):
    """What a trial is for."""

    EXPLORE = "explore"
    """A new candidate's first."""
    RACE = "race"
    """One more seed of a contender, so that the best of a few is told."""
    CONFIRM = "confirm"
    """Fresh evidence for or against a contender, of either side."""
    ESTIMATE = "estimate"
    """How good a node is whose selection is done, or that nothing selected."""


class Verdict(StrEnum):
    """What the judge made of a node's trials."""

    KEEP = "keep"
    DISCARD = "discard"
    FAIL = "fail"
    CONTEND = "contend"
    """Ahead of the incumbent, and not confirmed. With a share of the error it waits for trials."""


@dataclass(frozen=True)
class Metric:
    """A finite measured number under a name: `val_error=0.0231`."""

    name: str
    value: float

    def __post_init__(self) -> None:
        if not METRIC_NAME.fullmatch(self.name):
            raise RecordError(f"not a metric's name: {self.name!r}")
        if not math.isfinite(self.value):
            raise RecordError(f"{self.name} is {self.value}, and only finite numbers are recorded")

    def __str__(self) -> str:
        return f"{self.name}={self.value!r}"

    @classmethod
    def parse(cls, text: str) -> Self:
        name, _, value = text.partition("=")
        return cls(name, float(value))


@dataclass(frozen=True)
class Dollars:
    """What something cost: `0.0412`, or `unknown`."""

    amount: float | None

    def __post_init__(self) -> None:
        if self.amount is not None and not (math.isfinite(self.amount) and self.amount >= 0):
            raise RecordError(f"{self.amount} is no price")

    def __str__(self) -> str:
        return "unknown" if self.amount is None else repr(self.amount)

    @classmethod
    def parse(cls, text: str) -> Self:
        return cls(None if text == "unknown" else float(text))


class Signed(float):
    """A difference; prints with its sign at full precision: `-0.0123`."""

    def __str__(self) -> str:
        return f"{float(self):+}"

    @classmethod
    def parse(cls, text: str) -> Self:
        return cls(text)


@dataclass(frozen=True)
class Noise:
    """The standard deviation between trials of one candidate: `0.0041, 12 degrees of freedom`."""

    sd: float
    freedom: int
    """How many replicates it rests on, beyond the first of each candidate."""

    def __str__(self) -> str:
        return f"{self.sd!r}, {self.freedom} degrees of freedom"

    @classmethod
    def parse(cls, text: str) -> Self:
        sd, _, freedom = text.partition(", ")
        return cls(float(sd), whole(freedom.removesuffix(" degrees of freedom")))


@dataclass(frozen=True)
class Plan:
    """How a node is confirmed, fixed beforehand: `place 1, after 3, up to 8, paired`."""

    place: int
    """In the error budget, from 1: who has a higher one may spend less."""
    after: int
    """Trials that the node had by then: they selected it, and are no evidence."""
    most: int
    """Fresh trials that it may have."""
    paired: bool
    """Whether they are compared seed by seed, else with all fresh trials of the incumbent."""
    log: bool
    """Whether the logarithms are compared."""

    def __str__(self) -> str:
        how = f"{', paired' if self.paired else ''}{', log' if self.log else ''}"
        return f"place {self.place}, after {self.after}, up to {self.most}{how}"

    @classmethod
    def parse(cls, text: str) -> Self:
        found = _PLAN.fullmatch(text)
        if found is None:
            raise ValueError(f"{text!r} is no plan")
        place, after, most = (int(found[n]) for n in (1, 2, 3))
        return cls(place, after, most, bool(found[4]), bool(found[5]))


@dataclass(frozen=True)
class Interval:
    """A confidence interval, for people: `[-0.0049, -0.0012]`."""

    low: float
    high: float

    def __str__(self) -> str:
        return f"[{self.low:.3g}, {self.high:.3g}]"


@dataclass(frozen=True)
class Trial:
    """One run of a node: `42.1` is node 42, first replicate. Replicates count from 1."""

    node: int
    replicate: int

    def __str__(self) -> str:
        return f"{self.node}.{self.replicate}"

    @classmethod
    def parse(cls, text: str) -> Self:
        node, _, replicate = text.partition(".")
        return cls(whole(node), whole(replicate))


@dataclass(frozen=True)
class Diff:
    """The size of a change in lines: `2 files, +12 -3`."""

    files: int
    added: int
    removed: int

    def __str__(self) -> str:
        return f"{self.files} file{'' if self.files == 1 else 's'}, +{self.added} -{self.removed}"

    @classmethod
    def parse(cls, text: str) -> Self:
        match = re.fullmatch(r"(\d+) files?, \+(\d+) -(\d+)", text)
        if match is None:
            raise ValueError(text)
        return cls(*map(whole, match.groups()))


@dataclass(frozen=True)
class Improvement:
    """Change against the baseline, signed, and relative to its size: `-0.012 (-34.5%)`."""

    change: Signed
    percent: Signed | None

    def __str__(self) -> str:
        return str(self.change) if self.percent is None else f"{self.change} ({self.percent}%)"

    @classmethod
    def parse(cls, text: str) -> Self:
        change, _, percent = text.partition(" ")
        return cls(Signed(change), Signed(percent[1:-2]) if percent else None)

    @classmethod
    def between(cls, baseline: float, value: float) -> Self:
        """From `baseline` to `value`; no percentage where the baseline is zero."""
        change = value - baseline
        percent = Signed(round(100 * change / abs(baseline), 2)) if baseline else None
        return cls(Signed(change), percent)
