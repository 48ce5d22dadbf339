"""The lab in git: records, trees, desks, views. The only state."""
