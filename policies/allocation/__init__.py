"""What the next trial is for."""
