"""Git's objects and refs: trees, changes, and refs that move by compare-and-swap."""
