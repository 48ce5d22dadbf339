"""What is allowed and what comes next: pure decisions without git, clock, network or disk."""
