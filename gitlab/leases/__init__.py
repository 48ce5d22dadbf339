"""Who works on what: leases as refs, here and at a remote."""
