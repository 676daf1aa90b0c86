"""Every type dnspython knows is loaded, in its own form and in that of RFC 3597."""

from __future__ import annotations

import pkgutil

import dns.name
import dns.rdata
import dns.rdtypes.ANY
import dns.rdtypes.IN
import pytest
from dns.rdataclass import IN
from dns.rdatatype import RdataType
from hypothesis import example, given
from hypothesis import strategies as st

from dnsd.wire.name import from_text
from dnsd.zone.load import load_text
from dnsd.zone.typenames import type_name

HEAD = "$TTL 3600\n@ SOA ns1 host 1 7200 3600 1209600 300\n@ NS ns1\nns1 A 192.0.2.1\n"
ORIGIN = dns.name.from_text("example.com")
KEY = "AwEAAdX4W7GZ2cQbBQkxAg=="

EXAMPLES = {
    "A": "192.0.2.1",
    "AAAA": "2001:db8::192.0.2.1",
    "AFSDB": "1 afs",
    "AMTRELAY": "10 1 3 relay",
    "APL": "1:192.0.2.0/24 !2:2001:db8::/32",
    "AVC": '"app-name:WOLFGANG|app-class:OAM"',
    "BRID": KEY,
    "CAA": '0 issue "ca.example.net; policy=ev"',
    "CDNSKEY": f"257 3 13 {KEY}",
    "CDS": f"60485 13 2 {'0a' * 32}",
    "CERT": f"PKIX 1 RSASHA256 {KEY}",
    "CNAME": "target",
    "CSYNC": "66 3 A NS AAAA",
    "DHCID": KEY,
    "DLV": f"60485 13 2 {'0a' * 32}",
    "DNAME": "target.example.net.",
    "DNSKEY": f"257 3 13 ( AwEAAdX4\n W7GZ2cQbBQkxAg== ) ; {KEY}",
    "DS": f"60485 13 2 ( {'0a' * 16}\n {'0B' * 16} )",
    "DSYNC": "CDS NOTIFY 5359 notify",
    "EUI48": "00-00-5e-00-53-2a",
    "EUI64": "00-00-5e-ef-10-00-00-2a",
    "GPOS": "-32.6882 116.8652 10.0",
    "HHIT": KEY,
    "HINFO": '"PDP-11/70" UNIX',
    "HIP": f"2 200100107B1A74DF365639CC39F1D578 {KEY} rvs rvs.example.net.",
    "HTTPS": '1 . alpn="h2,h3" port=8443 ipv4hint=192.0.2.1 mandatory="alpn"',
    "IPSECKEY": f"10 3 2 gateway {KEY}",
    "ISDN": '"150862028003217" "004"',
    "KEY": f"512 255 1 {KEY}",
    "KX": "10 kx",
    "L32": "10 10.1.2.0",
    "L64": "10 2001:0DB8:1140:1000",
    "LOC": "52 22 23.000 N 4 53 32.000 E -2.00m 0.00m 10000m 10m",
    "LP": "10 l64",
    "MX": "10 mail",
    "NAPTR": '100 10 "U" "E2U+sip" "!^.*$!sip:\\"info\\"@example.com!" .',
    "NID": "10 0014:4fff:ff20:ee64",
    "NINFO": '"status"',
    "NS": "ns2.example.net.",
    "NSAP": "0x47.0005.80.005a00.0000.0001.e133.ffffff000161.00",
    "NSAP_PTR": "host",
    "NSEC": "next A MX RRSIG NSEC TYPE1234",
    "NSEC3": "1 1 12 aabbccdd 2vptu5timamqttgl4luu9kg21e0aor3s A RRSIG",
    "NSEC3PARAM": "1 0 12 aabbccdd",
    "OPENPGPKEY": KEY,
    "PTR": "host",
    "PX": "10 map822 mapx400",
    "RESINFO": "qnamemin exterr=15-17",
    "RP": "mbox txt",
    "RRSIG": f"A 13 3 3600 20300101000000 20200101000000 60485 @ ( {KEY} )",
    "RT": "10 relay",
    "SIG": f"NSEC 1 3 3600 20300101000000 20200101000000 60485 foo {KEY}",
    "SMIMEA": f"3 1 1 {'0a' * 32}",
    "SOA": "ns1 host.example.net. 2024010101 2h 1H 2w 300",
    "SPF": '"v=spf1 -all"',
    "SRV": "10 20 5060 sip",
    "SSHFP": f"4 2 {'0a' * 32}",
    "SVCB": '1 svc key667="x"',
    "TLSA": f"3 1 1 {'0a' * 32}",
    "TXT": '"two words" one "" \\"q\\" "\\255;"',
    "URI": '10 1 "https://example.com/?a;b"',
    "WALLET": '"ETH" "0x1234"',
    "WKS": "192.0.2.1 6 25 80",
    "X25": '"311061700956"',
    "ZONEMD": f"2024010101 1 1 {'0a' * 48}",
}

MESSAGE_ONLY = {"OPT", "TSIG", "TKEY"}


def load(mnemonic: str, text: str) -> bytes:
    owner = "@" if mnemonic == "SOA" else "x"
    head = HEAD.replace("SOA", "TXT") if mnemonic == "SOA" else HEAD
    result = load_text("example.com", f"{head}{owner} {mnemonic.replace('_', '-')} {text}\n")
    assert result.zone is not None, result.findings
    name = from_text("example.com" if mnemonic == "SOA" else "x.example.com")
    if mnemonic == "RRSIG":
        return result.zone.signatures[name][1].rdatas[0]
    return result.zone.nodes[name][RdataType.from_text(mnemonic.replace("_", "-"))].rdatas[0]


def test_there_is_an_example_of_every_type() -> None:
    packages = (dns.rdtypes.ANY, dns.rdtypes.IN)
    known = {module.name for p in packages for module in pkgutil.iter_modules(p.__path__)}
    assert EXAMPLES.keys() == known - MESSAGE_ONLY


@pytest.mark.parametrize("mnemonic", EXAMPLES)
def test_type(mnemonic: str) -> None:
    rtype = RdataType.from_text(mnemonic.replace("_", "-"))
    one_line = EXAMPLES[mnemonic].replace("\n", "").partition(" ; ")[0]
    expected = dns.rdata.from_text(IN, rtype, one_line, ORIGIN, relativize=False).to_wire()
    assert expected is not None
    assert load(mnemonic, EXAMPLES[mnemonic]) == expected
    assert load(mnemonic, f"\\# {len(expected)} {expected.hex()}") == expected


@pytest.mark.parametrize("rtype", [0, 41, *range(128, 256)])
def test_meta_types_are_refused(rtype: int) -> None:
    (finding,) = load_text("example.com", f"{HEAD}x TYPE{rtype} \\# 0\n").findings
    assert (finding.line, finding.code) == (5, "meta-type")


@pytest.mark.parametrize("rtype", [7, 10, 30, 38, 65280, 65535])
def test_types_without_a_text_form_can_still_be_written(rtype: int) -> None:
    mnemonic = type_name(rtype)
    assert load(mnemonic, "\\# 3 0a0b 0c") == b"\x0a\x0b\x0c"
    assert load(mnemonic, "\\# 0") == b""


@given(st.integers(-10_000_000, 4_284_967_295), st.sampled_from(("", "m")))
@example(113, "m")
def test_an_altitude_is_to_the_centimetre(centimetres: int, unit: str) -> None:
    """RFC 1876 §2; a centimetre less, and a signature fits no more."""
    metres = f"{'-' * (centimetres < 0)}{abs(centimetres) // 100}.{abs(centimetres) % 100:02d}"
    text = f"{HEAD}l LOC 52 22 23.000 N 4 53 32.000 E {metres}{unit} 1m\n"
    result = load_text("example.com.", text)
    assert result.zone is not None, result.findings
    (rrset,) = result.zone.nodes[from_text("l.example.com.")].values()
    assert int.from_bytes(rrset.rdatas[0][-4:]) - 10_000_000 == centimetres


@pytest.mark.parametrize("written", [r"\E 5.13m", r"\069 5.13m", r"E 5.1\051m", r"E 5.13\m"])
def test_escapes_in_a_location(written: str) -> None:
    plain, escaped = (
        load_text("example.com.", f"{HEAD}l LOC 52 22 23.000 N 4 53 32.000 {text}\n", now=0.0)
        for text in ("E 5.13m", written)
    )
    assert plain.zone
    assert escaped.zone
    assert plain.zone.nodes == escaped.zone.nodes
