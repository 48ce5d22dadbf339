"""The commands, one module for those that act and one for those that look."""
