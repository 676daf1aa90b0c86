"""Key files: what is read, and what is said of those that cannot be used."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import dns.dnssecalgs
import pytest
from dns.dnssectypes import Algorithm

from dnsd.build import keys as module
from dnsd.build.keys import KeyFault, load_keys
from dnsd.zone.findings import Severity
from dnsd.zone.load import load_text
from dnsd.zone.records import Zone
from tests.conftest import needs
from tests.zonekeys import ALGORITHMS, KSK, P256, REVOKED, ZSK, ZoneKey, make_key

HEAD = "$TTL 300\n@ SOA ns h 1 7200 3600 1209600 300\n@ NS ns\nns A 192.0.2.53\n"
KEY = make_key()


def zone(*dnskeys: str) -> Zone:
    text = HEAD + "".join(f"@ DNSKEY {one}\n" for one in dnskeys)
    found = load_text("example.com.", text).zone
    assert found is not None
    return found


def of(*keys: ZoneKey) -> Zone:
    return zone(*(key.dnskey.to_text() for key in keys))


def paths(directory: Path, *keys: ZoneKey) -> tuple[str, ...]:
    return tuple(str(directory / key.write(directory)) for key in keys)


def fault(path: str, data: Zone | None = None) -> KeyFault:
    keys, (found,) = load_keys((path,), data or of(KEY))
    assert keys == ()
    return found


def test_no_keys() -> None:
    assert load_keys((), of(KEY)) == ((), [])


@pytest.mark.parametrize("algorithm", ALGORITHMS, ids=lambda one: one.name)
def test_every_algorithm(tmp_path: Path, algorithm: Algorithm) -> None:
    key = make_key(algorithm)
    (found,), faults = load_keys(paths(tmp_path, key), of(key))
    assert faults == []
    assert found.dnskey == key.dnskey
    assert found.private.public_key() == key.private.public_key()


@needs("dnssec-keygen")
@pytest.mark.parametrize("algorithm", ALGORITHMS, ids=lambda one: one.name)
def test_keys_of_bind(tmp_path: Path, algorithm: Algorithm) -> None:
    size = ["-b", "2048"] if "RSA" in algorithm.name else []
    command = ["dnssec-keygen", "-q", "-a", algorithm.name, *size, "example.com"]
    _made_elsewhere(tmp_path, command, algorithm)


@needs("ldns-keygen")
@pytest.mark.parametrize("algorithm", ALGORITHMS, ids=lambda one: one.name)
def test_keys_of_ldns(tmp_path: Path, algorithm: Algorithm) -> None:
    command = ["ldns-keygen", "-a", algorithm.name, "-k", "example.com"]
    _made_elsewhere(tmp_path, command, algorithm)


def _made_elsewhere(directory: Path, command: list[str], algorithm: Algorithm) -> None:
    done = subprocess.run(command, cwd=directory, check=True, capture_output=True, text=True)
    path = directory / done.stdout.strip()
    text = path.with_name(f"{path.name}.key").read_text()
    (record,) = (line for line in text.splitlines() if "DNSKEY" in line)
    rdata = record.partition("DNSKEY")[2].partition(";")[0]
    (found,), faults = load_keys((str(path),), zone(rdata))
    assert faults == []
    assert found.dnskey.algorithm == algorithm


def test_the_flags_are_those_in_the_zone(tmp_path: Path) -> None:
    """Who has turned a key into a KSK by hand has given it another tag."""
    in_zone = zone(KEY.dnskey.replace(flags=KSK).to_text())
    (found,), faults = load_keys(paths(tmp_path, KEY), in_zone)
    assert faults == []
    assert found.dnskey.flags == KSK


# -- faults -----------------------------------------------------------------------------------


def test_no_such_file(tmp_path: Path) -> None:
    found = fault(f"{tmp_path}/Kx")
    message = f"cannot read {tmp_path}/Kx.key: No such file or directory"
    assert found == KeyFault("signing-key", message, Severity.ERROR)
    (path,) = paths(tmp_path, KEY)
    Path(f"{path}.private").unlink()
    assert fault(path).message == f"cannot read {path}.private: No such file or directory"


def test_a_key_of_another_zone(tmp_path: Path) -> None:
    (path,) = paths(tmp_path, make_key(origin="example.org."))
    expected = f"{path}.key is a key of the zone example.org., not of example.com."
    assert fault(path).message == expected


def test_a_key_that_is_not_in_the_zone(tmp_path: Path) -> None:
    (path,) = paths(tmp_path, make_key())
    for data in (of(KEY), zone()):
        assert fault(path, data).message.startswith(
            f"{path}.key is not among the DNSKEY records of the zone: sign the zone with it"
        )


@pytest.mark.parametrize("flags", [0, 1])
def test_a_record_that_is_no_key_of_a_zone_is_none(tmp_path: Path, flags: int) -> None:
    (path,) = paths(tmp_path, KEY)
    data = zone(KEY.dnskey.replace(flags=flags).to_text())
    assert "is not among the DNSKEY records" in fault(path, data).message


def test_a_revoked_key(tmp_path: Path) -> None:
    (path,) = paths(tmp_path, KEY)
    data = zone(KEY.dnskey.replace(flags=REVOKED).to_text())
    expected = f"{path} is revoked in the zone: name the key that has taken its place"
    assert fault(path, data).message == expected


def test_a_pair_that_is_none(tmp_path: Path) -> None:
    (path,) = paths(tmp_path, KEY)
    Path(f"{path}.private").write_text(make_key().private_text())
    expected = f"{path}.private does not belong to the public key in {path}.key"
    assert fault(path).message == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", 'is not a private key: it lacks the line "Private-key-format: v1.3"'),
        ("Private-key-format: v2.0\n", "is not a private key: it lacks the line"),
        (
            "Private-key-format: v1.3\nAlgorithm: 13\nLabel: token\n",
            "refers to a key in a hardware module: dnsd signs with files only",
        ),
        (
            "Private-key-format: v1.3\nAlgorithm: 13\n",
            "has no PrivateKey, which ECDSAP256SHA256 (13) needs",
        ),
        (
            "Private-key-format: v1.3\nPrivateKey: !!!!\n",
            "is not a key of ECDSAP256SHA256 (13): ",
        ),
        ("Private-key-format: v1.3\nPrivateKey: AAAA\n", "is not a key of ECDSAP256SHA256 (13): "),
    ],
)
def test_a_private_file_that_is_none(tmp_path: Path, text: str, expected: str) -> None:
    (path,) = paths(tmp_path, KEY)
    Path(f"{path}.private").write_text(text)
    assert fault(path).message.startswith(f"{path}.private {expected}")


@pytest.mark.parametrize("algorithm", [Algorithm.RSASHA256, Algorithm.ED25519])
def test_numbers_that_are_no_key(tmp_path: Path, algorithm: Algorithm) -> None:
    key = make_key(algorithm)
    (path,) = paths(tmp_path, key)
    text = "".join(
        f"{line.partition(':')[0]}: AQAB\n" if line.endswith("=") else f"{line}\n"
        for line in key.private_text().splitlines()
    )
    Path(f"{path}.private").write_text(text)
    assert f"is not a key of {algorithm.name}" in fault(path, of(key)).message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "has 0 DNSKEY records, and must have one"),
        ("example.com. IN TXT x\n", "has 0 DNSKEY records, and must have one"),
        (
            f"example.com. IN DNSKEY {KEY.dnskey}\nexample.com. IN DNSKEY {make_key().dnskey}\n",
            "has 2 DNSKEY records, and must have one",
        ),
        ("example.com. IN DNSKEY 256 3 13 !\n", "is not a public key: "),
        (
            "example.com. 60 IN DNSKEY 256 3 5 AwEAAQ==\n",
            "is of the algorithm RSASHA1 (5); dnsd signs with RSASHA256 (8), RSASHA512 (10), "
            "ECDSAP256SHA256 (13), ECDSAP384SHA384 (14), ED25519 (15), ED448 (16)",
        ),
    ],
)
def test_a_public_file_that_is_none(tmp_path: Path, text: str, expected: str) -> None:
    (path,) = paths(tmp_path, KEY)
    Path(f"{path}.key").write_text(text)
    assert fault(path).message.startswith(f"{path}.key {expected}")


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    (path,) = paths(tmp_path, KEY)
    Path(f"{path}.private").write_bytes(b"\xff\xfe")
    assert fault(path).message.startswith(f"{path}.private is not a text")


def test_a_pipe_in_place_of_a_key(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "Kx.key")
    assert fault(f"{tmp_path}/Kx").message == (
        f"cannot read {tmp_path}/Kx.key: it is not a regular file"
    )


def test_every_fault_at_once(tmp_path: Path) -> None:
    found, faults = load_keys((*paths(tmp_path, KEY), "/x/Ka", "/x/Kb"), of(KEY))
    assert [key.dnskey for key in found] == [KEY.dnskey]
    assert [one.message.split()[2] for one in faults] == ["/x/Ka.key:", "/x/Kb.key:"]


def test_in_a_rollover_one_of_the_keys_is_enough(tmp_path: Path) -> None:
    """The zone is signed with one of two listed keys: the other one waits, or has retired."""
    other, gone = make_key(), make_key(flags=KSK)
    listed = paths(tmp_path, KEY, other)
    for used in (KEY, other):
        (found,), (told,) = load_keys(listed, of(used))
        assert found.dnskey == used.dnskey
        assert (told.code, told.severity) == ("signing-key", Severity.WARNING)
        assert "is not among the DNSKEY records of the zone" in told.message
    keys, faults = load_keys(listed, of(gone))
    assert keys == ()
    assert {one.severity for one in faults} == {Severity.ERROR}
    keys, faults = load_keys(listed, of(KEY, make_key(Algorithm.ED25519)))
    assert {one.severity for one in faults} == {Severity.ERROR}, "it does not do for the zone"


def test_a_key_that_all_can_read_is_warned_of(tmp_path: Path) -> None:
    (path,) = paths(tmp_path, KEY)
    for mode, open_to_all in ((0o640, False), (0o644, True), (0o602, True)):
        Path(f"{path}.private").chmod(mode)
        keys, faults = load_keys((path,), of(KEY))
        assert len(keys) == 1
        expected = [("signing-key-open", Severity.WARNING)] if open_to_all else []
        assert [(one.code, one.severity) for one in faults] == expected


def test_each_algorithm_of_the_zone_needs_a_key(tmp_path: Path) -> None:
    """RFC 4035 §2.2."""
    other = make_key(Algorithm.ED25519, KSK)
    data = of(KEY, other, make_key(P256, KSK))
    keys, (found,) = load_keys(paths(tmp_path, KEY), data)
    assert len(keys) == 1
    assert found == KeyFault(
        "signing-algorithm",
        "the zone has a DNSKEY of ED25519 (15), so each answer needs a signature of that "
        "algorithm, too (RFC 4035 §2.2): add its key",
    )
    assert load_keys(paths(tmp_path, KEY, other), data)[1] == []


def test_a_revoked_key_promises_nothing(tmp_path: Path) -> None:
    data = of(KEY, make_key(Algorithm.ED25519, REVOKED))
    assert load_keys(paths(tmp_path, KEY), data)[1] == []


def test_what_is_missing_is_not_told_beside_a_fault(tmp_path: Path) -> None:
    data = of(KEY, make_key(Algorithm.ED25519))
    _, (found,) = load_keys((*paths(tmp_path, KEY), "/x/Ka"), data)
    assert found.code == "signing-key"


def test_without_cryptography(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dns.dnssecalgs, "algorithms", {})
    keys, (found,) = load_keys(paths(tmp_path, KEY), of(KEY))
    assert keys == ()
    assert found == KeyFault(
        "signing-cryptography",
        "signing needs the Python package cryptography, which is missing or too old: "
        "pip install 'dnsd[signing]'",
    )


def test_a_zone_without_keys_of_its_own_has_none() -> None:
    assert module.zone_keys(zone()) == []
    assert [one.flags for one in module.zone_keys(of(KEY))] == [ZSK]
