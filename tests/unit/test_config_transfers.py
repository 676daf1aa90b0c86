"""Keys, zones and [transfers]: what is read, what is wrong, what holds for a zone."""

from __future__ import annotations

import base64
import os
from pathlib import Path

import pytest

from dnsd import config
from dnsd.config import Config, Options, ZoneTransfers
from dnsd.config.reader import read_text
from dnsd.errors import ConfigError

FILE = Path("/etc/dnsd/dnsd.toml")
KEY = "[[key]]\nname = 'k.example'\nsecret_file = 'k'\n"


def read(text: str) -> Config:
    found, problems = read_text(text, FILE)
    assert found is not None, problems
    return found


def of(text: str, zone: str) -> ZoneTransfers:
    return config.TransferTerms(read(text)).of(zone)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            KEY + "algorithm = 'hmac-md5'",
            "4: [[key]] #1 algorithm: MD5 is broken: use hmac-sha256, hmac-sha384, hmac-sha512, "
            "and make a new secret for it",
        ),
        (
            KEY + "algorithm = 'HMAC-SHA1.'",
            "4: [[key]] #1 algorithm: SHA-1 is broken: use hmac-sha256, hmac-sha384, hmac-sha512, "
            "and make a new secret for it",
        ),
        (
            KEY + KEY,
            "5: [[key]] #2 name: k.example. stands in line 1 already: a name has one secret",
        ),
        (
            KEY + "[[transfers.notify]]\naddress = '192.0.2.1'\nkey = 'l.example'",
            "6: [[transfers.notify]] #1 key: there is no [[key]] with the name l.example.; there "
            "is k.example.",
        ),
        (
            "[[zone]]\nname = 'a'\nprimaries = [{ address = '192.0.2.1', key = 'k' }]",
            "3: [[zone.primaries]] #1 key: there is no [[key]] with the name k.; there is none",
        ),
        (
            "[[zone]]\nname = 'a'\nfile = 'a'\nprimaries = [{ address = '192.0.2.1' }]",
            "4: [[zone]] #1 primaries: a zone comes from a file or from its primaries: leave "
            "out one of file and primaries",
        ),
        (
            "[[zone]]\nname = 'a'\nserial = 'unixtime'\nprimaries = [{ address = '192.0.2.1' }]",
            '3: [[zone]] #1 serial: "unixtime" would change the serials of the primaries: remove '
            "this key",
        ),
        (
            "[[zone]]\nname = 'a'\nprimaries = [{ address = '192.0.2.1', tls_name = 'x' }]",
            "3: [[zone.primaries]] #1 tls_name: has no effect without TLS: write tls = true "
            "beside it",
        ),
        (
            "[[zone]]\nname = 'a'\nprimaries = [{ address = '192.0.2.1', source = '::1' }]",
            "3: [[zone.primaries]] #1 source: ::1 cannot send to 192.0.2.1",
        ),
        (
            "[[zone]]\nname = 'a'\nfile = 'a'\nallow_notify = [{ network = '192.0.2.0/24' }]",
            "4: [[zone]] #1 allow_notify: has no effect without primaries: a NOTIFY makes dnsd "
            "ask them for the zone",
        ),
        (
            "transfers.allow_transfer = [{}]",
            "1: [[transfers.allow_transfer]] #1 network: name a network, a key, or both; a client "
            'then needs both (network = ["0.0.0.0/0", "::/0"] allows every client)',
        ),
        (
            "transfers.tls_listen = '192.0.2.1:853'",
            "1: [transfers] tls_listen: TLS needs tls_certificate, a PEM file with a certificate "
            "and its private key",
        ),
    ],
)
def test_a_problem(text: str, problem: str) -> None:
    _, problems = read_text(text, FILE)
    assert [str(one) for one in problems] == [f"{FILE}:{problem}"]


def test_a_zone_has_its_own_word_or_that_of_all() -> None:
    text = (
        KEY + "[transfers]\nallow_transfer = [{ key = 'k.example' }]\njournal = '1MiB'\n"
        "[[zone]]\nname = 'a'\nfile = 'a'\nserial = 'increment'\n"
        "[[zone]]\nname = 'b'\nfile = 'b'\nallow_transfer = []\n"
    )
    one, two, three = (of(text, zone) for zone in ("a.", "b.", "c."))
    assert one.allow_transfer == three.allow_transfer == read(text).transfers.allow_transfer
    assert (one.serial, two.serial, one.journal) == ("increment", "file", 1 << 20)
    assert two.allow_transfer == ()
    assert one.is_primary
    assert not two.is_primary


def test_ports_follow_the_transport() -> None:
    (zone,) = read(
        "[[zone]]\nname = 'a'\n"
        "primaries = [{ address = '192.0.2.1' }, { address = '::1', tls = true }]"
    ).zone
    assert [str(one) for one in zone.primaries] == ["192.0.2.1:53", "[::1]:853"]


@pytest.mark.parametrize(
    ("text", "needed"),
    [
        ("", False),
        ("[transfers]\nserial = 'unixtime'\n", False),
        (KEY, True),
        ("transfers.notify_ns = true", True),
        ("[[zone]]\nname = 'a'\nprimaries = [{ address = '192.0.2.1' }]", True),
        ("[[zone]]\nname = 'a'\nfile = 'a'\nallow_transfer = []", False),
    ],
)
def test_there_is_something_to_transfer(text: str, needed: bool) -> None:
    assert config.has_transfers(read(text)) == needed


def test_where_zones_lie(tmp_path: Path) -> None:
    """A zone is fetched, lies in its file or in the directory; else it is told of."""
    (tmp_path / "in.example.zone").touch()
    (tmp_path / "fetched.example.zone").touch()
    path = tmp_path / "dnsd.toml"
    path.write_text(
        "server.state_directory = 'state'\nzones.directory = '.'\n"
        "[[zone]]\nname = 'in.example'\nnotify_ns = true\n"
        "[[zone]]\nname = 'out.example'\nnotify_ns = true\n"
        "[[zone]]\nname = 'fetched.example'\nprimaries = [{ address = '192.0.2.1' }]\n"
    )
    found = config.find_zones(config.resolve(path, Options()))
    assert found.files == {
        "in.example.": tmp_path / "in.example.zone",
        "fetched.example.": config.received_file(config.load(path), "fetched.example."),
    }
    (fetched, out) = sorted(str(one) for one in found.odd)[::-1]
    assert "the zone fetched.example. is fetched from its primaries; remove the file" in fetched
    assert out.startswith(f"{path}:6: the zone out.example. is not served")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (base64.b64encode(bytes(32)) + b"\n", ""),
        (b"AAAA", "holds 3 octets; a secret has at least 16"),
        (b"not base64!", "does not hold a secret in base64"),
        (None, "cannot read"),
    ],
)
def test_secrets(tmp_path: Path, content: bytes | None, said: str) -> None:
    path = tmp_path / "dnsd.toml"
    path.write_text(KEY)
    if content is not None:
        (tmp_path / "k").write_bytes(content)
    found = config.load(path)
    if not said:
        assert config.tsig_secrets(found) == {"k.example.": bytes(32)}
        return
    with pytest.raises(ConfigError, match=r"\[\[key\]\] k.example. secret_file: ") as error:
        config.tsig_secrets(found)
    assert said in str(error.value)
    assert any(said in str(one) for one in config.examine(path)[2])


def test_a_secret_that_everybody_can_read_is_told_of(tmp_path: Path) -> None:
    (tmp_path / "dnsd.toml").write_text(KEY)
    (tmp_path / "k").write_bytes(base64.b64encode(os.urandom(32)))
    found = config.load(tmp_path / "dnsd.toml")
    (tmp_path / "k").chmod(0o644)
    assert f"chmod o= {tmp_path}/k" in "".join(config.secret_advice(found))
    (tmp_path / "k").chmod(0o640)
    assert config.secret_advice(found) == ()
