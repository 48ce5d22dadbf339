"""The repository under audit: where it is, its trunk, its node branches, its reflogs."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

from dulwich.objectspec import parse_commit
from dulwich.refs import Ref
from dulwich.repo import Repo, UnsupportedExtension, UnsupportedVersion

from ..errors import AiresearchError
from ..names import LEASES, NODE_ID, node_at, node_places
from ..record.paths import TASK_FILE
from ..record.text import one_line
from .git_folder import common_folder_of, require_files
from .grafts import has_grafts
from .objects import DulwichObjects
from .trees import find
from .values import Unsound

_OID = re.compile(r"[0-9a-f]{40}")
_STEP = re.compile(r"([~^])(\d*)")
# git leaves out the tab where a move has no message, and dulwich's reader does not take that.
_MOVE = re.compile(rb"([0-9a-f]{40}) ([0-9a-f]{40}) ")


class Repository:
    """An open repository: a clone, a bare one, a worktree. `trunk` is a branch's short name."""

    def __init__(self, start: Path) -> None:
        if not start.is_dir():
            raise AiresearchError(f"{start} is not a folder", "name the folder of a lab")
        home = common_folder_of(start.resolve())
        if home is None:
            what = f"{start} is not in a git repository"
            raise AiresearchError(what, "name the folder of a lab or of a clone of one")
        require_files(home, loose=True)
        with _reading(home, "config or shallow"):
            self._repo = Repo.discover(str(start.resolve()))
            shallow = self._repo.get_shallow()
            self._settings = self._repo.get_config()
        with _reading(home, "packed-refs"):
            self._names = self._repo.refs.keys()
        self._require_indexes(home)
        self.objects = DulwichObjects(self._repo.object_store)
        if shallow:
            raise AiresearchError(
                "this clone is shallow, and an audit needs the whole history",
                "fetch all of it: git fetch --unshallow origin "
                "'+refs/heads/*:refs/remotes/origin/*'",
            )

    def _require_indexes(self, home: Path) -> None:
        """One that is damaged hides what the others hold, and would make of each object a lie."""
        with _reading(home, "objects/pack"):
            self._repo.object_store.get_midx()
            for pack in self._repo.object_store.packs:
                len(pack.index)

    def close(self) -> None:
        """Let go of the pack files."""
        self._repo.close()

    @property
    def home(self) -> Path:
        """Where the audit keeps its mark; whatever is here may be deleted at any time."""
        return Path(self._repo.commondir(), "airesearch")

    @property
    def has_grafts(self) -> bool:
        """Whether a file gives commits other parents than they have."""
        return has_grafts(Path(self._repo.commondir()))

    @property
    def refs(self) -> dict[str, str]:
        """Every ref by its full name with the object it leads to, symbolic ones followed."""
        return self._refs[0]

    @property
    def unreadable(self) -> list[str]:
        """The refs of nodes that lead nowhere: a broken file, a round of symbolic refs."""
        places = node_places(self._remotes)
        return [ref for ref in self._refs[1] if node_at(ref, places)]

    @property
    def leased(self) -> set[int]:
        """The nodes that some worker has taken, as far as is known here."""
        found = (ref.removeprefix(f"{LEASES}/") for ref in self.refs if ref.startswith(LEASES))
        return {int(name) for name in found if NODE_ID.fullmatch(name)}

    @cached_property
    def _refs(self) -> tuple[dict[str, str], list[str]]:
        found, broken = {}, []
        for raw in self._names:
            name = _text(raw)
            try:
                oid = self._repo.refs[raw].decode("ascii")
            except Exception:  # a ref's file is anybody's: dulwich raises whatever it likes
                oid = ""
            if _OID.fullmatch(oid):
                found[name] = oid
            else:
                broken.append(name)  # also a symbolic ref to a branch that is not born
        return found, broken

    def nodes(self) -> dict[int, dict[str, str]]:
        """The tips of each node in id order, by ref: local first, then `origin`, then others."""
        places = node_places(self._remotes)
        at = {ref: where for ref in self.refs if (where := node_at(ref, places)) is not None}
        found: dict[int, dict[str, str]] = {}
        for ref, (_, node) in sorted(at.items(), key=lambda item: places.index(item[1][0])):
            found.setdefault(node, {})[ref] = self.refs[ref]
        return dict(sorted(found.items()))

    def tips(self, branch: str) -> dict[str, str]:
        """Where a branch stands, by ref, in the same order."""
        here = [f"refs/{place}/{branch}" for place in node_places(self._remotes)]
        return {ref: self.refs[ref] for ref in here if ref in self.refs}

    @cached_property
    def trunk(self) -> str:
        """The trunk: set by `init` in git's config, else the branch that holds a task."""
        if named := self._named_trunk:
            if not self.tips(named):
                what = f"airesearch.trunk names {named}, and there is no such branch"
                raise AiresearchError(what, "name it: git config airesearch.trunk BRANCH")
            return named
        # The branch a clone was given, then the one checked out.
        follow = self._repo.refs.read_ref
        for head in [*(f"refs/remotes/{remote}/" for remote in self._remotes), "refs/heads/"]:
            name = "HEAD" if head == "refs/heads/" else f"{head}HEAD"
            target = _text(follow(Ref(name.encode("utf-8", "surrogateescape"))) or b"")
            if self._holds_task(target.removeprefix(f"ref: {head}")):
                return target.removeprefix(f"ref: {head}")
        prefixes = ("refs/heads/", *(f"refs/remotes/{remote}/" for remote in self._remotes))
        names = {ref.removeprefix(p) for ref in self.refs for p in prefixes if ref.startswith(p)}
        holders = [name for name in sorted(names) if self._holds_task(name)]
        if len(holders) == 1:
            return holders[0]
        raise AiresearchError(
            f"{'more than one' if holders else 'no'} branch holds {TASK_FILE}",
            "say which is the trunk: git config airesearch.trunk BRANCH",
        )

    def log(self, ref: str) -> list[tuple[str, str]]:
        """The moves of a ref that its reflog tells, oldest first, as (old, new)."""
        try:
            text = Path(self._repo.commondir(), "logs", ref).read_bytes()
        except OSError:
            return []
        moves = (_MOVE.match(line) for line in text.splitlines())
        return [(move[1].decode(), move[2].decode()) for move in moves if move is not None]

    def resolve(self, name: str) -> str:
        """The commit a revision names. Raises AiresearchError where it names none."""
        base = re.split(r"[~^]", name, maxsplit=1)[0]
        steps = name.removeprefix(base)
        try:
            commit = parse_commit(self._repo, base or "HEAD").id.decode()
            for sign, digits in _STEP.findall(steps):
                count = int(digits or 1)
                for _ in range(count if sign == "~" else min(count, 1)):
                    parents = self.objects.commit(commit).parents
                    commit = parents[count - 1 if sign == "^" else 0]
            return commit
        except (KeyError, ValueError, IndexError) as error:
            what = f"there is no commit {name!r} here"
            raise AiresearchError(what, "name a branch, a commit, or A..B") from error

    def between(self, old: str, new: str) -> set[str]:
        """The commits that lead to `new` and not to `old`."""
        include, exclude = ([self._repo[oid.encode()].id] for oid in (new, old))
        return {e.commit.id.decode() for e in self._repo.get_walker(include, exclude)}

    @property
    def _named_trunk(self) -> str:
        try:
            return _text(self._settings.get((b"airesearch",), b"trunk"))
        except KeyError:
            return ""

    @cached_property
    def _remotes(self) -> list[str]:
        sections = self._settings.sections()
        names = {_text(s[1]) for s in sections if s[0] == b"remote" and len(s) > 1}
        return sorted(names, key=lambda name: (name != "origin", name))

    def _holds_task(self, branch: str) -> bool:
        tips = list(self.tips(branch).values())
        if branch.startswith("node/") or not tips:
            return False
        try:
            return find(self.objects, self.objects.commit(tips[0]).tree, TASK_FILE) is not None
        except Unsound:
            return False


@contextmanager
def _reading(home: Path, what: str) -> Iterator[None]:
    """Raises AiresearchError for whatever dulwich raises: anybody may have written these files."""
    try:
        yield
    except (UnsupportedExtension, UnsupportedVersion) as error:
        kind = type(error).__name__
        raise AiresearchError(
            f"the audit's reader does not know this kind of repository ({kind}: {error})",
            "audit a whole clone: git clone URL COPY && airesearch -C COPY verify",
        ) from error
    except Exception as error:
        why = one_line(f"{type(error).__name__}: {error}")[:200]
        raise AiresearchError(
            f"{home} cannot be read ({why})", f"see what git says of {what}: git -C {home} log"
        ) from error


def _text(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape")


def shown(ref: str) -> str:
    """A ref as plain git shows it: `node/000042`, `origin/node/000042`."""
    return ref.removeprefix("refs/").removeprefix("heads/").removeprefix("remotes/")
