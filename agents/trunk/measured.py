"""What of the trees that grew from one commit of the trunk is measured, and what travels with it.

A lab with a `team.yaml` at that base leaves out of a candidate what steers and what is inert, and
has its measurement keys in place of `airesearch.yaml`. One without follows the older definitions:
a candidate is all but the bus, and the task as it stands is part of the protocol.
"""

from collections.abc import Mapping
from functools import cached_property

from ...gitlab.reader.trees import edits, find
from ...gitlab.reader.values import EMPTY, FOLDER, PLAIN_FILE, Entry, Objects, object_id
from ...gitlab.record.paths import BUS, TASK_FILE
from ...gitlab.store.trees import folders_of
from ...policies.task.measurement import measurement
from ...policies.task.task import Task
from .outside import is_on_the_bus, is_outside, task_in
from .same_code import is_same_code

Changes = Mapping[str, Entry | None]
"""What is set, or removed where None, in a tree: by path."""
_LARGEST_SOURCE = 1 << 20
_FILES = (0o100644, 0o100755)


class Measured:
    """The rules of one base: `base` and all `rules` are commits of the trunk, in hex."""

    def __init__(self, objects: Objects, base: str) -> None:
        self.objects = objects
        self.base = base
        self._left_out: dict[str, Changes] = {}
        self._tasks: dict[str, Task | None] = {}

    @cached_property
    def task(self) -> Task | None:
        """The task at the base, where it has a `team.yaml`; else None."""
        task = self.task_at(self.base)
        return task if task is not None and task.is_split else None

    def task_at(self, rules: str) -> Task | None:
        """The task at a commit of the trunk; None where none reads."""
        if rules not in self._tasks:
            self._tasks[rules] = task_in(self.objects, self._tree(rules))
        return self._tasks[rules]

    @cached_property
    def text(self) -> bytes:
        """What trials see as `airesearch.yaml`; empty where they see the file itself."""
        return b"" if self.task is None else measurement(self.task)

    def protocol_paths(self, task: Task) -> tuple[str, ...]:
        """What of the base's tree is the protocol under its `task`, beside `text`."""
        if self.task is None:
            return task.protected_paths
        return ("private", *task.evaluator_files)

    @cached_property
    def task_entry(self) -> Entry:
        """The file that holds `text`."""
        return Entry(PLAIN_FILE, object_id("blob", self.text))

    def candidate(self, rules: str) -> Changes:
        """What makes a candidate of a tree that was made under `rules`."""
        if rules not in self._left_out:
            found: dict[str, Entry | None] = {BUS: None}
            task = self.task_at(rules)
            if self.task is not None and task is not None:
                every = (edit.path for edit in edits(self.objects, EMPTY, self._tree(rules)))
                found |= {path: None for path in every if is_outside(task, path)}
                found[TASK_FILE] = self.task_entry
            self._left_out[rules] = found
        return self._left_out[rules]

    def is_counted(self, path: str) -> bool:
        """Whether a path may be a part of the program: not where trials never see it."""
        return not is_on_the_bus(path) and (self.task is None or not is_outside(self.task, path))

    def carried(self, tree: str, before: str, rules: str) -> Changes:
        """What of a `tree`, made under the rules `before`, is as it stands at `rules`.

        What trials never see, and a file that people changed where both sides are one program: so
        nothing conflicts, and the program stays what it was.
        """
        if before == rules:
            return {}
        found: dict[str, Entry | None] = {}
        task = self.task_at(rules)
        split = task if task is not None and task.is_split else None
        counts_lines = task is not None and "code_lines" in task.metrics
        for edit in edits(self.objects, self._tree(before), self._tree(rules)):
            mine = find(self.objects, tree, edit.path)
            if is_on_the_bus(edit.path) or mine == edit.new or self._is_in_the_way(tree, edit.path):
                continue
            is_free = split is not None and is_outside(split, edit.path)
            same = not counts_lines and is_same_file(self.objects, edit.path, mine, edit.new)
            if is_free or same:
                found[edit.path] = edit.new
        return found

    def _is_in_the_way(self, tree: str, path: str) -> bool:
        """Whether a file of the program's own stands where this one would need a folder.

        Or a folder where it would stand itself.
        """
        here = find(self.objects, tree, path)
        above = (find(self.objects, tree, folder) for folder in folders_of(path))
        is_file_above = any(one is not None and one.mode != FOLDER for one in above)
        return is_file_above or (here is not None and here.mode == FOLDER)

    def _tree(self, commit: str) -> str:
        return self.objects.commit(commit).tree


def is_same_file(objects: Objects, path: str, one: Entry | None, other: Entry | None) -> bool:
    """Whether two files differ in nothing, or in comments and formatting of Python alone."""
    if one == other:
        return True
    if one is None or other is None or one.mode != other.mode:
        return False
    if not path.endswith(".py") or one.mode not in _FILES:
        return False
    sources = objects.blob(one.oid), objects.blob(other.oid)
    return max(map(len, sources)) <= _LARGEST_SOURCE and is_same_code(*sources)
