"""What query types, response codes and counters are called where people read them."""

from __future__ import annotations

QTYPE_NAMES = {
    1: "A",
    2: "NS",
    5: "CNAME",
    6: "SOA",
    12: "PTR",
    15: "MX",
    16: "TXT",
    28: "AAAA",
    33: "SRV",
    35: "NAPTR",
    43: "DS",
    46: "RRSIG",
    47: "NSEC",
    48: "DNSKEY",
    50: "NSEC3",
    52: "TLSA",
    64: "SVCB",
    65: "HTTPS",
    251: "IXFR",
    252: "AXFR",
    255: "ANY",
    257: "CAA",
}
_RCODE_NAMES = {
    0: "NOERROR",
    1: "FORMERR",
    2: "SERVFAIL",
    3: "NXDOMAIN",
    4: "NOTIMP",
    5: "REFUSED",
    6: "YXDOMAIN",
    7: "YXRRSET",
    8: "NXRRSET",
    9: "NOTAUTH",
    10: "NOTZONE",
    16: "BADVERS",
    23: "BADCOOKIE",
}


def rcode_name(number: int) -> str:
    """Return what a response code is called."""
    return _RCODE_NAMES.get(number, f"RCODE{number}")


def counter_name(name: str) -> str:
    """Return what a counter is called: types and response codes by their mnemonics."""
    group, _, number = name.partition("_")
    if group == "qtype" and number.isdigit():
        return f"queries for {QTYPE_NAMES[int(number)]}"
    if group == "qtype":
        return "queries for other types"
    if group == "rcode":
        return f"responses {rcode_name(int(number))}"
    return name.replace("_", " ")
