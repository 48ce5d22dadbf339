"""`python -m airesearch`."""

from .cli import main

main()
