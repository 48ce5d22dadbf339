"""`airesearch.yaml`: what its keys are and must be."""
