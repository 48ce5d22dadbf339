"""`airesearch.yaml` and `team.yaml`: what their keys are and must be."""
