"""The errors people see, and the few that code tells apart."""


class AiresearchError(Exception):
    """Something the user can mend: `what` happened, and `mend`, what to type."""

    def __init__(self, what: str, mend: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.mend = mend

    def __str__(self) -> str:
        return f"{self.what}\n  {self.mend}" if self.mend else self.what


class CannotLayOut(AiresearchError):
    """A tree that git can hold and the file system here cannot."""


class RecordError(AiresearchError):
    """A commit message that claims to be a record and is not one."""


class RefMoved(AiresearchError):
    """Another worker moved the ref first; read it again and decide anew."""


class Refused(AiresearchError):
    """A remote took note of a push and does not want it; its words are the mend."""


class Denied(AiresearchError):
    """A change no rule allows; `reasons` holds every one."""

    def __init__(self, reasons: tuple[str, ...]) -> None:
        super().__init__("; ".join(reasons))
        self.reasons = reasons


class NothingToDo(AiresearchError):
    """The budget is spent or the target is reached."""
