"""Which user the node runs as: ``[server] user``, once it was started as root.

The change comes first, before anything is opened: so missing rights show at the start and not at
the next reload. The user keeps the capabilities for ports below 1024 and the VIPs' interface, just
as a systemd service with these AmbientCapabilities; each process gives up what it does not need.
"""

from __future__ import annotations

import grp
import os
import pwd
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import dnsd
from dnsd.daemon.statelock import LOCK
from dnsd.errors import AccountError
from dnsd.process.log import say
from dnsd.process.statedir import IMAGES
from dnsd.process.users import group_of, name_of
from dnsd.rights import capabilities
from dnsd.rights.capabilities import LOWEST_FREE_PORT, Capability

if TYPE_CHECKING:
    from dnsd.config import Config, Server


class Account(NamedTuple):
    """A user and a group, by name and number."""

    user: str
    uid: int
    gid: int


def enter(config: Config) -> None:
    """Become the user that ``config`` names, if it names one; AccountError if that fails."""
    _check_admin_group(config.server)
    account = _account(config.server)
    if account is None:
        return
    if os.geteuid() == 0 and account.uid != 0:
        _prepare(config, account)
        _become(account, needed(config))
    elif os.geteuid() != account.uid:
        raise AccountError(
            f"cannot become {account.user} ([server] user): dnsd was started as "
            f"{name_of(os.geteuid())}; start it as root or as {account.user}, or remove the key"
        )
    _check_reach(config, account)


def advise(config: Config) -> None:
    """Log that an account of its own is better than root."""
    if os.geteuid() == 0 and config.path is not None:
        say(
            "root-account",
            "master and control run as root: better give dnsd an account of its own with "
            "[server] user (workers and commands have no rights of root's in any case)",
        )


def needed(config: Config) -> frozenset[Capability]:
    """Return the capabilities that a node with this configuration needs."""
    wanted = set()
    endpoints = (*config.server.listen, *config.http.listen, *config.anycast.endpoints)
    if any(endpoint.port < LOWEST_FREE_PORT for endpoint in endpoints):
        wanted.add(Capability.NET_BIND_SERVICE)
    if config.anycast.enabled or config.service:
        # For the interface and its addresses; and to ask whether another machine has a VIP.
        wanted |= {Capability.NET_ADMIN, Capability.NET_RAW}
    return frozenset(wanted)


def _check_admin_group(server: Server) -> None:
    if server.admin_group is not None and group_of(server.admin_group) is None:
        raise AccountError(
            f"there is no group {server.admin_group!r}: make it (addgroup --system "
            f"{server.admin_group}), or change [server] admin_group"
        )


def _account(server: Server) -> Account | None:
    """Return the account to change to; None: stay as started."""
    if server.user is None:
        if server.group is not None:
            raise AccountError("[server] group has no effect without [server] user: give both")
        return None
    try:
        user = pwd.getpwnam(server.user)
        gid = user.pw_gid if server.group is None else grp.getgrnam(server.group).gr_gid
    except KeyError as error:
        raise AccountError(
            f"there is no such account ({error.args[0]}): make it (adduser --system --group "
            f"{server.user}), or change [server] user and group"
        ) from error
    return Account(user.pw_name, user.pw_uid, gid)


def _become(account: Account, wanted: frozenset[Capability]) -> None:
    try:
        capabilities.gain_no_more()
        capabilities.prepare_change_of_user(wanted)
        os.initgroups(account.user, account.gid)
        os.setresgid(account.gid, account.gid, account.gid)
        os.setresuid(account.uid, account.uid, account.uid)
        capabilities.hand_on(wanted)
    except OSError as error:
        raise AccountError(
            f"cannot become {account.user} ([server] user): {error.strerror}; a container needs "
            "the capabilities SETUID and SETGID for that, besides those that are handed on "
            f"({', '.join(one.name for one in sorted(wanted)) or 'none'})"
        ) from error


def _prepare(config: Config, account: Account) -> None:
    """Make the user the owner of the directories that dnsd writes to, if they are dnsd's.

    Failures are logged: answering needs no disk.
    """
    state = config.server.state_directory
    try:
        for directory in (state, config.server.admin_socket.parent):
            if not directory.exists():
                directory.mkdir(mode=0o700, parents=True)
                os.chown(directory, account.uid, account.gid)
        if _is_roots(state):
            _hand_over(state, account)
    except OSError as error:
        why = f"cannot give {state} to {account.user} ([server] user): {error.strerror}"
        say("disk-refuses", why, path=str(state))


def _is_roots(directory: Path) -> bool:
    """Tell whether dnsd has used ``directory`` as root, and no other account could put files there.

    A system directory that is named by mistake must stay as it is.
    """
    try:
        modes = [path.lstat().st_mode for path in (directory, directory / LOCK, directory / IMAGES)]
    except FileNotFoundError:
        return False
    return (
        [stat.S_IFMT(mode) for mode in modes] == [stat.S_IFDIR, stat.S_IFREG, stat.S_IFDIR]
        and directory.lstat().st_uid == 0
        and not modes[0] & (stat.S_IWGRP | stat.S_IWOTH)
    )


def _hand_over(directory: Path, account: Account) -> None:
    """Make the user the owner of everything in ``directory``; links are not followed."""
    for _, _, names, opened in os.fwalk(directory):
        os.chown(opened, account.uid, account.gid)
        for name in names:
            os.chown(name, account.uid, account.gid, dir_fd=opened, follow_symlinks=False)


def _check_reach(config: Config, account: Account) -> None:
    """Check whether the user can read what a start, or a reload, needs."""
    package = Path(dnsd.__file__)
    for path, mode, what in (
        (Path(sys.executable), os.X_OK, "run Python"),
        (package, os.R_OK, "read dnsd itself"),
        (config.path, os.R_OK, "read its configuration"),
    ):
        if path is not None and not os.access(path, mode, effective_ids=True):
            raise AccountError(
                f"{account.user} ([server] user) cannot {what} at {path}: change the modes of the "
                "directories above, or install dnsd where others may read, such as /opt/dnsd"
            )
