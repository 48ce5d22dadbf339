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
echo "airesearch is neither at $python nor on PATH, and this {event} needs it checked" >&2
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
    event, steps = _STEPS[name]
    # The folder to import us from, where an installation alone would not find us. Always given, if
    # empty: a pusher's PYTHONPATH must not choose the modules that judge the push.
    source = Path(__file__).parents[3]
    is_installed = source.resolve() in {Path(path).resolve() for path in site.getsitepackages()}
    return _TEMPLATE.format(
        mark=_MARK,
        steps=steps,
        python=shlex.quote(python),
        source=shlex.quote("" if is_installed else str(source)),
        module=_MODULES[name],
        name=name,
        event=event,
    )


def install_pre_commit(repo: pygit2.Repository) -> str:
    """Install `pre-commit`; a sentence for the user where it is theirs to do by hand, else nothing.

    A hook that is already there becomes `pre-commit.user` and runs first. Twice is as good as once.
    """
    return _install(repo, "pre-commit")


def install(folder: Path) -> tuple[str, str]:
    """Install the hook that fits the repository at `folder`; its name, and what to do by hand.

    That is `pre-commit` in a checkout. In a bare repository it is `pre-receive`, and git is told to
    check what it is sent.
    """
    repo = open_repository(folder)
    if not repo.is_bare:
        return "pre-commit", install_pre_commit(repo)
    repo.config["receive.fsckObjects"] = True
    return "pre-receive", _install(repo, "pre-receive")


def _install(repo: pygit2.Repository, name: str) -> str:
    folder = common_folder(repo) / "hooks"
    elsewhere = str(folder.resolve()) if folder.is_symlink() else ""
    if "core.hooksPath" in repo.config:
        elsewhere = str(repo.config["core.hooksPath"])
    if elsewhere:
        call = f"{shlex.quote(sys.executable)} -P -m {_MODULES[name]} || exit 1"
        return f"git's hooks are in {elsewhere}, which is left alone; add to {name} there: {call}"
    folder.mkdir(exist_ok=True)
    hook, kept = folder / name, folder / f"{name}.user"
    text = hook.read_bytes() if hook.is_file() else b""
    is_ours = not hook.is_symlink() and text.splitlines()[1:2] == [_MARK.encode()]
    if not is_ours and (hook.is_symlink() or hook.exists()):
        if kept.is_symlink() or kept.exists():
            raise AiresearchError(
                f"{hook} and {kept} are both yours, and one place is needed",
                f"put what you need of both into {kept.name}, and remove {hook.name}",
            )
        hook.rename(kept)
    new_text = os.fsencode(hook_text(name))
    if not (is_ours and text == new_text and os.access(hook, os.X_OK)):
        aside = hook.with_name(f".{hook.name}.{os.getpid()}")
        aside.write_bytes(new_text)
        aside.chmod(0o755)
        aside.replace(hook)
    return ""
