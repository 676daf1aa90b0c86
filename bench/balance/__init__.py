"""A director with everything real behind it: what each event costs the flows that run meanwhile."""
