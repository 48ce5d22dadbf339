"""How parents become a child's starting point: a module for each operator, listed in `registry`."""
