"""One trial: what is run, what it came to, what it scored."""
