"""Three cities on one machine: real BIRD, real dnsd, real BGP, in network namespaces."""
