"""The lab: its commits, its checkouts, its upkeep. `lab.open_lab` is the door."""
