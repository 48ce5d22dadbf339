"""Git hooks that call airesearch: written next to a hook the user already has, never over it."""

import os
import shlex
import sys
from pathlib import Path

import pygit2

from ..errors import AiresearchError
from ..isolated import own_module, users_setting
from ..lab.checkout import BEHIND
from ..lab.lab import open_repository
from ..store.refs import common_folder
from .proc_receive import REFS

_MARK = "# airesearch hook: docs/policy.md says what it does and how to remove it"
# No certificates: libgit2 would read them all at its start, and a hook opens no connection.
_TEMPLATE = """\
#!/bin/sh
{mark}
{steps}
python={python}
if [ -x "$python" ]; then
    SSL_CERT_FILE= exec "$python" {words}
fi
{instead}echo "airesearch is neither at $python nor on PATH, and this {event} needs it checked" >&2
echo "  install it: pip install airesearch, then: airesearch hook install" >&2
exit 1
"""
# A person's commit outside a node is nobody's to judge. It waits for a Python to start where there
# is something to say: what was left behind, rules that change, what a commit will cost.
_PRE_COMMIT = """\
if [ -f "$0.user" ] && [ -x "$0.user" ]; then "$0.user" "$@" || exit; fi
case $(git symbolic-ref -q HEAD) in
refs/heads/node/*) ;;
*) git config airesearch.agent >/dev/null ||
    git rev-parse -q --verify @BEHIND@ >/dev/null ||
    ! git diff --cached --quiet --no-ext-diff -- airesearch.yaml team.yaml policies ||
    { git cat-file -e HEAD:team.yaml 2>/dev/null &&
        trunk=$(git config airesearch.trunk || git symbolic-ref -q --short HEAD) &&
        [ "$(git symbolic-ref -q HEAD)" = "refs/heads/$trunk" ]; } || exit 0 ;;
esac""".replace("@BEHIND@", BEHIND)
_PRE_RECEIVE = """\
if [ -f "$0.user" ] && [ -x "$0.user" ]; then
    lines=$(cat)
    printf '%s\\n' "$lines" | "$0.user" "$@" || exit
    exec <<END
$lines
END
fi"""
# Who pushes to a path has a PATH of their own: what judges a push is not looked for there.
_ANY_PYTHON = """\
if command -v airesearch >/dev/null 2>&1; then exec airesearch hook pre-commit; fi
"""
_STEPS = {
    "pre-commit": ("commit", _PRE_COMMIT, _ANY_PYTHON),
    "pre-receive": ("push", _PRE_RECEIVE, ""),
    "proc-receive": ("push", "", ""),
}
_MODULES = {
    "pre-commit": ("airesearch.commands.precommit",),
    "pre-receive": ("airesearch", "hook", "pre-receive"),
    "proc-receive": ("airesearch.gitlab.hooks.proc_receive",),
}


def hook_text(name: str, python: str = sys.executable) -> str:
    """The hook file `name`: runs the user's own first, then `python`, an absolute path."""
    event, steps, instead = _STEPS[name]
    # Isolated: no variable of who pushes chooses the modules that judge the push.
    words = shlex.join(own_module(*_MODULES[name])[1:])
    return _TEMPLATE.format(
        mark=_MARK,
        steps=steps,
        python=shlex.quote(python),
        words=words,
        instead=instead,
        event=event,
    )


def install_pre_commit(repo: pygit2.Repository) -> str:
    """Install `pre-commit`; a sentence for the user where it is theirs to do by hand, else nothing.

    A hook that is already there becomes `pre-commit.user` and runs first. Twice is as good as once.
    """
    return _install(repo, "pre-commit")


def install(folder: Path) -> tuple[str, str]:
    """Install the hook that fits the repository at `folder`; its name, and what to do by hand.

    That is `pre-commit` in a checkout. In a bare repository it is `pre-receive`, with
    `proc-receive` beside it, and git is told to check what it is sent.
    """
    repo = open_repository(folder)
    if not repo.is_bare:
        return "pre-commit", install_pre_commit(repo)
    return "pre-receive", install_receive(repo)


def install_receive(repo: pygit2.Repository) -> str:
    """The same of the two hooks of a shared lab: `proc-receive` moves what `pre-receive` let in."""
    repo.config["receive.fsckObjects"] = True
    by_hand = _install(repo, "pre-receive")
    if by_hand:
        return by_hand
    by_hand = _install(repo, "proc-receive")
    for refs in () if by_hand else REFS:
        repo.config.set_multivar("receive.procReceiveRefs", f"^{refs}$", refs)
    return by_hand


def is_guarded(repo: pygit2.Repository) -> bool:
    """Whether the hook of a shared lab is installed, by this version or an earlier one."""
    hook = common_folder(repo) / "hooks" / "pre-receive"
    return hook.is_file() and _is_ours(hook) and os.access(hook, os.X_OK)


def _install(repo: pygit2.Repository, name: str) -> str:
    folder = common_folder(repo) / "hooks"
    elsewhere = _hooks_path(repo) or (str(folder.resolve()) if folder.is_symlink() else "")
    if not elsewhere and folder.exists() and not folder.is_dir():
        return f"{folder} is no folder, so that git runs no hook: remove it, and type it again"
    if elsewhere:
        call = f"{shlex.join(own_module(*_MODULES[name]))} || exit 1"
        return f"git's hooks are in {elsewhere}, which is left alone; add to {name} there: {call}"
    folder.mkdir(exist_ok=True)
    hook, kept = folder / name, folder / f"{name}.user"
    text = hook.read_bytes() if hook.is_file() else b""
    is_ours = _is_ours(hook)
    if not is_ours and (hook.is_symlink() or hook.exists()):
        if name == "proc-receive":
            return f"{hook} is yours, and git asks one only: a push may move some of its refs alone"
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


def _hooks_path(repo: pygit2.Repository) -> str:
    """Where git itself would look for hooks, by all that it reads; empty where that is as ever.

    Git is asked, since libgit2 does not know of the variables that name a user's configuration.
    """
    if found := users_setting(Path(repo.workdir or repo.path), "core.hooksPath"):
        return found
    return str(repo.config["core.hooksPath"]) if "core.hooksPath" in repo.config else ""


def _is_ours(hook: Path) -> bool:
    """Whether a file is a hook that we wrote."""
    if hook.is_symlink() or not hook.is_file():
        return False
    return hook.read_bytes().splitlines()[1:2] == [_MARK.encode()]
