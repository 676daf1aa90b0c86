"""The configuration in force: read again on a reload, kept for a control that is restarted.

What cannot change while the node runs (``[server]``, ``[anycast]``, ``[http]``,
``[failover]``, ``[rate_limit]``, where transfers are listened for) stays what the master has read.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import msgspec

from dnsd.config import Config, Options, has_transfers, listens_by_default, resolve, sent
from dnsd.config.written import flat, plain
from dnsd.errors import AdminError, ConfigError
from dnsd.image.state import ControlCells

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dnsd.control.admin import Command
    from dnsd.control.spec import ControlSpec
    from dnsd.image.keepsake import Keepsake

APPLIED = (
    "zones",
    "zone",
    "catalog",
    "template",
    "key",
    "transfers",
    "demand",
    "querylog",
    "dnstap",
    "path",
)
"""The parts of the configuration that a reload applies; every other one wants a restart."""


class EffectiveConfig:
    """Holds the configuration in force: ``config``, at first what the master has read.

    ``applied`` are the parts that a reload applies. ``cells`` are control's: the level of the log
    is in one of them. ``master`` is the pid of the master: another one has read the file again.
    """

    def __init__(
        self,
        config: Config,
        options: Options,
        keepsake: Keepsake,
        cells: memoryview,
        applied: tuple[str, ...] = APPLIED,
        *,
        master: int = 0,
    ) -> None:
        self._master = str(master).encode()
        self._applied = applied
        self.config = config
        self._begun = config
        self._options = options
        self._keepsake = keepsake
        self._cells = cells

    def recover(self) -> None:
        """Go on with what was in force in an earlier control process of the same master."""
        master, _, kept = (self._keepsake.get() or b"").partition(b"\n")
        if master == self._master:
            with suppress(ValueError):
                self.config = sent.decode(kept, Config)
        elif master:
            # It has failed after the node was handed to it: what it has reloaded is in the file.
            with suppress(ConfigError):
                self.reread()

    def keep(self) -> None:
        """Keep it for :meth:`recover`."""
        self._keepsake.put(self._master + b"\n" + sent.encode(self.config))

    def reread(self, check: Callable[[Config], object] | None = None) -> tuple[str, ...]:
        """Read the file again; return the keys that want a restart, with their tables.

        What is applied is ``applied`` and, because the secrets in it are handed to the workers,
        ``[server] cookie_secret_file``; of ``[transfers]`` all but where to listen; and ``[log]
        level``, which all processes read. ConfigError if it can't be used: then what was in force
        is in force; ``check`` may raise it, too.
        """
        fresh = self._as_begun(resolve(self.config.path, self._options))
        if check is not None:
            check(fresh)
        lasting = self._lasting(fresh)
        if fresh.log.level != self.config.log.level:
            self._cells[ControlCells.LOG_LEVEL] = fresh.log.lowest
        changed = [
            what
            for table, old in lasting.items()
            for what in _differing(table, old, getattr(fresh, table))
        ]
        self.config = msgspec.structs.replace(fresh, **lasting)
        self.keep()
        if has_transfers(fresh) and not has_transfers(self._begun):
            changed.append(
                "what there is to transfer ([transfers], [[key]], [[catalog]], [[zone]])"
            )
        return tuple(changed)

    def pending(self) -> list[dict[str, Any]]:
        """Return the keys that are not in force as the file has them now, as plain values.

        ``needs`` says whether a reload is enough. ConfigError if the file can't be used.
        """
        fresh = self._as_begun(resolve(self.config.path, self._options))
        reloaded = msgspec.structs.replace(fresh, **self._lasting(fresh))
        now, file, then = (dict(flat(plain(one))) for one in (self.config, fresh, reloaded))
        return [
            {
                "key": key,
                "node": now.get(key),
                "file": file.get(key),
                "needs": "reload" if then.get(key) == file.get(key) else "restart",
            }
            for key in sorted(now.keys() | file.keys())
            if now.get(key) != file.get(key)
        ]

    def _lasting(self, fresh: Config) -> dict[str, Any]:
        """Return the tables of which a reload to ``fresh`` applies nothing, or a part."""
        server = msgspec.structs.replace(
            self.config.server, cookie_secret_file=fresh.server.cookie_secret_file
        )
        lasting: dict[str, Any] = {
            name: getattr(self.config, name)
            for name in Config.__struct_fields__
            if name not in self._applied
        }
        lasting["server"] = server
        if "transfers" in self._applied:
            lasting["transfers"] = msgspec.structs.replace(
                fresh.transfers, tls_listen=self.config.transfers.tls_listen
            )
        lasting["log"] = msgspec.structs.replace(self.config.log, level=fresh.log.level)
        return lasting

    def commands(self) -> dict[str, Command]:
        """Return the admin commands by name."""
        return {"config-diff": self._command_diff}

    async def _command_diff(self, _request: Mapping[str, Any]) -> list[dict[str, Any]]:
        try:
            return self.pending()
        except ConfigError as error:
            raise AdminError(str(error)) from error

    def _as_begun(self, fresh: Config) -> Config:
        """Return ``fresh`` without the default addresses that the start has left out."""
        server = self.config.server
        if listens_by_default(fresh) and set(server.listen) <= set(fresh.server.listen):
            server = msgspec.structs.replace(fresh.server, listen=server.listen)
            return msgspec.structs.replace(fresh, server=server)
        return fresh


def _differing(table: str, old: object, new: object) -> tuple[str, ...]:
    """Return what differs, as it is called: keys of a table, or all tables of this name."""
    if old == new:
        return ()
    if not isinstance(old, msgspec.Struct):
        return (f"[[{table}]]",) if _placeless(old) != _placeless(new) else ()
    names = (field.name for field in msgspec.structs.fields(old))
    return tuple(
        f"[{table}] {name}"
        for name in names
        if _placeless(getattr(old, name)) != _placeless(getattr(new, name))
    )


def _placeless(value: object) -> object:
    """Return ``value`` without the lines where it stands in the file."""
    if isinstance(value, tuple):
        return tuple(map(_placeless, value))
    if isinstance(value, msgspec.Struct) and "line" in value.__struct_fields__:
        return msgspec.structs.replace(value, line=0)
    return value


def in_force(spec: ControlSpec, cells: memoryview, kept: Keepsake) -> EffectiveConfig:
    """Return the configuration of a node: that of an earlier process, if there was one."""
    force = EffectiveConfig(spec.config, spec.options, kept, cells, master=spec.master)
    (force.recover if cells[ControlCells.EPOCH] else force.keep)()
    return force
