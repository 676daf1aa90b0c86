"""What is made of other servers' configurations, and how faults of them are told."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dnsd import config, importer
from dnsd.cli import main
from dnsd.config import policyfile
from dnsd.errors import ConfigError

SECRET = "c2VjcmV0IG9mIDMyIG9jdGV0cywgZm9yIHRlc3RzISE="
NAMES = {"nsd": "nsd.conf", "bind": "named.conf", "knot": "knot.conf", "gdnsd": "config"}


def outcome(directory: Path, kind: str, text: str) -> importer.Outcome:
    file = directory / NAMES[kind]
    file.write_text(text)
    return importer.read(file, kind)


def made(directory: Path, kind: str, text: str) -> config.Config:
    """Write what comes out, and load it."""
    importer.write(outcome(directory, kind, text), directory / "made")
    return config.load(directory / "made/dnsd.toml")


def told(found: importer.Outcome) -> list[str]:
    return [f"{note.place.line} {note.what}" for note in found.notes if note.is_open]


@pytest.mark.parametrize(
    ("kind", "text", "fault"),
    [
        ("nsd", 'server:\n  identity: "a\n', "nsd.conf:2: a quotation mark is never closed"),
        ("nsd", "ip-address: 192.0.2.1", "nsd.conf:1: ip-address: stands in no section"),
        ("nsd", "server:\n  ip-address:", "nsd.conf:2: ip-address needs an address"),
        ("nsd", "server:\n\n  tcp-count: many", "nsd.conf:3: 'many' is not a number from 0"),
        ("nsd", "zone:\n  zonefile: x", "nsd.conf:1: the zone needs a name"),
        ("nsd", "zone:\n  name: a..b", "nsd.conf:2: 'a..b' has an empty label"),
        ("nsd", "zone: name: a\nzone: name: A.", "nsd.conf:2: the zone a. is there twice"),
        ("nsd", "zone:\n name: a\n include-pattern: p", "nsd.conf:3: the pattern p is not there"),
        ("nsd", "zone:\n name: a\n notify: 192.0.2.1", "nsd.conf:3: notify needs an address and"),
        ("nsd", "key:\n  name: k", "nsd.conf:1: a key needs name, algorithm and secret"),
        ("nsd", "include: gone.conf", "cannot read "),
        ("nsd", "include: nsd.conf", "nsd.conf:1: files include each other"),
        (
            "nsd",
            "pattern: name: p include-pattern: p\nzone: name: a include-pattern: p",
            "nsd.conf:1: the pattern p includes itself",
        ),
        (
            "nsd",
            'key: name: k algorithm: hmac-sha256 secret: "?"',
            "nsd.conf:1: the key k cannot be used",
        ),
        ("bind", 'options { directory "/a" }', "named.conf:1: a ; is missing"),
        ("bind", "options {\n", "named.conf:1: this { is never closed"),
        ("bind", "};", "named.conf:1: there is a } that closes nothing"),
        ("bind", "\n/* a", "named.conf:2: a quotation mark or a comment is never closed"),
        ("bind", 'zone "a" { file "a"; };', "named.conf:1: the zone a needs a type"),
        ("bind", 'zone "a" { type primary; };', "named.conf:1: the zone a has no file"),
        (
            "bind",
            'zone "a" { type secondary; primaries { x; }; };',
            "named.conf:1: 'x' is neither an address nor the name of a list",
        ),
        (
            "bind",
            'acl a { b; }; acl b { a; };\nzone "a" { type primary; file "a"; '
            "allow-transfer { a; }; };",
            "includes itself",
        ),
        ("bind", "{" * 60, "named.conf:1: blocks are nested too deeply"),
        ("knot", 'server:\n  identity "a"', "knot.conf:2: 'identity \"a\"' is not a key and a"),
        ("knot", 'server:\n  identity: "a', "knot.conf:2: a quotation mark is never closed"),
        ("knot", "server:\n  listen: [ a,\n b", "knot.conf:2: this [ is never closed"),
        ("knot", "  listen: a", "knot.conf:1: listen stands in no section"),
        ("knot", "server:\n  listen: a@53", "knot.conf:2: 'a' is not an IP address"),
        ("knot", "zone:\n  - file: a", "knot.conf:2: a zone begins with its domain"),
        (
            "knot",
            "zone:\n  - domain: a\n    template: t",
            "knot.conf:3: the template t is not there",
        ),
        ("knot", "zone:\n  - domain: a\n    notify: r", "knot.conf:2: the remote r is not there"),
        ("knot", "zone:\n  - domain: a\n    acl: r", "knot.conf:2: the acl r is not there"),
        ("gdnsd", "options => {", "config:1: what begins here never ends"),
        ("gdnsd", "options => }", "config:1: '}' where a value is needed"),
        ("gdnsd", "options 3", "config:1: the key 'options' needs => and a value"),
        ("gdnsd", "a => 1\na => 2", "config:2: the key 'a' is there twice"),
        ("gdnsd", "options => x", "config:1: a hash is needed here"),
        ("gdnsd", 'a => "x', "cannot be read: a quotation mark that is never closed?"),
    ],
)
def test_a_fault_is_told_with_its_place(kind: str, text: str, fault: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        outcome(tmp_path, kind, text)
    assert fault in str(caught.value)


LETTERS = st.text(alphabet=" \n\t{}[]();:,\"'#=>-!@%$\\/ab01.", max_size=60)
WORDS = st.lists(
    st.sampled_from(
        [
            "server:",
            "zone:",
            "name:",
            "a",
            "options",
            "{",
            "}",
            ";",
            "=>",
            "[",
            "]",
            "\n",
            "  - ",
            "domain: a",
            "key:",
            '"',
            "primaries",
            "type",
            "secondary",
            "192.0.2.1",
            "notify:",
            "request-xfr:",
            "acl",
            "listen:",
            "include",
            "plugins",
            "!",
            "$include{x}",
        ]
    ),
    max_size=25,
).map(" ".join)


@pytest.mark.parametrize("kind", importer.KINDS)
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=LETTERS | WORDS)
def test_whatever_stands_there_is_read_or_refused(kind: str, text: str, tmp_path: Path) -> None:
    with contextlib.suppress(ConfigError):
        outcome(tmp_path, kind, text)


ZONE = st.lists(
    st.sampled_from(
        [
            "@",
            "a",
            " ",
            "\n",
            "(",
            ")",
            '"',
            ";",
            "$INCLUDE",
            "$ORIGIN",
            "$TTL",
            "x.@Z",
            "@F",
            "300",
            "60/30",
            "DYNA",
            "DYNC",
            "multifo!web",
            "A",
            "\\",
            "no!such",
        ]
    ),
    max_size=25,
).map(" ".join)
POOLS = "plugins => { multifo => { web => [ 192.0.2.1, 192.0.2.2 ] } }"


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=ZONE)
def test_whatever_stands_in_a_zone_of_gdnsd_is_read_or_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "zones").mkdir(exist_ok=True)
    (tmp_path / "zones/first.test").write_text(text)
    with contextlib.suppress(ConfigError):
        outcome(tmp_path, "gdnsd", POOLS)


# -- NSD ---------------------------------------------------------------------------------------


def test_nsd_settings(tmp_path: Path) -> None:
    given_ = made(
        tmp_path,
        "nsd",
        """\
server:
  ip-address: 192.0.2.1
  ip-address: 2001:db8::1@5353
  port: 54
  server-count: 3
  identity: "one"   # a comment
  nsid: "ascii_fra1"
  hide-version: yes
  tcp-count: 200
  ipv4-edns-size: 1400
  ipv6-edns-size: 1280
  rrl-ratelimit: 50
  rrl-ipv6-prefix-length: 64
zone:
  name: a.test
  zonefile: "%1/%s"
""",
    )
    server = given_.server
    assert [str(one) for one in server.listen] == ["192.0.2.1:54", "[2001:db8::1]:5353"]
    assert (server.workers, server.server_id, server.nsid, server.version) == (
        3,
        "one",
        "fra1",
        None,
    )
    assert (server.tcp_connections, server.udp_payload) == (200, 1280)
    assert (given_.rate_limit.per_second, given_.rate_limit.ipv6_prefix) == (50, 64)
    assert given_.zone[0].file == tmp_path / "a/a.test"


def test_who_may_have_a_zone_of_nsd(tmp_path: Path) -> None:
    text = f"""\
key: name: new algorithm: hmac-sha512 secret: {SECRET}
key: name: old algorithm: hmac-md5 secret: {SECRET}
zone:
  name: a.test
  provide-xfr: 192.0.2.0/28 new
  provide-xfr: 192.0.2.64-192.0.2.127 NOKEY
  provide-xfr: 0.0.0.0/0 old
  provide-xfr: 192.0.2.3 BLOCKED
  notify: 192.0.2.9@54 new
"""
    found = outcome(tmp_path, "nsd", text)
    assert told(found) == [
        "2 key old",
        "7 the entry with key old",
        "8 provide-xfr: 192.0.2.3 BLOCKED",
    ]
    zone = found.zones["a.test."]
    assert zone["allow_transfer"] == [
        {"network": ["192.0.2.0/28"], "key": "new."},
        {"network": ["192.0.2.64/26"]},
    ]
    assert zone["notify"] == [{"address": "192.0.2.9", "port": 54, "key": "new."}]


def test_a_zone_whose_only_key_is_broken_is_not_fetched_without(tmp_path: Path) -> None:
    text = f"""\
key: name: old algorithm: hmac-md5 secret: {SECRET}
zone:
  name: a.test
  request-xfr: 192.0.2.1 old
"""
    found = outcome(tmp_path, "nsd", text)
    assert found.zones == {}
    assert "3 zone a.test" in told(found)


def test_what_nsd_has_by_default_anyway_is_no_loss(tmp_path: Path) -> None:
    text = "server: do-ip4: yes ip-transparent: no tcp-mss: 0 server-2-cpu-affinity: 1"
    assert told(outcome(tmp_path, "nsd", text)) == []
    assert told(outcome(tmp_path, "nsd", "server: do-ip4: no")) == ["1 do-ip4: no"]


def test_the_short_names_of_algorithms(tmp_path: Path) -> None:
    text = f"key: name: k algorithm: sha256 secret: {SECRET}"
    assert outcome(tmp_path, "nsd", text).keys["k."]["algorithm"] == "hmac-sha256"


# -- BIND --------------------------------------------------------------------------------------


def test_bind_options_and_lists(tmp_path: Path) -> None:
    given_ = made(
        tmp_path,
        "bind",
        f"""\
acl ours {{ 192.0.2.0/24; nested; }};  // comment
acl nested {{ 2001:db8::/32; }};
key k {{ algorithm hmac-sha256; secret "{SECRET}"; }};
options {{
    directory "/var/bind"; # comment
    listen-on port 54 {{ 192.0.2.1; 192.0.2.2; }};
    listen-on-v6 {{ any; }};
    tcp-clients 150; version none; server-id "one"; max-udp-size 1400;
    allow-transfer {{ ours; key k; }};
    rate-limit {{ responses-per-second 20; slip 3; exempt-clients {{ 192.0.2.7; }}; }};
}};
zone "a.test" {{
    type master; file "a.db"; notify explicit; also-notify {{ 192.0.2.9 key k; }};
    update-policy {{ grant k subdomain dyn.a.test. A TXT; grant k name www.a.test.; }};
}};
zone "." {{ type hint; file "root"; }};
""",
    )
    assert [str(one) for one in given_.server.listen] == [
        "192.0.2.1:54",
        "192.0.2.2:54",
        "[::]:53",
    ]
    assert (given_.server.tcp_connections, given_.server.udp_payload) == (150, 1400)
    assert (given_.server.version, given_.server.server_id) == (None, "one")
    assert given_.rate_limit.exempt == ("192.0.2.7/32",)
    (zone,) = given_.zone
    assert zone.file == Path("/var/bind/a.db")
    assert zone.allow_transfer
    assert [(one.network, one.key) for one in zone.allow_transfer] == [
        (("192.0.2.0/24",), None),
        (("2001:db8::/32",), None),
        ((), "k."),
    ]
    assert zone.notify_ns is False
    assert [(one.names, one.below, one.types) for one in zone.update] == [
        ((), ("dyn.a.test.",), ("A", "TXT")),
        (("www.a.test.",), (), ()),
    ]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("options { recursion yes; };", "1 recursion yes"),
        ("options { allow-query { 192.0.2.1; }; };", "1 allow-query"),
        ('view "a" { zone "x" { type forward; }; };', "1 view a"),
        ('zone "x" { type forward; };', "1 zone x of type forward"),
        (
            'zone "x" { type primary; file "x"; dnssec-policy default; };',
            "1 dnssec-policy default",
        ),
        (
            'zone "x" { type primary; file "x"; allow-transfer { !192.0.2.1; any; }; };',
            "1 an exception (!)",
        ),
        (
            'zone "x" { type primary; file "x"; allow-transfer { none; }; '
            "allow-update { 192.0.2.1; }; };",
            "1 updates without a key",
        ),
        ('dlz "x" { database "y"; };', "1 dlz x"),
        ('zone "x" { type primary; file "x"; update-policy local; };', "1 update-policy local"),
        ('zone "x" { type primary; file "x"; never-heard 3; };', "1 never-heard 3"),
    ],
)
def test_what_bind_has_and_dnsd_does_not(text: str, what: str, tmp_path: Path) -> None:
    assert what in told(outcome(tmp_path, "bind", text))


def test_an_exception_allows_nobody_behind_it(tmp_path: Path) -> None:
    text = (
        'zone "x" { type primary; file "x"; allow-transfer { 192.0.2.1; !192.0.2.0/24; any; }; };'
    )
    zone = outcome(tmp_path, "bind", text).zones["x."]
    assert zone["allow_transfer"] == [{"network": ["192.0.2.1/32"]}]


def test_a_catalog_of_bind(tmp_path: Path) -> None:
    text = """\
options { catalog-zones { zone "cat.test" default-primaries { 192.0.2.1; }; }; };
zone "cat.test" { type secondary; primaries { 192.0.2.1; }; };
"""
    given_ = made(tmp_path, "bind", text)
    assert [(one.name, one.template) for one in given_.catalog] == [("cat.test.", "cat.test")]
    assert given_.template[0].primaries[0].address == "192.0.2.1"


# -- Knot --------------------------------------------------------------------------------------


def test_knot_zones_with_templates_groups_and_acls(tmp_path: Path) -> None:
    given_ = made(
        tmp_path,
        "knot",
        f"""\
server:
    listen: [ 192.0.2.1,
              2001:db8::1@54 ]   # two lines
    nsid: fra1
    user: knot:dns
key:
  - id: k
    algorithm: hmac-sha256
    secret: "{SECRET}"
remote:
  - id: r
    address: 192.0.2.8@5300
    via: 192.0.2.1
    key: k
remotes:
  - id: all
    remote: [ r ]
acl:
  - id: r
    remote: r
    action: notify
  - id: u
    key: k
    action: update
    update-owner: name
    update-owner-match: equal
    update-owner-name: [ _acme-challenge ]
    update-type: TXT
template:
  - id: default
    storage: /var/knot
    acl: r
  - id: sec
    master: all
    acl: [ r ]
mod-rrl:
  - id: default
    rate-limit: 33
zone:
  - domain: a.test
    file: "%s.db"
    acl: u
    serial-policy: unixtime
  - domain: b.test
    template: sec
""",
    )
    assert [str(one) for one in given_.server.listen] == ["192.0.2.1:53", "[2001:db8::1]:54"]
    assert (given_.server.user, given_.server.group) == ("knot", "dns")
    assert given_.rate_limit.per_second == 33
    first, second = given_.zone
    assert first.file == Path("/var/knot/a.test.db")
    assert first.serial == "unixtime"
    assert [(one.names, one.types) for one in first.update] == [(("_acme-challenge",), ("TXT",))]
    (primary,) = second.primaries
    assert (str(primary), primary.key, primary.source) == ("192.0.2.8:5300", "k.", "192.0.2.1")
    assert second.allow_notify
    assert [one.network for one in second.allow_notify] == [("192.0.2.8/32",)]


def test_whom_knot_notifies_may_fetch(tmp_path: Path) -> None:
    text = """\
server:
    automatic-acl: on
remote:
  - id: r
    address: [ 192.0.2.8, 2001:db8::8 ]
zone:
  - domain: a.test
    notify: r
"""
    found = outcome(tmp_path, "knot", text)
    assert told(found) == []
    assert found.zones["a.test."]["allow_transfer"] == [
        {"network": ["192.0.2.8/32"]},
        {"network": ["2001:db8::8/128"]},
    ]


def test_knot_signs_and_dnsd_does_not(tmp_path: Path) -> None:
    text = "zone:\n  - domain: a.test\n    dnssec-signing: on\n"
    assert told(outcome(tmp_path, "knot", text)) == ["3 a.test. dnssec-signing"]


# -- gdnsd -------------------------------------------------------------------------------------


def policy(tmp_path: Path, text: str, records: str) -> tuple[importer.Outcome, dict[str, Any]]:
    """Return the outcome, and the first pool of the zone that has ``records``."""
    (tmp_path / "zones").mkdir()
    (tmp_path / "zones/first.test").write_text(f"@ SOA a b 1 2 3 4 5\n@ NS ns\n{records}")
    found = outcome(tmp_path, "gdnsd", text)
    importer.write(found, tmp_path / "made")
    load = policyfile.load_policy
    read, problems = load(tmp_path / "made/zones/first.test.toml", "first.test.")
    assert problems == ()
    assert read or not found.policies
    pools = found.policies.get("first.test.", {"pool": [{}]})["pool"]
    return found, pools[0]


CHECKS = """\
service_types => {
  web => { plugin => http_status, port => 8080, url_path => /ok, vhost => w.test,
           ok_codes => [ 200, 301 ], interval => 8, down_thresh => 4 }
  cmd => { plugin => extmon, cmd => [ /bin/check, -h, "%%ITEM%%" ], timeout => 3, direct => true }
  file => { plugin => extfile, file => states }
}
"""


def test_a_pool_with_an_http_check(tmp_path: Path) -> None:
    plugin = """\
plugins => { multifo => {
  service_types => web, up_thresh => 0.6, www => [ 192.0.2.1, 192.0.2.2, 192.0.2.3 ]
} }
"""
    found, pool = policy(tmp_path, CHECKS + plugin, "www 300/20 DYNA multifo!www ; c\n")
    assert pool == {
        "name": "www.first.test.",
        "type": "A",
        "check": "http",
        "port": 8080,
        "path": "/ok",
        "host": "w.test",
        "expect_status": [200, 301],
        "interval": "8s",
        "fast_interval": "8s",
        "timeout": "4s",
        "up": 20,
        "ok": 10,
        "down": 4,
        "min_up": 2,
        "ttl_min": 20,
    }
    assert found.zone_texts["first.test."].endswith(
        "".join(f"www.first.test. 300 IN A 192.0.2.{number}\n" for number in (1, 2, 3))
    )


def test_several_service_types_must_all_be_well(tmp_path: Path) -> None:
    plugin = """\
plugins => { multifo => {
  www => { service_types => [ web, cmd, up ], a => 192.0.2.1, b => 192.0.2.2 }
} }
"""
    found, pool = policy(tmp_path, CHECKS + plugin, "www DYNA multifo!www\n")
    assert [one["check"] for one in pool["checks"]] == ["http", "command"]
    assert (pool["down"], pool["interval"], pool["timeout"]) == (4, "8s", "3s")
    assert found.others["failover"]["commands"] == {"cmd": ["/bin/check", "-h", "{address}"]}
    assert config.load(tmp_path / "made/dnsd.toml").failover.commands["cmd"][0] == "/bin/check"


def test_weights_of_names(tmp_path: Path) -> None:
    plugin = """\
plugins => { weighted => {
  up_thresh => 0.01, c => { a = [ One.example., 9 ] b = [ two.example., 1 ] }
} }
"""
    found, pool = policy(tmp_path, plugin, "c 60 DYNC weighted!c\n")
    assert pool["members"] == ["one.example.", "two.example."]
    assert pool["weights"] == {"one.example.": 9, "two.example.": 1}
    assert found.zone_texts["first.test."].endswith("c.first.test. 60 IN CNAME one.example.\n")


def test_what_has_no_counterpart_is_told_and_its_record_left_out(tmp_path: Path) -> None:
    text = "plugins => { geoip => { maps => { } } }"
    found, _ = policy(tmp_path, text, "geo 60 DYNA geoip!x\n  TXT a\n")
    assert told(found) == ["1 plugin geoip", "3 geo.first.test. DYNA geoip!x"]
    assert "; not taken over: geo 60 DYNA geoip!x\n" in found.zone_texts["first.test."]


def test_origins_of_gdnsd(tmp_path: Path) -> None:
    (tmp_path / "more").write_text('$ORIGIN in.@F\n@ A 192.0.2.1\nx.@Z TXT "@Z ; @F" ; @Z\n')
    found, _ = policy(tmp_path, "", f"$INCLUDE {tmp_path}/more sub\n$ORIGIN a\nb A 192.0.2.2\n")
    assert found.zone_texts["first.test."].split("$ORIGIN sub.first.test.\n")[1] == (
        "$ORIGIN in.sub.first.test.\n@ A 192.0.2.1\n"
        'x.first.test. TXT "@Z ; @F" ; @Z\n'
        "\n$ORIGIN first.test.\n$ORIGIN a\nb A 192.0.2.2\n"
    )


# -- the command -------------------------------------------------------------------------------


def ran(*arguments: object, status: int) -> str:
    done = CliRunner().invoke(main, ["import", *map(str, arguments)])
    assert done.exit_code == status, done.output
    return done.output


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "nsd.conf").write_text("server:\n")
    ran(tmp_path / "nsd.conf", "--to", tmp_path, status=0)
    assert "is there already: choose another" in ran(
        tmp_path / "nsd.conf", "--to", tmp_path, status=1
    )


def test_secrets_are_for_their_owner(tmp_path: Path) -> None:
    text = f"key: name: k/x algorithm: hmac-sha256 secret: {SECRET}"
    importer.write(outcome(tmp_path, "nsd", text), tmp_path / "made")
    (file,) = (tmp_path / "made/keys").iterdir()
    assert file.name == "k_x.secret"
    assert file.read_text() == f"{SECRET}\n"
    assert file.stat().st_mode & 0o007 == 0


def test_it_must_know_whose_file_it_is(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("server:\n")
    assert "add --from nsd|bind|knot|gdnsd" in ran(tmp_path / "x", "--to", tmp_path, status=1)
    ran("--from", "nsd", tmp_path / "x", "--to", tmp_path, status=0)


def test_what_is_missing_is_an_exit_status(tmp_path: Path) -> None:
    (tmp_path / "nsd.conf").write_text("server:\n  chroot: /x\n")
    output = ran(tmp_path / "nsd.conf", "--to", tmp_path / "made", status=4)
    assert "nsd.conf:2: chroot: /x: not taken over: systemd confines dnsd" in output
    assert "not taken over: 1. Next: dnsd check --config" in output


def test_a_directory_with_other_zones_is_not_served_whole(tmp_path: Path) -> None:
    for name in ("a.test", "b.test"):
        (tmp_path / f"{name}.zone").write_text("")
    text = "zone: name: a.test zonefile: a.test.zone\nzone: name: b.test zonefile: b.test.zone\n"
    importer.write(outcome(tmp_path, "nsd", text), tmp_path / "one")
    assert config.load(tmp_path / "one/dnsd.toml").zones.directory == tmp_path
    (tmp_path / "draft.test.zone").write_text("")
    given_ = made(tmp_path, "nsd", text)
    assert given_.zones.directory is None
    assert [zone.name for zone in given_.zone] == ["a.test.", "b.test."]
