"""Git's hooks: installed, and what they are told of a commit or a push."""
