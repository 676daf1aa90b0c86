"""What control has told the transfer process: settings, keys and zones.

It stays in force until control says something else, even while control is down. The parts of the
process (:class:`TransferPart`) act on it.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

from dnsd.config import TransfersConfig, tsig_secret
from dnsd.config.limits import Limits
from dnsd.process.log import say
from dnsd.transfer import ipc
from dnsd.transfer.tsig import TsigKey

if TYPE_CHECKING:
    from pathlib import Path

    from dnsd.config import TransferKey


Row = dict[str, str | int | float | bool | None]
"""What a part knows of a zone, for ``dnsd zone status``."""


class TransferPart(Protocol):
    """A part of this process: it learns about zones, and carries out orders about them."""

    def hear(self, told: ipc.ZoneTold) -> None:
        """Learn that a zone was added or changed."""

    def lose(self, zone: str) -> None:
        """Learn that a zone was removed."""

    def judge(self, judged: ipc.Judged) -> None:
        """Learn whether control has loaded a version."""

    def row(self, zone: str) -> Row:
        """Return the part's facts about the zone; empty if the zone is none of this part's."""

    def obey(self, what: str, zone: str) -> str | None:
        """Begin an order; return why not (empty if it has begun), None if it is not for this part.

        ``what`` is ``notify``, ``refresh`` or ``retransfer``; ``zone`` exists.
        """

    async def run(self) -> None:
        """Work for ever."""


class Knowledge:
    """Everything that control has told, by name."""

    def __init__(self) -> None:
        self.settings = TransfersConfig()
        self.reading: tuple[tuple[Path, ...], Limits] = (), Limits()
        """How zone files are read: the directories for $INCLUDE, and the limits."""
        self.keys: dict[str, TsigKey] = {}
        self.zones: dict[str, ipc.ZoneTold] = {}
        self.parts: list[TransferPart] = []
        self.whole = asyncio.Event()
        """Set once control has told everything: before that, a missing zone may still exist."""
        self._unconfirmed: tuple[set[str], set[str]] | None = None

    def take(self, message: ipc.FromControl) -> None:
        """Take in a message of control that is not an order."""
        match message:
            case ipc.Hello():
                self._unconfirmed = set(self.zones), set(self.keys)
            case ipc.TransferSettings():
                self.settings = message.transfers
                self.reading = message.include, message.limits
            case ipc.KeyTold():
                self._take_key(message.key)
            case ipc.KeyGone():
                self.keys.pop(message.name, None)
            case ipc.ZoneTold():
                self._take_zone(message)
            case ipc.ZoneGone():
                self._drop(message.zone)
            case ipc.AllTold():
                self._end()
            case ipc.Judged():
                for part in self.parts:
                    part.judge(message)

    def _take_key(self, key: TransferKey) -> None:
        if self._unconfirmed:
            self._unconfirmed[1].discard(key.name)
        try:
            self.keys[key.name] = TsigKey(key.name, key.algorithm, tsig_secret(key))
        except ValueError as error:
            kept = "; the old secret stays in use" if key.name in self.keys else ""
            told = f"transfers: the key {key.name} cannot be used: {error}{kept}"
            say("transfer-key-unusable", told)

    def _take_zone(self, told: ipc.ZoneTold) -> None:
        if self._unconfirmed:
            self._unconfirmed[0].discard(told.zone)
        if self.zones.get(told.zone) == told:
            return
        self.zones[told.zone] = told
        for part in self.parts:
            part.hear(told)

    def _drop(self, zone: str) -> None:
        if self.zones.pop(zone, None) is not None:
            for part in self.parts:
                part.lose(zone)

    def _end(self) -> None:
        zones, keys = self._unconfirmed or (set(), set())
        self._unconfirmed = None
        for zone in zones:
            self._drop(zone)
        for key in keys:
            self.keys.pop(key, None)
        self.whole.set()
