"""The search tree, derived from refs and commits. `lab_tree.LabTree` reads it."""
