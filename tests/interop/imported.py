"""Other people's servers with configurations that dnsd takes over, each with the same two zones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.interop.peers import HOST, Bind, Dnsd, Knot, Nsd, Peer

if TYPE_CHECKING:
    from pathlib import Path

ZONES = ("first.test", "second.test")
SECRET = "c2VjcmV0IG9mIDMyIG9jdGV0cywgZm9yIHRlc3RzISE="

PLAIN = """\
$TTL 300
@ SOA ns1 admin 7 3600 600 86400 300
@ NS ns1
@ NS ns2
@ MX 10 mail
ns1 A 192.0.2.1
ns1 AAAA 2001:db8::1
ns2 60 A 192.0.2.2
mail A 192.0.2.3
www CNAME web
web A 192.0.2.4
web A 192.0.2.5
_sip._tcp SRV 1 2 5060 mail
text TXT "one" "two; not a comment"
deep.below.empty A 192.0.2.6
*.wild TXT "any"
sub NS ns.sub
ns.sub A 192.0.2.7
"""


def zone_files(directory: Path) -> dict[str, Path]:
    """Write the two zones; return their files."""
    directory.mkdir()
    files = {zone: directory / f"{zone}.zone" for zone in ZONES}
    for file in files.values():
        file.write_text(PLAIN)
    return files


class Importable(Peer):
    """A peer with more in its configuration than zones; ``source`` is what dnsd imports."""

    source: Path


class ImportableNsd(Importable, Nsd):
    """NSD, with patterns, keys and an included file."""

    def configure(self) -> list[str]:
        command = Nsd.configure(self)
        self.source = self.directory / "nsd.conf"
        (self.directory / "keys.conf").write_text(
            f"key:\n  name: xfr.test\n  algorithm: hmac-sha256\n  secret: {SECRET}\n"
        )
        folder = next(iter(self.zones.values())).parent
        text = self.source.read_text().split("zone:\n")[0]
        self.source.write_text(f"""{text}
include: "keys.conf"
pattern:
  name: "ours"
  zonefile: "{folder}/%s.zone"
  provide-xfr: 192.0.2.0/24 xfr.test
  notify: 192.0.2.9 xfr.test
zone: name: {ZONES[0]} include-pattern: "ours"
zone: name: {ZONES[1]} include-pattern: "ours"
zone:
  name: fetched.test
  request-xfr: 192.0.2.8@5300 xfr.test
  allow-notify: 192.0.2.8 xfr.test
""")
        return command


class ImportableBind(Importable, Bind):
    """BIND, with lists that have names."""

    def configure(self) -> list[str]:
        command = Bind.configure(self)
        self.source = self.directory / "named.conf"
        self.source.write_text(f"""{self.source.read_text()}
key "xfr.test" {{ algorithm hmac-sha256; secret "{SECRET}"; }};
acl "secondaries" {{ 192.0.2.0/28; key xfr.test; }};
primaries "above" port 5300 {{ 192.0.2.8 key xfr.test; 2001:db8::8; }};
/* a zone
   that is fetched */
zone "fetched.test" {{
  type secondary; primaries {{ above; }}; allow-transfer {{ secondaries; }};
}};
""")
        return command


class ImportableKnot(Importable, Knot):
    """Knot, with a template."""

    def sections(self) -> str:
        folder = next(iter(self.zones.values())).parent
        return f"""\
key:
  - id: xfr.test
    algorithm: hmac-sha256
    secret: {SECRET}
remote:
  - id: above
    address: [ 192.0.2.8@5300, 2001:db8::8 ]
    key: xfr.test
acl:
  - id: secondaries
    address: 192.0.2.0/28
    key: xfr.test
    action: [ transfer ]
template:
  - id: default
    storage: "{folder}"
    file: %s.zone
    acl: secondaries
    zonefile-sync: -1
    journal-content: none
zone:
  - domain: {ZONES[0]}
  - domain: {ZONES[1]}
    semantic-checks: off
  - domain: fetched.test
    master: above
"""

    def configure(self) -> list[str]:
        self.source = self.directory / "knot.conf"
        return Knot.configure(self)


class ImportableGdnsd(Importable):
    """gdnsd, with pools whose members are checked at ``up`` and ``down`` (addresses, one port)."""

    checked_port = 0

    def configure(self) -> list[str]:
        self.source = self.directory
        (self.directory / "zones").mkdir()
        (self.directory / "config").write_text(f"""\
options => {{
  listen => {HOST}:{self.port}, udp_threads = 1
  run_dir = {self.directory}/run
  state_dir = {self.directory}/state
}}
service_types => {{
  open => {{
    plugin => tcp_connect, port => {self.checked_port}
    up_thresh => 1, ok_thresh => 1, down_thresh => 1, interval => 2, timeout => 1
  }}
}}
plugins => {{
  multifo => {{
    web => {{ service_types => open, up_thresh => 0.3, one => 127.0.0.1, two => 127.0.0.2 }}
    both => {{ addrs_v4 => [ 192.0.2.10, 192.0.2.11 ], addrs_v6 => {{ a => 2001:db8::10 }} }}
  }}
  simplefo => {{
    first => {{ service_types => open, primary => 127.0.0.2, secondary => 127.0.0.1 }}
    last => {{ service_types => open, primary => 127.0.0.2, secondary => 127.0.0.3 }}
  }}
  weighted => {{
    cname => {{ a = [ one.example.net., 1 ], b = [ two.example.net., 1 ] }}
  }}
  static => {{ fixed => 192.0.2.12 }}
}}
""")
        (self.directory / "zones" / ZONES[0]).write_text(
            PLAIN
            + """\
multi 60 DYNA multifo!web
both 600/30 DYNA multifo!both
fo DYNA simplefo!first
both-down 60 DYNA simplefo!last
cdn 60 DYNC weighted!cname
$ORIGIN inner.@Z
@ 60 DYNA static!fixed ; a comment
alias CNAME www.@Z
"""
        )
        (self.directory / "zones" / ZONES[1]).write_text(PLAIN)
        return ["gdnsd", "-c", str(self.directory), "start"]


class Successor(Dnsd):
    """dnsd with the configuration that was made of a peer's, at a port of its own."""

    def __init__(self, directory: Path, made: Path, peer: Importable) -> None:
        super().__init__(directory, dict.fromkeys(peer.zones, made))
        self._made = made
        self._peer = peer

    def configure(self) -> list[str]:
        config = self._made / "dnsd.toml"
        text = config.read_text()
        assert f":{self._peer.port}" in text
        config.write_text(text.replace(f":{self._peer.port}", f":{self.port}"))
        return self._command(["--config", str(config)])
