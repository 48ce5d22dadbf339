"""Who acts: proposers, the runner, the judge and the loop."""
