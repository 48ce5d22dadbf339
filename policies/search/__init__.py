"""What is expanded next."""
