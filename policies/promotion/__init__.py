"""When a node is kept: noise, evidence, error budget."""
