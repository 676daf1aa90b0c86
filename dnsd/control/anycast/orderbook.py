"""The operator's orders on disk: drain and withdraw, kept over restarts."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import msgspec

from dnsd.announce import orders
from dnsd.announce.orders import Orders
from dnsd.control import log
from dnsd.errors import StateError

if TYPE_CHECKING:
    from pathlib import Path

FILE = "orders.json"


class OrderBook:
    """Holds the orders in force (:meth:`at`), and writes each change down."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / FILE
        self._orders = self._read()

    def at(self, wall: float) -> Orders:
        """Return the orders in force at ``wall`` (POSIX seconds)."""
        return self._orders.at(wall)

    def set(self, changed: Orders) -> None:
        """Put ``changed`` in force; StateError if it cannot be written down, and is not."""
        temporary = self._path.with_name(f".{FILE}.tmp")
        try:
            with temporary.open("wb") as file:
                file.write(orders.encode(changed))
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(self._path)
        except OSError as error:
            raise StateError(
                f"cannot write down the order in {self._path}: {error.strerror}"
            ) from error
        self._orders = changed

    def _read(self) -> Orders:
        try:
            return orders.decode(self._path.read_bytes())
        except FileNotFoundError:
            return Orders()
        except (OSError, msgspec.DecodeError) as error:
            log.say(f"orders of the operator are lost: {self._path} cannot be read: {error}")
            return Orders()
