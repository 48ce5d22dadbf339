"""What people's commits on the trunk cost, and how those that cost nothing travel."""
