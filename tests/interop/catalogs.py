"""Other people's servers with catalog zones (RFC 9432): Knot and BIND, as producer and consumer.

A producer is told its members by rewriting its configuration (Knot makes the catalog of it) or the
catalog's zone file (BIND), as their operators do.
"""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from tests.interop.peers import HOST, Knot, Peer, knot_key
from tests.interop.primaries import KEY, SECRET

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

CATALOG = "catalog.test."


def zone_text(serial: int = 1) -> str:
    """Return the file of a member."""
    return f"$TTL 300\n@ SOA ns host {serial} 3600 600 864000 60\n@ NS ns\nns A 192.0.2.1\n"


class Producer(Peer):
    """Gives ``CATALOG`` and its ``members`` (each with its group), and notifies ``consumer``."""

    def __init__(self, directory: Path, consumer: int, members: Mapping[str, str]) -> None:
        super().__init__(directory, dict.fromkeys(members, directory))
        self.consumer = consumer
        self.members = dict(members)

    def have(self, members: Mapping[str, str]) -> None:
        """Have other members."""
        self.members = dict(members)
        self.configure()
        self._process.send_signal(signal.SIGHUP)

    def _write_members(self) -> None:
        for name in self.members:
            (self.directory / f"{name}zone").write_text(zone_text())


class KnotProducer(Producer, Knot):
    """Knot DNS, which makes the catalog itself."""

    def sections(self) -> str:
        self._write_members()
        zones = "".join(
            f"""\
  - domain: {name}
    file: "{self.directory}/{name}zone"
    zonefile-sync: -1
    acl: may
    notify: consumer
    catalog-role: member
    catalog-zone: {CATALOG}
    catalog-group: {group}
"""
            for name, group in self.members.items()
        )
        return f"""\
{knot_key(KEY, SECRET, "transfer", consumer=self.consumer)}
zone:
  - domain: {CATALOG}
    catalog-role: generate
    acl: may
    notify: consumer
{zones}"""


class BindProducer(Producer):
    """BIND, with a catalog that somebody has written."""

    serial = 0

    def configure(self) -> list[str]:
        self._write_members()
        self.serial += 1
        lines = ["$TTL 0", f"@ SOA invalid. invalid. {self.serial} 3600 600 86400 0"]
        lines += ["@ NS invalid.", 'version TXT "2"']
        for name, group in self.members.items():
            lines += [f"m-{name.replace('.', '-')}.zones PTR {name}"]
            lines += [f'group.m-{name.replace(".", "-")}.zones TXT "{group}"']
        (self.directory / "catalog.zone").write_text("\n".join([*lines, ""]))
        files = {name: f"{name}zone" for name in self.members} | {CATALOG: "catalog.zone"}
        zones = "".join(
            f'zone "{name}" {{ type master; file "{self.directory}/{file}"; }};\n'
            for name, file in files.items()
        )
        config = self.directory / "named.conf"
        config.write_text(f"""\
key "{KEY}" {{ algorithm hmac-sha256; secret "{SECRET}"; }};
options {{
  directory "{self.directory}"; pid-file none; session-keyfile none;
  listen-on port {self.port} {{ {HOST}; }}; listen-on-v6 {{ none; }};
  recursion no; dnssec-validation no; empty-zones-enable no; notify-delay 0;
  allow-transfer {{ key "{KEY}"; }};
  notify explicit; also-notify {{ {HOST} port {self.consumer} key "{KEY}"; }};
}};
controls {{ }};
{zones}""")
        return ["named", "-g", "-n", "1", "-c", str(config)]


class Consumer(Peer):
    """Has the zones of the catalog ``CATALOG`` that the server at ``producer`` gives."""

    def __init__(self, directory: Path, producer: int) -> None:
        super().__init__(directory, {})
        self.producer = producer


class KnotConsumer(Consumer, Knot):
    """Knot DNS."""

    def sections(self) -> str:
        return f"""\
{knot_key(KEY, SECRET, "notify", producer=self.producer)}
template:
  - id: member
    storage: "{self.directory}"
    master: producer
    acl: may
zone:
  - domain: {CATALOG}
    storage: "{self.directory}"
    master: producer
    acl: may
    catalog-role: interpret
    catalog-template: member
"""


class BindConsumer(Consumer):
    """BIND."""

    def configure(self) -> list[str]:
        config = self.directory / "named.conf"
        config.write_text(f"""\
key "{KEY}" {{ algorithm hmac-sha256; secret "{SECRET}"; }};
options {{
  directory "{self.directory}"; pid-file none; session-keyfile none;
  listen-on port {self.port} {{ {HOST}; }}; listen-on-v6 {{ none; }};
  recursion no; dnssec-validation no; empty-zones-enable no;
  allow-notify {{ key "{KEY}"; }};
  catalog-zones {{
    zone "{CATALOG}" default-primaries {{ {HOST} port {self.producer} key "{KEY}"; }}
      zone-directory "{self.directory}" min-update-interval 1;
  }};
}};
controls {{ }};
zone "{CATALOG}" {{
  type secondary; file "{self.directory}/catalog.db";
  primaries {{ {HOST} port {self.producer} key "{KEY}"; }};
}};
""")
        return ["named", "-g", "-n", "1", "-c", str(config)]
