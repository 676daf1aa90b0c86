"""Worlds of failover: what ``tests/simulation/worlds`` plays, for longer than a test may take."""
