"""What is written in a commit message: records, their values, their text."""
