"""Dynamic updates (RFC 2136): by nsupdate and as certbot, lego and external-dns send them.

BIND gets the same updates of the same zone; what both have afterwards is compared.
"""

from __future__ import annotations

import random
import subprocess
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dns.exception
import dns.message
import dns.query
import dns.rcode
import dns.tsig
import dns.update
import dns.xfr
import dns.zone
import pytest

from tests.conftest import needs
from tests.interop.peers import COMMAND, HOST, Bind, Dnsd
from tests.serving import free_port
from tests.support import until

if TYPE_CHECKING:
    from collections.abc import Iterator

ORIGIN = "dyn.example."
KEY, SECRET = "update.example.", "zOYgOgnzx3TGe5J5I/0kxd7gTcxXhLYMEq3Ek3fY37s="
NARROW, NARROW_SECRET = "acme.example.", "bm90IHRoZSBzYW1lIHNlY3JldCBhcyB0aGUgb3RoZXI="
ZONE = """\
$TTL 300
@ SOA ns1 admin 1 3600 600 86400 300
@ NS ns1
ns1 A 192.0.2.1
www A 192.0.2.2 ; what the operator has written stays
alias CNAME www
"""
RING = {
    dns.name.from_text(name): dns.tsig.Key(name, secret, "hmac-sha256")
    for name, secret in ((KEY, SECRET), (NARROW, NARROW_SECRET))
}


class UpdatedDnsd(Dnsd):
    """dnsd with one zone that two keys may update, one of them its ACME challenges only."""

    def configure(self) -> list[str]:
        self.state = self.directory.parent / "state"
        text = f"""\
[[key]]
name = "{KEY}"
secret_file = "wide"
[[key]]
name = "{NARROW}"
secret_file = "narrow"
[[zone]]
name = "{ORIGIN}"
file = "{self.zones[ORIGIN]}"
allow_transfer = [{{ network = ["127.0.0.1"] }}]
update = [
    {{ key = "{KEY}", below = ["@"], types = ["A", "TXT", "CNAME", "NS", "MX"] }},
    {{ key = "{NARROW}", names = ["_acme-challenge"], types = ["TXT"] }},
]
"""
        return self.configure_by(text, {"wide": SECRET, "narrow": NARROW_SECRET})


class UpdatedBind(Bind):
    """BIND with the same zone and key."""

    def configure(self) -> list[str]:
        command = super().configure()
        config = self.directory / "named.conf"
        text = config.read_text()
        key = f'key "{KEY}" {{ algorithm hmac-sha256; secret "{SECRET}"; }};\n'
        text = text.replace("type master;", f'type master; allow-update {{ key "{KEY}"; }};')
        config.write_text(key + text)
        return command


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "dyn.zone"
    path.write_text(ZONE)
    return path


@pytest.fixture
def server(tmp_path: Path, file: Path) -> Iterator[UpdatedDnsd]:
    server = UpdatedDnsd(tmp_path / "dnsd", {ORIGIN: file})
    server.port = free_port()
    with server:
        until(lambda: list((tmp_path / "state/secondary").glob("*.file")))
        yield server


def send(port: int, update: dns.update.UpdateMessage) -> dns.rcode.Rcode:
    return dns.query.tcp(update, HOST, port=port, timeout=20).rcode()


def an_update(key: str | None = KEY) -> dns.update.UpdateMessage:
    return dns.update.UpdateMessage(
        ORIGIN, keyring=RING if key else None, keyname=dns.name.from_text(key) if key else None
    )


def content(port: int) -> dns.zone.Zone:
    zone = dns.zone.Zone(ORIGIN)
    dns.query.inbound_xfr(HOST, zone, port=port, timeout=10)
    return zone


def is_given(port: int) -> bool:
    """Whether the transfer process has come so far that it gives the zone."""
    try:
        return bool(content(port))
    except dns.xfr.TransferError:
        return False


def texts(port: int, name: str, rtype: str = "A") -> set[str]:
    query = dns.message.make_query(name, rtype)
    answer = dns.query.udp(query, HOST, port=port, timeout=5).answer
    return {rdata.to_text() for rrset in answer for rdata in rrset}


@needs("nsupdate")
def test_nsupdate_and_edits_and_a_restart(file: Path, server: UpdatedDnsd) -> None:
    lines = [
        f"server {HOST} {server.port}",
        f"zone {ORIGIN}",
        f"prereq yxrrset www.{ORIGIN} A",
        f"update add new.{ORIGIN} 60 A 192.0.2.7",
        f"update delete www.{ORIGIN} A",
        "send",
        "",
    ]
    until(lambda: send(server.port, an_update()) == dns.rcode.NOERROR)
    subprocess.run(
        ["nsupdate", "-y", f"hmac-sha256:{KEY}:{SECRET}"],
        input="\n".join(lines).encode(),
        check=True,
        timeout=30,
    )
    until(lambda: texts(server.port, f"new.{ORIGIN}") == {"192.0.2.7"})
    assert texts(server.port, f"www.{ORIGIN}") == set()
    assert file.read_text() == ZONE
    file.write_text(ZONE + "later A 192.0.2.9\n")
    until(lambda: texts(server.port, f"later.{ORIGIN}") == {"192.0.2.9"})
    assert texts(server.port, f"new.{ORIGIN}") == {"192.0.2.7"}
    file.write_text(ZONE.replace("ns1 A", "ns1 B"))
    time.sleep(1.5)
    assert texts(server.port, f"ns1.{ORIGIN}") == {"192.0.2.1"}, "a broken file changes nothing"
    before = content(server.port)
    server.__exit__(None, None, None)
    again = UpdatedDnsd(file.parent / "again", {ORIGIN: file})
    again.port = server.port
    with again:
        until(lambda: is_given(again.port))
        assert content(again.port) == before


@needs("nsupdate")
def test_who_may_do_what(server: UpdatedDnsd) -> None:
    until(lambda: send(server.port, an_update()) == dns.rcode.NOERROR)
    challenge = f"_acme-challenge.{ORIGIN}"
    for key, name, rtype, text, rcode in (
        (NARROW, challenge, "TXT", '"token"', dns.rcode.NOERROR),
        (NARROW, challenge, "A", "192.0.2.1", dns.rcode.REFUSED),
        (NARROW, f"www.{ORIGIN}", "TXT", '"token"', dns.rcode.REFUSED),
        (KEY, f"www.{ORIGIN}", "AAAA", "2001:db8::1", dns.rcode.REFUSED),
        (None, challenge, "TXT", '"token"', dns.rcode.REFUSED),
    ):
        update = an_update(key)
        update.replace(name, 60, rtype, text)
        assert send(server.port, update) == rcode, (key, name, rtype)
    until(lambda: texts(server.port, challenge, "TXT") == {'"token"'})
    # a zone that would be no zone any more is not made
    update = an_update()
    update.add(f"ns1.{ORIGIN}", 60, "NS", f"ns1.sub.{ORIGIN}")
    update.delete(f"ns1.{ORIGIN}", "A")
    send(server.port, update)
    assert content(server.port).get_soa() is not None


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_certbot_and_octodns_as_they_are(server: UpdatedDnsd) -> None:
    """The classes of both that send updates, with what they ask before and after."""
    certbot = pytest.importorskip("certbot_dns_rfc2136._internal.dns_rfc2136")
    octodns = pytest.importorskip("octodns_bind")
    until(lambda: send(server.port, an_update()) == dns.rcode.NOERROR)
    for is_signed in (False, True):
        challenge_by(
            certbot._RFC2136Client(
                HOST, server.port, NARROW, NARROW_SECRET, dns.tsig.HMAC_SHA256, is_signed
            ),
            server.port,
        )
    provider = octodns.Rfc2136Provider(
        "dnsd", HOST, server.port, key_name=KEY, key_secret=SECRET, key_algorithm="hmac-sha256"
    )
    kept = {"": ("NS", [f"ns1.{ORIGIN}"]), "ns1": ("A", ["192.0.2.1"])}
    for wanted in (kept | {"x": ("A", ["192.0.2.3"])}, kept | {"y": ("TXT", ["a text"])}):
        provision(provider, wanted)
        names = {name.to_text() for name in content(server.port).nodes}
        assert names == {name or "@" for name in wanted}


def challenge_by(certbot: Any, port: int) -> None:
    with pytest.raises(Exception, match="REFUSED"):  # the key is for another name
        certbot.add_txt_record(f"_acme-challenge.www.{ORIGIN}".rstrip("."), "token", 60)
    challenge = f"_acme-challenge.{ORIGIN}".rstrip(".")
    for token in ("one", "two"):
        certbot.add_txt_record(challenge, token, 60)
    until(lambda: texts(port, challenge, "TXT") == {'"one"', '"two"'})
    for token in ("one", "two"):
        certbot.del_txt_record(challenge, token)
    until(lambda: not texts(port, challenge, "TXT"))


def provision(provider: Any, wanted: dict[str, tuple[str, list[str]]]) -> None:
    """Have octoDNS make the zone what is ``wanted``, and find nothing left to do."""
    from octodns.record import Record
    from octodns.zone import Zone

    desired = Zone(ORIGIN, [])
    for name, (rtype, values) in wanted.items():
        data = {"type": rtype, "ttl": 300, "values": values}
        desired.add_record(Record.new(desired, name, data))
    provider.apply(provider.plan(desired))
    until(lambda: provider.plan(desired) is None)


@needs("named", "nsupdate")
def test_bind_makes_the_same_of_the_same_updates(tmp_path: Path, server: UpdatedDnsd) -> None:
    other = tmp_path / "bind.zone"
    other.write_text(ZONE)
    bind = UpdatedBind(tmp_path / "bind", {ORIGIN: other})
    bind.port = free_port()
    dice = random.Random(17)
    until(lambda: send(server.port, an_update()) == dns.rcode.NOERROR)
    with bind:
        for _ in range(40):
            update = an_update()
            random_update(update, dice)
            assert send(server.port, update) == send(bind.port, update), update.to_text()
        ours, theirs = content(server.port), content(bind.port)
        assert ours == theirs
        assert ours.get_soa() == theirs.get_soa()


NAMES = [f"{name}{ORIGIN}" for name in ("", "www.", "alias.", "new.", "b.new.")]
VALUES = {
    "A": ("192.0.2.1", "192.0.2.2", "192.0.2.3"),
    "TXT": ('"a"', '"A"'),
    "CNAME": ("www", "new"),
    "MX": ("5 www", "5 WWW"),
}


def random_update(update: dns.update.UpdateMessage, dice: random.Random) -> None:
    for _ in range(dice.randint(0, 2)):
        name, rtype = dice.choice(NAMES), dice.choice(list(VALUES))
        require = update.present if dice.random() < 0.5 else update.absent
        require(*dice.choice(((name,), (name, rtype))))
    for _ in range(dice.randint(1, 4)):
        name, rtype = dice.choice(NAMES), dice.choice(list(VALUES))
        value = dice.choice(VALUES[rtype])
        if rtype in {"CNAME", "MX"}:
            value = f"{value}.{ORIGIN}"
        what = dice.random()
        if what < 0.5 and not (rtype == "CNAME" and name == ORIGIN):
            update.add(name, dice.choice((60, 300)), rtype, value)
        elif what < 0.7:
            update.delete(name, rtype, value)
        elif what < 0.9:
            update.delete(name, rtype)
        elif name != ORIGIN:
            update.delete(name)


def test_a_hand_over_loses_no_update_that_was_answered(server: UpdatedDnsd) -> None:
    until(lambda: send(server.port, an_update()) == dns.rcode.NOERROR)
    answered: list[int] = []
    has_ended = threading.Event()

    def work() -> None:
        number = 0
        while not has_ended.is_set():
            update = an_update()
            update.add(f"u{number}", 60, "A", "192.0.2.9")
            # What is under way is cut off; the client sends it again, as it does after a SERVFAIL.
            with suppress(OSError, EOFError, dns.exception.DNSException):
                if send(server.port, update) == dns.rcode.NOERROR:
                    answered.append(number)
                    number += 1

    client = threading.Thread(target=work)
    client.start()
    try:
        until(lambda: answered)
        restart = [*COMMAND, "restart", "--config", str(server.directory / "dnsd.toml")]
        subprocess.run(restart, env=server.environ, check=True, timeout=60, capture_output=True)
        count = len(answered)
        until(lambda: len(answered) > count)
    finally:
        has_ended.set()
        client.join()
    until(lambda: is_given(server.port))
    given = content(server.port)
    assert [one for one in answered if given.get_node(f"u{one}") is None] == []
