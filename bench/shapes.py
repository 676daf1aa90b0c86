"""Zones of the shapes that servers of registries and hosting companies hold.

Unlike those of :mod:`bench.zonegen` nobody asks them anything: they show what a start costs.
Everything follows from a number; the same number gives the same octets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SERVERS = 500
"""Name servers outside of the zone that share the delegations."""


def tld(delegations: int) -> Iterator[str]:
    """Yield the lines of a registry's zone: two NS each, a third of them with glue, DS for some."""
    yield "$ORIGIN tld."
    yield "$TTL 3600"
    yield "tld. IN SOA a.nic.tld. hostmaster.nic.tld. 2024010101 1800 900 604800 86400"
    yield "tld. IN NS a.nic.tld."
    yield "a.nic.tld. IN A 192.0.2.1"
    for i in range(delegations):
        owner = f"name{i:07d}.tld."
        if i % 3:
            yield f"{owner} 86400 IN NS ns1.host{i % SERVERS}.example."
            yield f"{owner} 86400 IN NS ns2.host{i % SERVERS}.example."
        else:
            yield f"{owner} 86400 IN NS ns1.{owner}"
            yield f"{owner} 86400 IN NS ns2.{owner}"
            yield f"ns1.{owner} 86400 IN A 10.{i >> 16 & 255}.{i >> 8 & 255}.{i & 255}"
            yield f"ns2.{owner} 86400 IN AAAA 2001:db8::{i >> 16:x}:{i & 0xFFFF:x}"
        if i % 15 == 1:
            yield f"{owner} 86400 IN DS {i & 0xFFFF} 13 2 {i:064X}"


def hosted(number: int) -> Iterator[str]:
    """Yield the lines of one of many small zones: 20 records of the types that are in use."""
    a, b = number >> 8 & 255, number & 255
    six = f"{number >> 16:x}:{number & 0xFFFF:x}"
    yield f"$ORIGIN customer{number}.example."
    yield "$TTL 3600"
    yield f"@ IN SOA ns1.host.example. hostmaster.host.example. {2024010101 + number} 7200 3600 ("
    yield "      1209600 300 )"
    yield "@ IN NS ns1.host.example."
    yield "@ IN NS ns2.host.example."
    yield f"@ IN A 10.1.{a}.{b}"
    yield f"@ IN AAAA 2001:db8:1::{six}"
    yield "@ IN MX 10 mail"
    yield "@ IN MX 20 mx.backup.example."
    yield '@ IN TXT "v=spf1 mx a:mail.host.example -all"'
    yield '@ IN CAA 0 issue "letsencrypt.org"'
    yield "www IN CNAME @"
    yield f"mail IN A 10.2.{a}.{b}"
    yield f"mail IN AAAA 2001:db8:2::{six}"
    yield "autoconfig IN CNAME www"
    yield "_imaps._tcp IN SRV 0 1 993 mail"
    yield "_submission._tcp IN SRV 0 1 587 mail"
    yield '_dmarc IN TXT "v=DMARC1; p=quarantine; rua=mailto:postmaster@host.example"'
    yield f'sel._domainkey IN TXT "v=DKIM1; k=rsa; p={"MIGf" * 50}" "{number:x}"'
    yield f"*.apps IN A 10.3.{a}.{b}"
    yield f"ftp IN A 10.4.{a}.{b}"
    yield f"shop 300 IN A 10.5.{a}.{b}"


def write(path: Path, lines: Iterator[str]) -> None:
    """Write a zone file of ``lines``."""
    with path.open("w", encoding="ascii") as file:
        file.writelines(line + "\n" for line in lines)
