"""How we start programs for ourselves: so that nothing of the lab is run by them.

A lab's checkout follows promotions, so a file in it may be any candidate's. A Python started in
that folder would import its `json.py`, and a git would run the hooks and monitors that a
configuration names there. So ours start isolated, in a folder that nobody writes to.
"""

import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType

NOWHERE = "/"
"""The folder they start in."""
GIT = ("git", "-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false")
"""How a command of git's begins that no one but us asked for."""
_ALONE = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
_RUN_MODULE = """\
import runpy, sys
sys.path.append(sys.argv.pop(1))
runpy.run_module(sys.argv.pop(1), run_name="__main__")
"""


def own_git(
    *words: str | Path,
    data: bytes = b"",
    check: bool = False,
    settings: Mapping[str, str] = MappingProxyType({}),
) -> subprocess.CompletedProcess[bytes]:
    """Run git and wait; `words` begin with where: `-C FOLDER` or `--git-dir FOLDER`.

    It has the repository's configuration and no other: the user's is left out, with the variables
    that begin with GIT_, since they point elsewhere. `settings` come on top. It gets `data` on its
    stdin, and says what it says in English. Raises CalledProcessError where it is to be checked.
    """
    env = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")} | _ALONE
    # Whether the owner is trusted was settled when the lab was opened, by the user's own settings.
    given = {"safe.directory": "*", **settings}
    options = [word for key, value in given.items() for word in ("-c", f"{key}={value}")]
    return subprocess.run(
        [*GIT, *options, *words],
        cwd=NOWHERE,
        input=data,
        capture_output=True,
        env={**env, "LC_ALL": "C"},
        check=check,
    )


def users_setting(folder: Path, name: str) -> str:
    """What a setting is to the git that the user starts in `folder`; empty where it is not set.

    With the user's configuration and variables, which is what is asked. To read it starts nothing.
    """
    words = ["git", "-C", str(folder), "config", "--get", name]
    with suppress(OSError):
        done = subprocess.run(words, capture_output=True, stdin=subprocess.DEVNULL, check=False)
        return os.fsdecode(done.stdout).rstrip("\n")
    return ""


def python(*words: str | Path, program: str = sys.executable) -> list[str]:
    """The command that runs `program`, ours or a task's, with `words`, such as `-c` and a text."""
    return [program, "-I", *map(str, words)]


def programs_elsewhere(path: str) -> str:
    """The folders of a PATH but for relative ones: what starts from those is the lab's."""
    return os.pathsep.join(folder for folder in path.split(os.pathsep) if folder.startswith("/"))


def own_module(name: str, *words: str | Path) -> list[str]:
    """The command that runs one of our modules, wherever we were imported from."""
    source = Path(__file__).resolve().parents[2]
    return python("-c", _RUN_MODULE, source, name, *words)
