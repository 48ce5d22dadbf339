"""Branches of this clone against what its remote had at the last fetch."""

from collections.abc import Iterator
from dataclasses import dataclass

from ..errors import AiresearchError
from ..store.refs import UNREADABLE, names_below, target
from ..store.trees import Oid, Repository


@dataclass(frozen=True)
class Lagging:
    """A branch that the remote has further than this clone."""

    name: str
    here: Oid
    there: Oid


def lagging(repo: Repository, remote: str, trunk: str) -> Iterator[Lagging]:
    """The trunk and the nodes' branches of this clone that have to catch up.

    Raises AiresearchError where one holds what the remote lacks.
    """
    nodes = sorted(names_below(repo, "refs/heads/node"))
    for branch in (trunk, *(f"node/{name}" for name in nodes)):
        # Ours first: what another worker of this clone publishes is there before it is here.
        here = target(repo, f"refs/heads/{branch}")
        there = target(repo, f"refs/remotes/{remote}/{branch}")
        if here is None or here in (UNREADABLE, there):
            continue
        if there is not None and repo.descendant_of(there, here):
            yield Lagging(branch, here, there)
        elif there is None or repo.descendant_of(here, there):
            raise AiresearchError(
                f"{branch} holds commits that {remote} lacks",
                f"publish them: git push {remote} {trunk} 'refs/heads/node/*'",
            )
        elif branch == trunk:
            raise AiresearchError(
                f"{trunk} went one way here and another on {remote}",
                f"put your commits on top: git pull --rebase {remote} {trunk}; then: "
                f"git push {remote} {trunk}",
            )
        else:
            raise AiresearchError(
                f"{branch} is one node here and another on {remote}",
                f"keep yours under another name: git branch -m {branch} mine/{branch[5:]}",
            )
