"""What an import makes, and what it could not take over; no reader of a format is in here."""

from __future__ import annotations

import base64
import binascii
import ipaddress
import itertools
import re
from pathlib import Path  # noqa: TC003 -- NamedTuple
from typing import Any, NamedTuple

from dnsd.config import origins
from dnsd.config.endpoint import Endpoint
from dnsd.config.transfers import ALGORITHMS
from dnsd.errors import ConfigError

MOST_NETWORKS = 100
"""Networks that one range of addresses may be written as."""

_UNFIT = re.compile(r"[^a-z0-9._-]")


class Place(NamedTuple):
    """A line of a file that is read; 0: the file as a whole."""

    file: Path
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else str(self.file)

    def fault(self, message: str) -> ConfigError:
        """Return the error that ends the import."""
        return ConfigError([f"{self}: {message}"])


class Note(NamedTuple):
    """What was not taken over as it is; ``is_open``: it changes what dnsd does, so look at it."""

    place: Place
    what: str
    advice: str
    is_open: bool

    def __str__(self) -> str:
        verdict = "not taken over" if self.is_open else "not needed"
        return f"{self.place}: {self.what}: {verdict}: {self.advice}"


Table = dict[str, Any]


class Outcome:
    """The files that an import makes: dnsd.toml, secrets of keys, policies, zone files."""

    def __init__(self) -> None:
        self._noted: dict[Note, None] = {}
        self.server: Table = {}
        self.others: dict[str, Any] = {}
        """Further tables of dnsd.toml."""
        self.zones: dict[str, Table] = {}
        """``[[zone]]`` by the zone's name."""
        self.keys: dict[str, Table] = {}
        self.secrets: dict[str, str] = {}
        """Files of secrets by name."""
        self.policies: dict[str, Table] = {}
        """The policy of each zone that has one."""
        self.zone_texts: dict[str, str] = {}
        """Zone files that had to be written again."""

    def table(self, name: str) -> Table:
        """Return the table ``[name]`` of dnsd.toml, which is made on first use."""
        found: Table = self.server if name == "server" else self.others.setdefault(name, {})
        return found

    def lost(self, place: Place, what: str, advice: str) -> None:
        """Note what was not taken over, and what to do instead."""
        self._note(Note(place, what, advice, is_open=True))

    def moot(self, place: Place, what: str, advice: str) -> None:
        """Note what dnsd does not need."""
        self._note(Note(place, what, advice, is_open=False))

    def _note(self, note: Note) -> None:
        # A pattern that many zones include says it once.
        self._noted.setdefault(note)

    @property
    def notes(self) -> list[Note]:
        """What was not taken over, in the order of the lines."""
        return sorted(self._noted)

    def zone(self, place: Place, name: str) -> Table:
        """Return the new ``[[zone]]`` of this name."""
        try:
            origin = origins.normal(name)
        except ValueError as error:
            raise place.fault(str(error)) from None
        if origin in self.zones:
            raise place.fault(f"the zone {origin} is there twice; keep one of them")
        return self.zones.setdefault(origin, {"name": origin})

    def key(self, place: Place, name: str, algorithm: str, secret: str) -> None:
        """Take a TSIG key over, unless its algorithm is too weak."""
        try:
            known = origins.normal(name)
            secret = "".join(secret.split())
            base64.b64decode(secret, validate=True)
        except (ValueError, binascii.Error) as error:
            raise place.fault(f"the key {name} cannot be used: {error}") from None
        algorithm = algorithm.lower().removesuffix(".")
        if f"hmac-{algorithm}" in ALGORITHMS:  # as NSD calls it, too
            algorithm = f"hmac-{algorithm}"
        if algorithm not in ALGORITHMS:
            self.lost(
                place,
                f"key {name}",
                f"dnsd does not use {algorithm}: make a new key with {ALGORITHMS[0]} on both "
                "servers; what was allowed with this one is left out",
            )
            return
        stem = _UNFIT.sub("_", known.removesuffix("."))
        names = (f"keys/{stem}{more or ''}.secret" for more in itertools.count())
        file = next(name for name in names if name not in self.secrets)
        self.secrets[file] = f"{secret}\n"
        self.keys[known] = {"name": known, "algorithm": algorithm, "secret_file": file}

    def with_key(self, place: Place, entry: Table, key: str | None) -> Table | None:
        """Return ``entry`` with its key; None, and a note, if that was not taken over.

        It must not be there without the key: then everybody at that address would be allowed.
        """
        if key is None:
            return entry
        name = origins.normal(key)
        if name not in self.keys:
            self.lost(place, f"the entry with key {key}", "the key is missing: see above")
            return None
        return {**entry, "key": name}


def add(table: Table, key: str, entry: Any) -> None:
    """Put ``entry``, if there is one, into the list ``key`` of ``table``, once."""
    if entry is not None and entry not in table.setdefault(key, []):
        table[key].append(entry)


def endpoint(place: Place, address: str, port: str | int) -> str:
    """Return ``ADDRESS:PORT`` as dnsd.toml has it."""
    try:
        return str(Endpoint(str(ipaddress.ip_address(address)), whole(place, str(port), 1, 65535)))
    except ValueError:
        raise place.fault(f"{address!r} is not an IP address") from None


def whole(place: Place, text: str, low: int, high: int) -> int:
    """Return the number that ``text`` is, which must be within bounds."""
    if not (text.isascii() and text.isdigit() and len(text) < 19 and low <= int(text) <= high):
        raise place.fault(f"{text!r} is not a number from {low} to {high}")
    return int(text)


def networks(place: Place, text: str) -> list[str]:
    """Return the networks that an address, ``NET/LENGTH``, ``NET&MASK`` or a range stands for."""
    try:
        if "-" in text:
            first, last = map(ipaddress.ip_address, text.split("-"))
            found = itertools.islice(
                ipaddress.summarize_address_range(first, last),
                MOST_NETWORKS,
            )
            return [str(one) for one in found]
        return [str(ipaddress.ip_network(text.replace("&", "/"), strict=False))]
    except (ValueError, TypeError) as error:
        raise place.fault(f"{text!r} is neither an address nor a network: {error}") from None


def bounded(value: float, low: float, high: float) -> float:
    """Return the number within bounds that is nearest to ``value``."""
    return max(low, min(high, value))
