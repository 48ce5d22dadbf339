"""What hooks let through: a commit in a checkout, a push to a shared lab."""
