"""`python -m airesearch`."""

import sys
from pathlib import Path

# Python puts the folder it is started in before all others, and that may be a candidate's.
if not sys.flags.safe_path and sys.path and Path(sys.path[0]) == Path.cwd():
    del sys.path[0]

from .cli import main

main()
