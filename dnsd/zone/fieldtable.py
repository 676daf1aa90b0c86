"""The record types that are read natively: a row of fields for each.

A field is one character; the last field of a row may take all the tokens that are left:

    n  a name                      s  a string, counted          S  strings, one at least
    1  2  4  a number of octets    l  a string, to the end       h  hexadecimal digits
    t  a TTL                       a  6  an address              b  base64
    T  a time (RFC 4034 §3.2)      x  a salt                     B  types as bits
    y  a type                      H  an NSEC3 hash
    P  parameters of a service (RFC 9460)

Other types, and data in the form of RFC 3597, :mod:`dnsd.zone.rdatatext` reads.
"""

from __future__ import annotations

FIELDS: dict[int, str] = {
    1: "a",  # A
    2: "n",  # NS
    5: "n",  # CNAME
    6: "nn4tttt",  # SOA
    12: "n",  # PTR
    13: "ss",  # HINFO
    15: "2n",  # MX
    16: "S",  # TXT
    17: "nn",  # RP
    18: "2n",  # AFSDB
    21: "2n",  # RT
    26: "2nn",  # PX
    28: "6",  # AAAA
    33: "222n",  # SRV
    35: "22sssn",  # NAPTR
    36: "2n",  # KX
    39: "n",  # DNAME
    43: "211h",  # DS
    44: "11h",  # SSHFP
    46: "y11tTT2nb",  # RRSIG
    47: "nB",  # NSEC
    48: "211b",  # DNSKEY
    49: "b",  # DHCID
    50: "112xHB",  # NSEC3
    51: "112x",  # NSEC3PARAM
    52: "111h",  # TLSA
    53: "111h",  # SMIMEA
    59: "211h",  # CDS
    60: "211b",  # CDNSKEY
    61: "b",  # OPENPGPKEY
    62: "42B",  # CSYNC
    64: "2nP",  # SVCB
    65: "2nP",  # HTTPS
    99: "S",  # SPF
    105: "2a",  # L32
    107: "2n",  # LP
    256: "22l",  # URI
    257: "1sl",  # CAA
}
"""Type number to its row."""

_NONE = 255
_DS = {0: _NONE, 1: 20, 2: 32, 3: 32, 4: 48}
_TLSA = {1: 32, 2: 64}
SIZES: dict[int, tuple[int, dict[int, int]]] = {
    43: (3, _DS),
    44: (1, {1: 20, 2: 32}),
    52: (2, _TLSA),
    53: (2, _TLSA),
    59: (3, _DS | {0: 1}),
}
"""Types that end in a digest: where the octet stands that says of which kind, and the octets of
those kinds that have a size (``_NONE``: no such kind; a kind that is missing has any size)."""

TYPES: dict[str, int] = {
    "A": 1,
    "NS": 2,
    "CNAME": 5,
    "SOA": 6,
    "PTR": 12,
    "HINFO": 13,
    "MX": 15,
    "TXT": 16,
    "RP": 17,
    "AFSDB": 18,
    "X25": 19,
    "ISDN": 20,
    "RT": 21,
    "SIG": 24,
    "KEY": 25,
    "PX": 26,
    "GPOS": 27,
    "AAAA": 28,
    "LOC": 29,
    "SRV": 33,
    "NAPTR": 35,
    "KX": 36,
    "CERT": 37,
    "DNAME": 39,
    "APL": 42,
    "DS": 43,
    "SSHFP": 44,
    "IPSECKEY": 45,
    "RRSIG": 46,
    "NSEC": 47,
    "DNSKEY": 48,
    "DHCID": 49,
    "NSEC3": 50,
    "NSEC3PARAM": 51,
    "TLSA": 52,
    "SMIMEA": 53,
    "HIP": 55,
    "CDS": 59,
    "CDNSKEY": 60,
    "OPENPGPKEY": 61,
    "CSYNC": 62,
    "ZONEMD": 63,
    "SVCB": 64,
    "HTTPS": 65,
    "SPF": 99,
    "NID": 104,
    "L32": 105,
    "L64": 106,
    "LP": 107,
    "EUI48": 108,
    "EUI64": 109,
    "URI": 256,
    "CAA": 257,
}
"""The mnemonics that are read natively."""
