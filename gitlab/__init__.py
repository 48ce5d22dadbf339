"""The lab in git: records, objects, refs, the tree, desks. The only state."""
