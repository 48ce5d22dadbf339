"""Where YAML, TOML and JSON files hold scalars, and how they are written anew."""
