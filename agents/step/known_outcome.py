"""The outcome of a trial that need not be run: it was refused, did not compile, or is on record."""

import shutil
import sys
import warnings
from ast import PyCF_ONLY_AST
from pathlib import Path

from ...gitlab.record.facts import Status
from ...gitlab.record.paths import FAILED, REFUSED
from ...gitlab.store.change import compare
from ...gitlab.store.trees import read
from ...gitlab.tree.search_tree import Node
from ..executors.environment import find_command
from ..snapshot import Snapshot
from ..trials.outcome import Outcome
from ..trials.program_id import same_program

_LINE_COUNTS = {"code_lines", "diff_lines"}
_LARGEST_SOURCE = 1 << 20


def known_outcome(now: Snapshot, node: Node, seed: int) -> Outcome | None:
    """The outcome of the node's next trial where no compute is needed to know it."""
    repo, tree = now.lab.repo, now.lab.tree_of(node.proposed)
    if read(repo, tree, REFUSED) is not None:
        refusals = [line for line in node.propose.body.split("\n") if line.startswith("Refused: ")]
        reasons = "; ".join(line.removeprefix("Refused: ") for line in refusals)
        return Outcome(Status.DENIED, reasons)
    failed = read(repo, tree, FAILED)
    if failed is not None:
        what = failed.decode("utf-8", "replace").strip()
        return Outcome(Status.CRASH, f"the proposer failed: {what}", log=failed)
    return _duplicate(now, node, seed) or _invalid(now, node)


def _duplicate(now: Snapshot, node: Node, seed: int) -> Outcome | None:
    """What an earlier node got for the same. Only a first trial: replicates are there to differ.

    Not a baseline: all that grows from a base is compared with its own, so that has to be measured.
    """
    if node.trials or not node.parents:
        return None
    lab, mine = now.lab, node.propose
    for other in now.tree.alike(node):
        answer = next((trial for trial in other.answers if trial.seed == seed), None)
        if answer is None:
            continue
        if mine.candidate == other.propose.candidate:
            same = f"same candidate as node {other.id}"
        # Comments and formatting are what these two count.
        elif mine.program != other.propose.program or _LINE_COUNTS & set(now.task.metrics):
            continue
        # The trailers only say where to look: what is pulled in may say anything.
        elif same_program(
            lab, lab.tree_of(other.proposed), lab.tree_of(node.proposed), now.measured.is_counted
        ):
            same = f"same program as node {other.id} (formatting and comments aside)"
        else:
            continue
        value = now.value(other)
        shown = "" if value is None else f", {now.task.objective.metric}={value:.6g}"
        return Outcome(Status.DUPLICATE, f"{same}, which was {answer.status}{shown}")
    return None


def _invalid(now: Snapshot, node: Node) -> Outcome | None:
    """A changed Python file that will not compile, where trials run in this very Python."""
    repo, tree = now.lab.repo, now.lab.tree_of(node.proposed)
    changes = compare(repo, now.lab.tree_of(node.onto), tree).paths if node.parents else ()
    sources = [c for c in changes if c.path.endswith(".py") and c.size <= _LARGEST_SOURCE]
    if not sources or not _is_ours(find_command(now.task.candidate, now.variables)):
        return None
    for change in sources:
        fault = _syntax_fault(read(repo, tree, change.path) or b"", change.path)
        if fault:
            return Outcome(Status.INVALID, fault, log=fault.encode("utf-8", "replace") + b"\n")
    return None


def _is_ours(program: str | None) -> bool:
    ours = shutil.which(sys.executable)
    if program is None or ours is None:
        return False
    return Path(program).resolve() == Path(ours).resolve()


def _syntax_fault(source: bytes, path: str) -> str:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # Parsed only: to compile what is nested deep takes memory and time without end.
            compile(source, path, "exec", PyCF_ONLY_AST, dont_inherit=True)
    except SyntaxError as error:
        return f"{path}, line {error.lineno}: {error.msg}"
    except (ValueError, RecursionError, MemoryError) as error:
        return f"{path} does not compile: {type(error).__name__}: {error}"
    return ""
