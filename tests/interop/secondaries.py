"""Other people's servers as secondaries of dnsd: Knot, NSD, BIND and PowerDNS, each with a key."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.interop.peers import HOST, START_SECONDS, Bind, Knot, Nsd, Peer, knot_key

if TYPE_CHECKING:
    from collections.abc import Callable

KEY = "xfr.example"


class SecondaryPeer(Peer):
    """A secondary of the server at ``primary`` for one ``zone``; ``tls`` is the port of its XoT.

    ``authority`` is the file of the certificate that signs the primary's.
    """

    base: type[Peer]

    def __init__(
        self, directory: Path, zone: str, primary: int, secret: str, *, tls: int = 0
    ) -> None:
        super().__init__(directory, {})
        self.zone, self.primary, self.secret, self.tls = zone, primary, secret, tls
        self.authority = Path()

    def wait(self, has: Callable[[], bool], what: str) -> None:
        """Wait until it ``has`` something."""
        deadline = time.monotonic() + START_SECONDS
        while not has():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"{self}: not {what}:\n{self.log.read_text()[-3000:]}")
            time.sleep(0.05)


class KnotSecondary(SecondaryPeer, Knot):
    """Knot DNS."""

    def sections(self) -> str:
        return f"""\
{knot_key(KEY, self.secret, "notify", primary=self.primary)}
zone:
  - domain: {self.zone}
    file: "{self.directory}/zone"
    master: primary
    acl: may
"""


class NsdSecondary(SecondaryPeer, Nsd):
    """NSD; over TLS if there is a port for it."""

    def configure(self) -> list[str]:
        command = Nsd.configure(self)
        config = self.directory / "nsd.conf"
        text = config.read_text()
        way, auth = f"{HOST}@{self.primary} {KEY}", ""
        if self.tls:
            text = text.replace("server:\n", f'server:\n  tls-cert-bundle: "{self.authority}"\n', 1)
            auth = 'tls-auth:\n  name: "primary"\n  auth-domain-name: "www.example.com"\n'
            way = f"{HOST}@{self.tls} {KEY} primary"
        config.write_text(f"""{text}
key:
  name: {KEY}
  algorithm: hmac-sha256
  secret: {self.secret}
{auth}
zone:
  name: {self.zone}
  zonefile: "{self.directory}/zone"
  request-xfr: {way}
  allow-notify: {HOST} {KEY}
""")
        return command


class BindSecondary(SecondaryPeer, Bind):
    """BIND; over TLS if there is a port for it."""

    def configure(self) -> list[str]:
        command = Bind.configure(self)
        config = self.directory / "named.conf"
        way, tls = f"{HOST} port {self.primary} key {KEY}", ""
        if self.tls:
            tls = (
                f'tls primary {{ ca-file "{self.authority}"; remote-hostname "www.example.com"; }};'
            )
            way = f"{HOST} port {self.tls} key {KEY} tls primary"
        config.write_text(f"""{config.read_text()}
key {KEY} {{ algorithm hmac-sha256; secret "{self.secret}"; }};
{tls}
zone "{self.zone}" {{
  type secondary; file "{self.directory}/zone"; primaries {{ {way}; }};
  allow-notify {{ key {KEY}; }};
}};
""")
        return command


class PowerDnsSecondary(SecondaryPeer):
    """PowerDNS with its SQLite backend."""

    def configure(self) -> list[str]:
        (self.directory / "named.conf").write_text(
            f'zone "{self.zone}" {{ type slave; file "{self.directory}/zone"; '
            f"masters {{ {HOST}:{self.primary}; }}; }};\n"
        )
        return [
            "pdns_server",
            f"--config-dir={self.directory}",
            "--daemon=no",
            "--guardian=no",
            f"--socket-dir={self.directory}",
            f"--local-address={HOST}",
            f"--local-port={self.port}",
            "--launch=bind",
            f"--bind-config={self.directory}/named.conf",
            "--secondary=yes",
            "--disable-syslog",
            "--xfr-cycle-interval=1",
            "--webserver=no",
        ]
