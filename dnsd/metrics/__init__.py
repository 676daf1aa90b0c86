"""Counters in shared memory."""
