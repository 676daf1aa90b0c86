"""The layout of an image: the finished answers of one zone in one file.

Written by ``dnsd.compile``, read by both hot paths. Integers are little-endian; a *ref* is a
32-bit file offset divided by 8 (so an image may have 32 GiB), and ref 0 means "none".

    header          fixed size, see HEADER; the checksum covers everything after itself
    blocks          see BLOCK: a response after its question, or a piece of an authority section
    entries         one for each name a query can match (authoritative names, cuts, empty
                    non-terminals): ENTRY, types, plain refs, do refs, name
    table           open-addressing hash table over the entries: (32 bits of the name's hash, ref)
    denial          NSEC: (key ref, piece ref) in canonical order, keys are a 16-bit length and
                    the octets of ``wire.name.canonical_key``;
                    NSEC3: all 20-octet hashes in order, then all piece refs
    meta            JSON for control; the hot path never looks at it, and in a pack it stands apart

Names below a cut or a DNAME have no entry: their closest encloser *is* the cut or the DNAME.
All ancestors of an entry down from the apex have entries too, so the closest encloser of
any name can be found by bisection over its labels.

**Names are found by SipHash-1-3** under a key that is drawn for each image. Each entry is within
MAX_PROBES places of where its hash says: a key under which one is not is drawn again. Names that
collide cannot be chosen, because the key is drawn after them.

**Blocks move.** A compression pointer in a block was computed for a query name of ``base``
octets. For a query name of another length, or when the block's records begin further into
the message, every listed pointer p is moved (``delta`` = len(query name) − base):

    p == 0xC00C (the query name itself)      stays
    target below 12 + base + 4               += delta           (a suffix of the query name)
    target in the body before ``split``      += delta + bytes in front of this body
    target in the body from ``split`` on     += that + bytes of pieces inserted at ``split``

**Pieces** are blocks that hold only authority records (an SOA, an NSEC with its RRSIG). They
are inserted at ``split``, where the authority section of the block ends.

**Pools.** A block with a ``pool_ref`` ends in an RRset whose records are chosen for each query. Its
body has the records before it (``ancount`` of them) up to ``split``, and then a *template*:
owner, type and class. What is chosen takes the template's place. POOL says from what.
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mmap import mmap

MAGIC = b"DNSDimg\n"
VERSION = 7
ALIGN = 8

HEADER = Struct("<8sII QII II II 2I 2I II II HBB IBB2xI 16s")
"""magic, version, checksum | size, serial, denial | table, table mask | names, apex entry |
nodata plain, do | nxdomain plain, do | denial index, denial count | meta, meta length |
NSEC3 iterations, salt length, labels of the deepest name | salt, labels of the apex,
octets of the apex, cells of all pools | key of the hash table."""
CHECKSUM_END = 16
"""The checksum is the CRC-32 of everything from here on."""
SIZE_END = 24
META = Struct("<II")
META_AT = Struct("<8sII QII II II 2I 2I II").size
"""Where the header says where the metadata are, and how long."""

NO_DENIAL, NSEC_CHAIN, NSEC3_CHAIN = range(3)

ENTRY = Struct("<BBH 5I")
"""name length, flags, types | wildcard entry, default plain, default do, match, wild.

``default`` answers types not listed (0: the zone's NODATA); ``match`` is the piece that
proves this name exists or, for its types, does not (NSEC, NSEC3); ``wild`` the piece that
proves that ``*.name`` does not exist. The first type listed answers ANY (RFC 8482)."""
CUT, DNAME = 1, 2

BLOCK = Struct("<6H 6BH I")
"""base, ancount, nscount, arcount, length, split | pieces, optional, rcode, flags, proof,
proof when expanded | pointers | pool_ref. Then: piece refs, optional (end, arcount), pointers,
body. ``length`` and ``arcount`` are of the mandatory part; each ``optional`` says where the
body may end instead, and with how many additional records. ``pool_ref`` is that of a POOL, 0 for
a static block."""
AUTHORITATIVE = 1
COMPOSE = 2
"""Block flag: compose it record by record. It is too long for a piece behind it to keep its
pointers, or ends in a pool of CNAME records from which the chain may go on in this zone."""
SIGNED = 4
"""Block flag: the signatures of what is chosen from the pool go along."""
LINKS = 3
"""The flags from this bit on are a number: CNAME records in the answer, a pool's among them."""

POOL = Struct("<BB H II I 2I I BBxx 16s I")
"""members (fallbacks among them), their type is CNAME (0 or 1), octets of the longest rdata | TTL
while it is undecided, first cell (from where the image's begin) | SOA piece of a denial without
DO | SOA piece with DO, NSEC piece | signatures | members of an answer of mode SOME, how they are
chosen (ANEW, STICKY) | key of that | mask of what is answered while it is undecided. Then a
SHARE for each member, and the rdatas, each in as many octets as the longest one has.

``signatures`` is the ref of 2^members refs, one for each mask, to SIGNATURES; 0: there are none."""
SHARE = Struct("<HH")
"""Of one member: its weight, octets of its rdata."""
ANEW = 0
"""For each query of mode SOME, members are drawn by weight."""
STICKY = 1
"""The same network always gets the same member, as long as that may be answered."""
SIGNATURES = Struct("<H")
"""How many; each is a length (16 bits) and the rdata of an RRSIG."""

MATCH, COVER, WILD, ENCLOSER = 1, 2, 4, 8
"""Proofs to add: the entry's ``match``; the record covering the query name (NSEC) or the next
closer name (NSEC3); the encloser's ``wild``; the encloser's ``match``."""

OPTIONAL = Struct("<HH")
REF = Struct("<I")
PLACE = Struct("<II")
"""One of the hash table: 32 bits of the name's hash, the ref of its entry."""
MAX_PROBES = 128
"""Places that a search looks at; for ten million names about 90 are needed."""
KEY_SIZE = 16
"""Octets of the key of the hash table."""
NSEC_REFS = Struct("<II")
"""Of one record of an NSEC chain: its key, its piece."""
KEY_LENGTH = Struct("<H")
HASH_SIZE = 20
"""Octets of an NSEC3 hash (SHA-1, RFC 5155 §11)."""

POINTER_LIMIT = 0x3FFF - 256
"""Offsets up to here may be pointed to, whatever the length of the query name."""


def entry_name(octets: bytes | bytearray | mmap | memoryview, entry: int) -> bytes:
    """Return the lower-case name of the entry at the offset ``entry`` of an image's ``octets``."""
    length, _, types = ENTRY.unpack_from(octets, entry)[:3]
    at = entry + ENTRY.size + 8 * types + 2 * (types + (types & 1))
    return bytes(octets[at : at + length])
