"""How we start programs for ourselves: so that nothing of the lab is run by them.

A lab's checkout follows promotions, so a file in it may be any candidate's. A Python started in
that folder would import its `json.py`, and a git would run the hooks and monitors that a
configuration names there. So ours start isolated, in a folder that nobody writes to.
"""

import os
import subprocess
import sys
from pathlib import Path

NOWHERE = "/"
"""The folder they start in."""
GIT = ("git", "-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false")
"""How a command of git's begins that no one but us asked for."""
_RUN_MODULE = """\
import runpy, sys
sys.path.append(sys.argv.pop(1))
runpy.run_module(sys.argv.pop(1), run_name="__main__")
"""


def own_git(
    *words: str | Path, data: bytes = b"", check: bool = False
) -> subprocess.CompletedProcess[bytes]:
    """Run git and wait; `words` begin with where: `-C FOLDER` or `--git-dir FOLDER`.

    The user's GIT_ variables are left out, since they point elsewhere. It gets `data` on its stdin,
    and says what it says in English. Raises CalledProcessError where it is to be checked.
    """
    env = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    return subprocess.run(
        [*GIT, *words],
        cwd=NOWHERE,
        input=data,
        capture_output=True,
        env={**env, "LC_ALL": "C"},
        check=check,
    )


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
