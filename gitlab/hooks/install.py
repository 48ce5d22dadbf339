"""Git hooks that call airesearch: written next to a hook the user already has, never over it."""

import os
import shlex
import site
import sys
from pathlib import Path

import pygit2

from ..errors import AiresearchError
from ..lab.lab import open_repository
from ..store.refs import common_folder

_MARK = "# airesearch hook: docs/policy.md says what it does and how to remove it"
# No certificates: libgit2 would read them all at its start, and a hook opens no connection.
_TEMPLATE = """\
#!/bin/sh
{mark}
{steps}
python={python}
if [ -x "$python" ]; then
    exec env -u PYTHONHOME SSL_CERT_FILE= PYTHONPATH={source} "$python" -sP -m {module}
fi
if command -v airesearch >/dev/null 2>&1; then exec airesearch hook {name}; fi
echo "airesearch is neither at $python nor on PATH, and this {what} needs it checked" >&2
echo "  install it: pip install airesearch, then: airesearch hook install" >&2
exit 1
"""
# A person's commit outside a node is nobody's to judge: it does not wait for a Python to start.
_PRE_COMMIT = """\
if [ -x "$0.user" ]; then "$0.user" "$@" || exit; fi
case $(git symbolic-ref -q HEAD) in
refs/heads/node/*) ;;
*) git config airesearch.agent >/dev/null || exit 0 ;;
esac"""
_PRE_RECEIVE = """\
if [ -x "$0.user" ]; then
    lines=$(cat)
    printf '%s\\n' "$lines" | "$0.user" "$@" || exit
    exec <<END
$lines
END
fi"""
_STEPS = {"pre-commit": ("commit", _PRE_COMMIT), "pre-receive": ("push", _PRE_RECEIVE)}
_MODULES = {
    "pre-commit": "airesearch.commands.precommit",
    "pre-receive": "airesearch hook pre-receive",
}


def hook_text(name: str, python: str = sys.executable) -> str:
    """The hook file `name`: runs the user's own first, then `python`, an absolute path."""
    what, steps = _STEPS[name]
    return _TEMPLATE.format(
        mark=_MARK,
        steps=steps,
        python=shlex.quote(python),
        source=shlex.quote(_source()),
        module=_MODULES[name],
        name=name,
        what=what,
    )


def _source() -> str:
    """The folder to import us from, where an installation alone would not find us.

    Always given, if empty: a pusher's PYTHONPATH must not choose the modules that judge the push.
    """
    ours = Path(__file__).resolve().parents[3]
    own = {Path(path).resolve() for path in site.getsitepackages()}
    return "" if ours in own else str(Path(__file__).parents[3])


def install_pre_commit(repo: pygit2.Repository) -> str:
    """Install `pre-commit`; a sentence for the user where it is theirs to do by hand, else nothing.

    A hook that is already there becomes `pre-commit.user` and runs first. Twice is as good as once.
    """
    return _install(repo, "pre-commit")


def install_pre_receive(folder: Path) -> str:
    """Install `pre-receive` in the bare repository at `folder`, and let git check what it is sent.

    The same sentence as `install_pre_commit` where core.hooksPath is set.
    """
    repo = open_repository(folder)
    if not repo.is_bare:
        raise AiresearchError(
            f"{folder} is no bare repository: nothing is pushed to it",
            "make the shared lab: git clone --bare . /path/to/lab.git",
        )
    repo.config["receive.fsckObjects"] = True
    return _install(repo, "pre-receive")


def install(folder: Path) -> tuple[str, str]:
    """Install the hook that fits the repository at `folder`; its name, and what to do by hand."""
    repo = open_repository(folder)
    if repo.is_bare:
        return "pre-receive", install_pre_receive(folder)
    return "pre-commit", install_pre_commit(repo)


def _install(repo: pygit2.Repository, name: str) -> str:
    folder = common_folder(repo) / "hooks"
    elsewhere = _elsewhere(repo, folder)
    if elsewhere:
        call = f"{shlex.quote(sys.executable)} -P -m {_MODULES[name]} || exit 1"
        return f"git's hooks are in {elsewhere}, which is left alone; add to {name} there: {call}"
    folder.mkdir(exist_ok=True)
    hook, kept = folder / name, folder / f"{name}.user"
    if hook.is_symlink() or (hook.exists() and not _is_ours(hook)):
        if kept.is_symlink() or kept.exists():
            raise AiresearchError(
                f"{hook} and {kept} are both yours, and one place is needed",
                f"put what you need of both into {kept.name}, and remove {hook.name}",
            )
        hook.rename(kept)
    _write(hook, os.fsencode(hook_text(name)))
    return ""


def _elsewhere(repo: pygit2.Repository, folder: Path) -> str:
    """Where git looks for hooks, if that is not the repository's own folder."""
    if "core.hooksPath" in repo.config:
        return str(repo.config["core.hooksPath"])
    return str(folder.resolve()) if folder.is_symlink() else ""


def _is_ours(hook: Path) -> bool:
    return hook.read_bytes().splitlines()[1:2] == [_MARK.encode()]


def _write(hook: Path, data: bytes) -> None:
    if hook.exists() and hook.read_bytes() == data and os.access(hook, os.X_OK):
        return
    aside = hook.with_name(f".{hook.name}.{os.getpid()}")
    aside.write_bytes(data)
    aside.chmod(0o755)
    aside.replace(hook)
