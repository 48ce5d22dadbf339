"""The embedded proposer: finds the numbers in code and searches over them."""
