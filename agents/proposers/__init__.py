"""Who proposes: `base` says what one is, `registry` which there are."""
