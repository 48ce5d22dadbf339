"""Git at a remote: asked without a prompt, tried again where that may help, its failures told.

Git itself carries what goes over the wire, since it knows every way in that a machine may have: ssh
with its own command, credentials in the URL or from a helper, `http.extraHeader`, proxies, and
whatever the configuration includes.
"""

import os
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import AiresearchError, Refused
from ..isolated import GIT
from ..record.text import one_line
from ..store.file_lock import file_lock
from ..store.refs import common_folder
from ..store.trees import Repository

Answer = subprocess.CompletedProcess[str]

PAUSES = (1.0, 4.0)
"""Seconds to wait before each further try, where a network or a busy remote may be better then."""
_PATIENCE = 600.0
"""Seconds after which a remote that says nothing is given up."""
# No upkeep that goes on behind our back.
_CONFIG = ("-c", "gc.auto=0", "-c", "maintenance.auto=false")
_ELSEWHERE = frozenset(
    f"GIT_{name}"
    for name in (
        "DIR",
        "COMMON_DIR",
        "WORK_TREE",
        "INDEX_FILE",
        "OBJECT_DIRECTORY",
        "ALTERNATE_OBJECT_DIRECTORIES",
        "NAMESPACE",
        "PREFIX",
    )
)
"""Variables that point git at another repository; its others say how to get in, and stay."""
_NO_ACCESS = re.compile(
    r"authentication failed|could not read (username|password)|permission denied|access denied"
    r"|error: 40[13]|not authorized|service not enabled|host key verification failed",
    re.IGNORECASE,
)
_NO_SUCH_REF = "couldn't find remote ref"


class Transport:
    """The git program, at one remote of a repository."""

    def __init__(self, repo: Repository, remote: str) -> None:
        self.remote = remote
        self._repo = repo

    @contextmanager
    def alone(self) -> Iterator[None]:
        """One worker of this clone is at the wire at a time.

        A fetch that began before a push would else write back the remote-tracking branches.
        """
        folder = common_folder(self._repo) / "airesearch"
        folder.mkdir(exist_ok=True)
        with file_lock(folder / "wire"):
            yield

    def ask(self, *words: str) -> str:
        """What git answers where the same may be asked again. Raises AiresearchError."""
        for pause in (*PAUSES, None):
            done = self.run(*words)
            if not done.returncode:
                return done.stdout
            if pause is None or is_closed(done) or _NO_SUCH_REF in done.stderr:
                break
            time.sleep(pause)
        raise self.unusable(done)

    def run(self, *words: str) -> Answer:
        """What git answers, once. Nobody is asked for anything."""
        env = {key: value for key, value in os.environ.items() if key not in _ELSEWHERE}
        env.pop("SSH_ASKPASS", None)
        env.update(GIT_TERMINAL_PROMPT="0", LC_ALL="C")
        if "GIT_SSH" not in env and "core.sshCommand" not in self._repo.config:
            env.setdefault("GIT_SSH_COMMAND", "ssh -o BatchMode=yes")
        argv = [*GIT, "-C", self._repo.workdir or self._repo.path, *_CONFIG, *words]
        try:
            # In our own session: by that it is known not to be a trial's that runs meanwhile.
            return subprocess.run(
                argv,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                env=env,
                timeout=_PATIENCE,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return Answer(argv, 1, "", f"it said nothing for {_PATIENCE:g} seconds")

    def refused(self, ref: str, why: str, answer: Answer) -> Refused:
        """The error for a push that the remote's own rules are against, in its own words."""
        lines = [line for line in answer.stderr.splitlines() if line.startswith("remote:")]
        words = [one_line(line.removeprefix("remote:")) for line in lines]
        mend = "\n  ".join(filter(None, words)) or f"see the rules of {self.remote} for pushes"
        return Refused(f"{self.remote} does not take {ref}: {one_line(why)}", mend)

    def unusable(self, answer: Answer) -> AiresearchError:
        """The error for a remote that was not reached, or let nobody in."""
        lines = [one_line(line) for line in answer.stderr.splitlines()]
        told = [line for line in lines if line and not line.startswith("error: failed to push")]
        if _NO_SUCH_REF in answer.stderr:
            mend = f"publish the trunk first: git push {self.remote} HEAD"
        elif is_closed(answer):
            mend = "give it credentials that may push: docs/ci.md says how"
        else:
            mend = f"see that it answers: git ls-remote {self.remote}; then type it again"
        words = "; ".join(told[-3:]) or f"git ended with {answer.returncode}"
        return AiresearchError(f"{self.remote} cannot be used: {words}", mend)


def is_closed(answer: Answer) -> bool:
    """Whether the remote let us not in: to ask it again would not help."""
    return _NO_ACCESS.search(answer.stderr) is not None
