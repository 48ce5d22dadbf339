"""What is run: a candidate's tree under a protocol's, with one seed."""

from dataclasses import dataclass

from ...gitlab.store.trees import Oid


@dataclass(frozen=True)
class Job:
    """One trial to run, wherever that is."""

    label: str
    """Names the trial, as `42.1`."""
    candidate: Oid
    protocol: Oid
    seed: int
    diff_lines: int

    def to_json(self) -> dict[str, str | int]:
        """The same as JSON can hold it; two jobs are the same where this is."""
        return {name: v if isinstance(v, int) else str(v) for name, v in vars(self).items()}
