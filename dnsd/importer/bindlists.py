"""Lists of named.conf: who may do something (address_match_list), and other servers."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from dnsd.importer.outcome import Outcome, Table, networks, whole

if TYPE_CHECKING:
    from dnsd.importer.bindsyntax import Statement

EVERYONE = ["0.0.0.0/0", "::/0"]
_MOST = 16


class Lists:
    """The lists that have names, and what is made of each use of them."""

    def __init__(self, outcome: Outcome, statements: tuple[Statement, ...]) -> None:
        self._outcome = outcome
        self._acls = {one.words[0]: one for one in statements if one.name == "acl" and one.words}
        self._servers = {
            one.words[0]: one
            for one in statements
            if one.name in ("primaries", "masters", "remote-servers", "parental-agents")
            and one.words
        }
        self._tls = {one.words[0]: one for one in statements if one.name == "tls" and one.words}

    def allowed(self, statement: Statement) -> list[Table]:
        """Return those whom the list in ``statement`` allows."""
        return self._allowed(statement, statement.block, 0)

    def _allowed(self, user: Statement, block: tuple[Statement, ...], depth: int) -> list[Table]:
        found: list[Table] = []
        for one in block:
            if one.name == "!":
                self._lost(
                    one,
                    "an exception (!)",
                    "dnsd allows only what is listed: list the networks without it",
                )
                return found
            if one.name == "key":
                entry = self._outcome.with_key(one.place, {}, one.value)
                found += [entry] if entry else []
            elif not one.name:
                found += self._allowed(user, one.block, depth + 1)
            elif one.name in self._acls:
                if depth > _MOST:
                    raise one.place.fault(f"the acl {one.name} includes itself")
                found += self._allowed(user, self._acls[one.name].block, depth + 1)
            else:
                found += self._named(one)
        return found

    def _named(self, one: Statement) -> list[Table]:
        match one.name:
            case "any":
                return [{"network": EVERYONE}]
            case "none":
                return []
            case "localhost":
                self._outcome.moot(one.place, "localhost", "taken over as 127.0.0.1 and ::1")
                return [{"network": ["127.0.0.1/32", "::1/128"]}]
            case "localnets":
                self._lost(one, "localnets", "list the networks")
                return []
        return [{"network": networks(one.place, one.name)}]

    def _lost(self, one: Statement, what: str, advice: str) -> None:
        self._outcome.lost(one.place, what, advice)

    def servers(self, statement: Statement, source: dict[bool, str]) -> list[Table]:
        """Return the servers that the list in ``statement`` names."""
        return self._listed(statement, source, 0)

    def _listed(self, statement: Statement, source: dict[bool, str], depth: int) -> list[Table]:
        found: list[Table] = []
        for one in statement.block:
            address = one.name
            if address in self._servers:
                if depth > _MOST:
                    raise one.place.fault(f"the list {address} includes itself")
                found += self._listed(self._servers[address], source, depth + 1)
                continue
            try:
                text = str(ipaddress.ip_address(address))
            except ValueError:
                raise one.place.fault(
                    f"{address!r} is neither an address nor the name of a list"
                ) from None
            entry: Table = {"address": text}
            port = one.after("port") or statement.after("port")
            if port:
                entry["port"] = whole(one.place, port, 1, 65535)
            if (":" in text) in source:
                entry["source"] = source[":" in text]
            if name := one.after("tls"):
                entry |= self._secured(one, name)
            keyed = self._outcome.with_key(one.place, entry, one.after("key"))
            found += [keyed] if keyed else []
        return found

    def _secured(self, one: Statement, name: str) -> Table:
        found: Table = {"tls": True}
        if name == "ephemeral":
            self._lost(one, "tls ephemeral", "dnsd verifies certificates: give tls_ca and tls_name")
            return found
        if name not in self._tls:
            raise one.place.fault(f"there is no tls {name}")
        for key, ours in (("remote-hostname", "tls_name"), ("ca-file", "tls_ca")):
            if given := self._tls[name].last(key):
                found[ours] = given.value
        return found
