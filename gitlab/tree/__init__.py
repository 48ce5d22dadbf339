"""The search tree, derived from refs and commits. `search_tree.load_tree` is the door."""
