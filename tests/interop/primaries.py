"""Other people's servers as primaries of dnsd: Knot, NSD, BIND, PowerDNS.

Each gives one zone to whoever has the key, and notifies one secondary. A change is made as their
operators make it: the zone file is edited, and the server told.
"""

from __future__ import annotations

import signal
import subprocess
from typing import TYPE_CHECKING, NamedTuple

import dns.message
import dns.name
import dns.query
import dns.rdatatype
import dns.tsig
import dns.tsigkeyring

from tests.interop.peers import HOST, Knot, Peer, knot_key
from tests.serving import free_port

if TYPE_CHECKING:
    from pathlib import Path

KEY = "xfr.test."
SECRET = "c2VjcmV0IG9mIDMyIG9jdGV0cywgZm9yIHRlc3RzISE="
RING = dns.tsigkeyring.from_text({KEY: ("hmac-sha256", SECRET)})
ORIGIN = "moves.test."

_HEAD = """\
$ORIGIN moves.test.
$TTL 300
@ SOA ns host {serial} 3600 600 86400 60
@ NS ns
ns A 127.0.0.1
"""

Record = tuple[str, int, int, str]
"""Owner, type, TTL and data, as dnspython writes them."""


class Edition(NamedTuple):
    """A zone at one serial; ``hosts`` names are in it, from ``first`` on."""

    serial: int
    first: int
    hosts: int

    @property
    def text(self) -> str:
        """The zone file."""
        lines = [
            f'h{number} A 192.0.2.{number % 256}\nh{number} TXT "host {number}"'
            for number in range(self.first, self.first + self.hosts)
        ]
        return _HEAD.format(serial=self.serial) + "\n".join([*lines, ""])


class Primary(Peer):
    """Gives ``ORIGIN`` out, and notifies whoever listens at port ``secondary``."""

    gives_differences = True
    """Whether it answers IXFR with differences."""
    tls_port: int | None = None

    def __init__(self, directory: Path, secondary: int, certificate: Path) -> None:
        self._file = directory.with_name(f"{directory.name}.zone")
        self.secondary = secondary
        self.certificate = certificate
        super().__init__(directory, {ORIGIN: self._file})

    def write(self, edition: Edition) -> None:
        """Make the zone file that of ``edition``, whole at once."""
        new = self._file.with_suffix(".new")
        new.write_text(edition.text)
        new.replace(self._file)

    def change(self, edition: Edition) -> None:
        """Have ``edition`` served, and secondaries notified."""
        self.write(edition)
        self.reload()

    def reload(self) -> None:
        """Have the server read the zone file again."""
        self._process.send_signal(signal.SIGHUP)

    def records(self) -> set[Record]:
        """Return all records, fetched by dnspython."""
        return transferred(self.port)


def transferred(port: int) -> set[Record]:
    """Return the records of ``ORIGIN`` as the server at ``port`` gives them to who has the key."""
    found: set[Record] = set()
    messages = dns.query.xfr(
        HOST, ORIGIN, port=port, keyring=RING, keyname=KEY, relativize=False, timeout=20
    )
    for message in messages:
        for rrset in message.answer:
            owner, rtype = rrset.name.to_text().lower(), int(rrset.rdtype)
            found |= {(owner, rtype, rrset.ttl, rdata.to_text()) for rdata in rrset}
    return found


class KnotPrimary(Primary, Knot):
    """Knot DNS; the zone file's differences go to its journal."""

    def sections(self) -> str:
        return f"""\
{knot_key(KEY, SECRET, "transfer", secondary=self.secondary)}
zone:
  - domain: {ORIGIN}
    file: "{self._file}"
    zonefile-sync: -1
    zonefile-load: difference
    journal-content: changes
    notify: secondary
    acl: may
"""


class NsdPrimary(Primary):
    """NSD; it makes differences when it reads a zone file again."""

    def configure(self) -> list[str]:
        self.tls_port = free_port()
        config = self.directory / "nsd.conf"
        config.write_text(f"""\
server:
  ip-address: {HOST}@{self.port}
  ip-address: {HOST}@{self.tls_port}
  tls-port: {self.tls_port}
  tls-service-key: "{self.certificate}"
  tls-service-pem: "{self.certificate}"
  server-count: 1
  username: ""
  database: ""
  zonesdir: "{self.directory}"
  xfrdir: "{self.directory}"
  xfrdfile: "{self.directory}/xfrd.state"
  zonelistfile: "{self.directory}/zone.list"
  pidfile: "{self.directory}/pid"
  rrl-ratelimit: 0
  verbosity: 2
remote-control:
  control-enable: no
key:
  name: "{KEY}"
  algorithm: hmac-sha256
  secret: "{SECRET}"
zone:
  name: "{ORIGIN}"
  zonefile: "{self._file}"
  store-ixfr: yes
  create-ixfr: yes
  notify: {HOST}@{self.secondary} {KEY}
  provide-xfr: {HOST} {KEY}
""")
        return ["nsd", "-d", "-c", str(config)]


class BindPrimary(Primary):
    """BIND, which also gives zones out over TLS."""

    def configure(self) -> list[str]:
        self.tls_port = free_port()
        config = self.directory / "named.conf"
        config.write_text(f"""\
key "{KEY}" {{ algorithm hmac-sha256; secret "{SECRET}"; }};
tls own {{ cert-file "{self.certificate}"; key-file "{self.certificate}"; }};
options {{
  directory "{self.directory}"; pid-file none; session-keyfile none;
  listen-on port {self.port} {{ {HOST}; }}; listen-on-v6 {{ none; }};
  listen-on port {self.tls_port} tls own {{ {HOST}; }};
  recursion no; dnssec-validation no; empty-zones-enable no; notify-delay 0;
}};
controls {{ }};
zone "{ORIGIN}" {{
  type master; file "{self._file}"; ixfr-from-differences yes;
  allow-transfer {{ key "{KEY}"; }};
  notify explicit; also-notify {{ {HOST} port {self.secondary} key "{KEY}"; }};
}};
""")
        return ["named", "-g", "-n", "1", "-c", str(config)]


class PowerDnsPrimary(Primary):
    """PowerDNS with its BIND backend: an IXFR is answered with the whole zone."""

    gives_differences = False

    def configure(self) -> list[str]:
        database = self.directory / "keys.sqlite"
        (self.directory / "zones.conf").write_text(
            f'zone "{ORIGIN}" {{ type master; file "{self._file}"; }};\n'
        )
        (self.directory / "pdns.conf").write_text(f"""\
daemon=no
guardian=no
launch=bind
bind-config={self.directory}/zones.conf
bind-dnssec-db={database}
local-address={HOST}
local-port={self.port}
socket-dir={self.directory}
primary=yes
only-notify=
also-notify={HOST}:{self.secondary}
allow-axfr-ips={HOST}
disable-axfr=no
default-soa-edit=
query-cache-ttl=0
cache-ttl=0
disable-syslog=yes
webserver=no
""")
        zone = ORIGIN.rstrip(".")
        self._run("pdnsutil", "create-bind-db", str(database))
        self._run("pdnsutil", "import-tsig-key", KEY.rstrip("."), "hmac-sha256", SECRET)
        self._run("pdnsutil", "activate-tsig-key", zone, KEY.rstrip("."), "primary")
        return ["pdns_server", f"--config-dir={self.directory}"]

    def reload(self) -> None:
        zone = ORIGIN.rstrip(".")
        self._run("pdns_control", "bind-reload-now", zone)
        self._run("pdns_control", "notify", zone)

    def _run(self, program: str, *arguments: str) -> None:
        command = [program, f"--config-dir={self.directory}", *arguments]
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=30)
        assert done.returncode == 0, f"{program} {arguments}: {done.stdout}{done.stderr}"


PRIMARIES = (KnotPrimary, NsdPrimary, BindPrimary, PowerDnsPrimary)
