"""The meters of a run: what it uses of time, memory, disk and files, and when that is too much."""
