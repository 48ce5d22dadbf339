"""What people see of a lab, derived from commits and refs alone."""
