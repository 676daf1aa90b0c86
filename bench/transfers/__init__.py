"""Zones on their way: how fast a large one is given away, and one that is signed and followed."""
