"""What an agent may read and write."""
