"""Unbound as the judge of signed answers: secure, insecure or bogus, by its own lights."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

import dns.flags
import dns.message
import dns.query
import dns.rcode

from tests.interop.peers import HOST, Peer

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path


class Status(Enum):
    """RFC 4033 §5; what cannot be resolved at all counts as bogus."""

    SECURE = "secure"
    INSECURE = "insecure"
    BOGUS = "bogus"


class Verdict(NamedTuple):
    """What the validator makes of one question; ``why`` are its extended errors."""

    rcode: dns.rcode.Rcode
    status: Status
    why: str


class Unbound(Peer):
    """Resolves ``zones`` from the server at ``port`` only, and trusts ``anchors``.

    ``date`` (YYYYMMDDHHMMSS) is the time that it takes for now, for signatures of the past.
    """

    def __init__(
        self,
        directory: Path,
        zones: Mapping[str, Path],
        port: int,
        anchors: Iterable[str],
        date: str = "",
    ) -> None:
        super().__init__(directory, zones)
        self._server = port
        self._anchors = anchors
        self._date = date

    def configure(self) -> list[str]:
        anchors = self.directory / "anchors"
        anchors.write_text("\n".join([*self._anchors, ""]))
        lines = [
            "server:",
            f"  interface: {HOST}@{self.port}",
            '  chroot: ""',
            '  username: ""',
            '  pidfile: ""',
            f'  directory: "{self.directory}"',
            "  use-syslog: no",
            '  logfile: ""',
            "  do-daemonize: no",
            "  num-threads: 1",
            "  do-ip6: no",
            # Nothing but the server under test can be reached from here.
            f"  outgoing-interface: {HOST}",
            "  do-not-query-localhost: no",
            '  module-config: "validator iterator"',
            f'  trust-anchor-file: "{anchors}"',
            "  val-log-level: 2",
            "  ede: yes",
            # Each proof is to come from the server, not from another answer's.
            "  aggressive-nsec: no",
            "  harden-below-nxdomain: no",
            "  qname-minimisation: no",
        ]
        if self._date:
            lines.append(f'  val-override-date: "{self._date}"')
        # What Unbound would answer by itself otherwise (RFC 6303, RFC 6761).
        for zone in ("test.", *self.zones):
            lines.append(f'  local-zone: "{zone}" nodefault')
        for zone in self.zones:
            lines += ["stub-zone:", f'  name: "{zone}"', f"  stub-addr: {HOST}@{self._server}"]
        lines += ["remote-control:", "  control-enable: no"]
        config = self.directory / "unbound.conf"
        config.write_text("\n".join([*lines, ""]))
        return ["unbound", "-d", "-c", str(config)]

    def judge(self, name: str, rtype: str) -> Verdict:
        """Resolve and validate."""
        query = dns.message.make_query(name, rtype, want_dnssec=True)
        response = dns.query.udp(query, HOST, timeout=20, port=self.port)
        if response.rcode() == dns.rcode.SERVFAIL:
            status = Status.BOGUS
        elif response.flags & dns.flags.AD:
            status = Status.SECURE
        else:
            status = Status.INSECURE
        why = " ".join(str(error) for error in response.extended_errors())
        return Verdict(response.rcode(), status, why)
