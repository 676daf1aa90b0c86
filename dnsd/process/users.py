"""The names of users and groups, as the system knows them."""

from __future__ import annotations

import grp
import pwd


def name_of(uid: int) -> str:
    """Return the name of the user with this number."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"


def group_of(name: str | None) -> int | None:
    """Return the number of the group ``name``; None if there is no such group."""
    try:
        return None if name is None else grp.getgrnam(name).gr_gid
    except KeyError:
        return None
