"""The search tree, derived from refs and commits. `lab_tree.load_tree` is the door."""
