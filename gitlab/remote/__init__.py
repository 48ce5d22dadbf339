"""Publishing: what is pushed and fetched, by the git program."""
