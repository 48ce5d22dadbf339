"""`airesearch hook pre-commit` without the command line: every commit would wait for its start."""

import os
import sys
from pathlib import Path

from ..agents.audit.push.precommit import check_commit
from ..gitlab.errors import AiresearchError
from ..gitlab.record.unicode import escaped


def main() -> int:
    """Judge the commit git is about to make; the exit code says whether it may."""
    try:
        told = check_commit(Path(), os.environ)
    except AiresearchError as error:
        print(escaped(f"error: {error}"), file=sys.stderr)
        return 1
    if told:
        print(escaped(f"airesearch: this commit costs {told}"), file=sys.stderr)
    return 0


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    # Nothing is left to close, and taking the interpreter apart would be a tenth of the commit.
    os._exit(code)
