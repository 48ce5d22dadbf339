"""How long a candidate's code is, for tasks that prefer less of it."""

from ...gitlab.store.trees import EMPTY, Oid, Repository, differences, read
from ...policies.paths import matches


class CodeLines:
    """Counts the lines that are not blank in files that the patterns `editable` name."""

    def __init__(self, repo: Repository, editable: tuple[str, ...]) -> None:
        self._repo = repo
        self._editable = editable
        self._last = EMPTY, 0
        """The tree whose lines were last counted, and how many it has."""

    def of(self, tree: Oid) -> int:
        """The lines in `tree`."""
        # Counted on from the last one: a large repository is read once, not at each trial.
        before, count = self._last
        try:
            count += self._added(before, tree)
        except KeyError:  # no commit holds that tree: gc may have taken it
            count = self._added(EMPTY, tree)
        self._last = tree, count
        return count

    def _added(self, before: Oid, after: Oid) -> int:
        count = 0
        for change in differences(self._repo, before, after):
            if matches(self._editable, change.path):
                for sign, tree in ((1, after), (-1, before)):
                    text = read(self._repo, tree, change.path) or b""
                    count += sign * sum(1 for line in text.splitlines() if line.strip())
        return count
