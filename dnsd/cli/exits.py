"""How commands end: the exit statuses, the same for all of them."""

from __future__ import annotations

FAILED = 1
NOT_RUNNING = 3
DEGRADED = 4
"""A node works in part, or has done what was ordered in part: in force, but not on disk."""
