"""Any program as a proposer: it works in a folder of its own."""
