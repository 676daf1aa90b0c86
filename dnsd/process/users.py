"""The names of users, for sentences."""

from __future__ import annotations

import pwd


def name_of(uid: int) -> str:
    """Return what the user with this number is called."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"
