"""Branches of this clone against what its remote had at the last fetch."""

from collections.abc import Iterator
from dataclasses import dataclass

from ..errors import AiresearchError
from ..store.refs import UNREADABLE, names_below, target
from ..store.trees import Oid, Repository


@dataclass(frozen=True)
class Lagging:
    """A branch here that the remote has further."""

    branch: str
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
        if there is None or not repo.descendant_of(there, here):
            raise _ahead(repo, remote, trunk, branch, there)
        yield Lagging(branch, here, there)


def _ahead(
    repo: Repository, remote: str, trunk: str, branch: str, there: Oid | None
) -> AiresearchError:
    here = target(repo, f"refs/heads/{branch}")
    if there is None or here is None or repo.descendant_of(here, there):
        return AiresearchError(
            f"{branch} holds commits that {remote} lacks",
            f"publish them: git push {remote} {trunk} 'refs/heads/node/*'",
        )
    if branch == trunk:
        return AiresearchError(
            f"{trunk} went one way here and another on {remote}",
            f"put your commits on top: git pull --rebase {remote} {trunk}; then: "
            f"git push {remote} {trunk}",
        )
    return AiresearchError(
        f"{branch} is one node here and another on {remote}",
        f"keep yours under another name: git branch -m {branch} mine/{branch[5:]}",
    )
