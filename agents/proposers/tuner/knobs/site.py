"""A named literal of a source, in whatever language it is written."""

from dataclasses import dataclass
from typing import Literal

from .domains import Domain, Value

Kind = Literal["constant", "default", "option", "argument", "setting"]
"""How a literal is used: `default` gives way to what is passed, `setting` is of a config file."""


@dataclass(frozen=True)
class Site:
    """A named literal: `source[start:end]`, from `line` to `end_line`, counted from 1.

    Most that have a `doubt` are no constants of an experiment; it says why.
    """

    name: str
    value: Value
    start: int
    end: int
    line: int
    end_line: int
    kind: Kind = "constant"
    doubt: str = ""
    word: str = ""
    """What it is called where that is not the last part of its name."""
    hint: Domain | None = None
    """What the code says that it may be, as `choices=` of an option does."""
    is_float: bool = False
    """Whether the code takes it as a float, however it is written."""
    group: str = ""
    """What it is one element of, as `BETAS` of `BETAS[0]`."""
    is_plain: bool = True
    """Whether a comment on its line means it even beside others that are not."""
    alias: str = ""
    """A name it had in earlier versions, which rules in `team.yaml` may still use."""
