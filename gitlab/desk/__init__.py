"""What an agent works on: files it may read, edits it stages, folders it is given."""
