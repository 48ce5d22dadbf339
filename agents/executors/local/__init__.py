"""Trials on this machine: processes, limits, sandboxes."""
