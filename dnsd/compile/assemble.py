"""Puts blocks, entries, hash table and denial chain together into the octets of an image."""

from __future__ import annotations

from array import array
from struct import pack
from typing import TYPE_CHECKING

from dnsd.compile import poolrecords
from dnsd.compile.answers import Answers
from dnsd.compile.denial import NoDenialChain, Nsec3Chain, chain_of
from dnsd.compile.table import add_table
from dnsd.compile.writer import Chosen, Item, Sections, encode
from dnsd.errors import ImageError
from dnsd.image import layout
from dnsd.image.selection import DENIAL_TTL
from dnsd.image.store import checksum
from dnsd.wire import name as names
from dnsd.zone.records import Zone
from dnsd.zone.structure import Structure

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dnsd.compile.poolrecords import PoolRecords
    from dnsd.zone.records import RRset

_BEYOND = b"\x01*"
"""Put before a name, it stands for all names below: one block serves many query names."""
_LARGEST = layout.ALIGN << 32


class Assembler:
    """Builds the image of one zone, in which ``pools`` are chosen for each query.

    All of them are in ``zone.nodes``: a table of plain names is for the native twin. Names are
    hashed with ``key`` (or with one made from it: see :func:`add_table`).
    """

    def __init__(self, zone: Zone, pools: Sequence[PoolRecords], key: bytes) -> None:
        # a view of a table would make new RRset objects at each access
        zone = Zone(zone.apex, dict(zone.nodes), dict(zone.signatures))
        self._zone = zone
        self._key = key
        self._structure = Structure(zone)
        self._denial = chain_of(zone, self._structure)
        self._out = bytearray(layout.HEADER.size)
        self._blocks: dict[bytes, int] = {}
        self._pieces: dict[tuple[int, int, bool], int] = {}
        self._lengths: dict[int, int] = {}
        self._longest_proof = 0
        chosen: dict[tuple[bytes, int], Chosen] = {}
        self._plain = Answers(zone, self._structure, NoDenialChain(), {}, self._piece, chosen)
        self._signed = self._plain
        if zone.signatures:
            self._signed = Answers(
                zone, self._structure, self._denial, zone.signatures, self._piece, chosen
            )
        self._cells = self._add_pools(pools, chosen)

    def image(self, meta: bytes) -> bytearray:
        """Return the whole image; ImageError when the zone is too large for one."""
        proofs = [self._proof(record) for record in self._denial.records]
        self._longest_proof = max((self._lengths[ref] for ref in proofs if ref), default=0)
        nodata = self._pair(names.ROOT, self._plain.nodata(), self._signed.nodata())
        nxdomain = self._pair(names.ROOT, self._plain.nxdomain(), self._signed.nxdomain())
        entries = self._entries()
        refs = array("I", entries.values())
        deepest = max(names.count(name) for name in entries)
        table, mask, key = add_table(self._out, refs, self._key)
        denial = self._denial_index(proofs)
        salt = self._salt()
        at_salt = self._add(salt)
        header = layout.HEADER.pack(
            layout.MAGIC,
            layout.VERSION,
            0,
            0,
            self._zone.serial,
            self._denial.kind,
            table,
            mask,
            len(refs),
            entries[self._zone.apex],
            *nodata,
            *nxdomain,
            denial,
            len(self._denial.keys),
            self._add(meta),
            len(meta),
            self._denial.iterations if isinstance(self._denial, Nsec3Chain) else 0,
            len(salt),
            deepest,
            at_salt,
            names.count(self._zone.apex),
            len(self._zone.apex),
            self._cells,
            key,
        )
        return self._finish(header)

    def _finish(self, header: bytes) -> bytearray:
        out = self._out
        out[: len(header)] = header
        at = len(layout.MAGIC)
        out[at + 8 : at + 16] = len(out).to_bytes(8, "little")
        out[at + 4 : at + 8] = checksum(out).to_bytes(4, "little")
        return out

    def _add(self, octets: bytes) -> int:
        """Append ``octets`` at the next aligned place and return its ref."""
        out = self._out
        out += bytes(-len(out) % layout.ALIGN)
        if len(out) >= _LARGEST:
            raise ImageError(f"the zone {names.to_text(self._zone.apex)} is too large (32 GiB)")
        ref = len(out) // layout.ALIGN
        out += octets
        return ref

    def _block(self, base: bytes, sections: Sections) -> int:
        block = encode(base, sections, self._room(sections))
        ref = self._blocks.get(block)
        if ref is None:
            ref = self._blocks[block] = self._add(block)
        return ref

    def _room(self, sections: Sections) -> int:
        """Return how many octets of pieces may come behind ``sections``."""
        listed = sum(self._lengths[piece] for piece in sections.pieces)
        proofs = max(sections.proof.bit_count(), sections.proof_expanded.bit_count())
        return listed + proofs * self._longest_proof

    def _piece(self, item: Item) -> int:
        key = id(item.rrset), item.ttl, item.signatures is None
        ref = self._pieces.get(key)
        if ref is None:
            sections = Sections(authority=[item], flags=0)
            ref = self._pieces[key] = self._block(_BEYOND + self._zone.apex, sections)
            head = layout.BLOCK.unpack_from(self._out, ref * layout.ALIGN)
            self._lengths[ref] = head[4]
        return ref

    def _pair(self, base: bytes, plain: Sections, signed: Sections) -> tuple[int, int]:
        return self._block(base, plain), self._block(base, signed)

    # -- pools ----------------------------------------------------------------------------

    def _add_pools(
        self, pools: Sequence[PoolRecords], chosen: dict[tuple[bytes, int], Chosen]
    ) -> int:
        """Add ``pools``, note them in ``chosen``, and return how many cells they have."""
        sizes = [len(pool.weights) for pool in pools]
        first, end = poolrecords.first_cells(sizes)
        for pool, cell in zip(pools, first, strict=True):
            denial = self._pool_denial(pool)
            octets = poolrecords.encode(pool, cell, denial, self._add)
            denied = sum(self._lengths[ref] for ref in denial if ref)
            longest = max(poolrecords.longest(pool), denied)
            key = pool.owner, pool.rtype
            leads_on = pool.leads_into(self._zone)
            chosen[key] = Chosen(*key, self._add(octets), longest, leads_on)
        return end

    def _pool_denial(self, pool: PoolRecords) -> tuple[int, int, int]:
        """Return the refs of the pieces that deny ``pool``: SOA, SOA with DO, NSEC."""
        proof = 0
        if pool.denial:
            record, signatures = pool.denial
            proof = self._piece(Item(record, record.owner, min(DENIAL_TTL, record.ttl), signatures))
        return self._plain.pool_denial(), self._signed.pool_denial(), proof

    # -- entries --------------------------------------------------------------------------

    def _entries(self) -> dict[bytes, int]:
        """Add an entry for every name; return their refs by name."""
        refs: dict[bytes, int] = {}
        sources: dict[bytes, int] = {}
        # the longest first: a wildcard comes before the name above it, which holds its ref
        for name in sorted(sorted(self._structure.names), key=len, reverse=True):
            refs[name] = self._entry(name, sources)
            if names.is_wildcard(name):
                cut = name in self._structure.cuts
                sources[name] = self._cut_source(name) if cut else refs[name]
        return refs

    def _entry(self, name: bytes, sources: dict[bytes, int]) -> int:
        cut, dname = name in self._structure.cuts, name in self._structure.dnames
        wildcard = names.wildcard_of(name)
        return self._add_entry(
            name,
            layout.CUT * cut | layout.DNAME * dname,
            self._plain.types(name),
            (
                sources.get(wildcard, 0),
                self._default(self._plain, name),
                self._default(self._signed, name),
                self._proof(self._denial.match(name)),
                0 if cut or wildcard in sources else self._proof(self._denial.cover(wildcard)),
            ),
        )

    def _cut_source(self, name: bytes) -> int:
        """Add the answer of the wildcard ``name``, itself a cut, for the names that it matches.

        RFC 4592 §4.2 leaves that open; here its NS are data like others, as with NSD.
        """
        types = self._plain.types_at(name)
        return self._add_entry(name, 0, types, (0, 0, 0, self._proof(self._denial.match(name)), 0))

    def _add_entry(self, name: bytes, flags: int, types: list[int], refs: tuple[int, ...]) -> int:
        plain = [self._answer(self._plain, name, rtype) for rtype in types]
        signed = plain
        if self._signed is not self._plain:
            signed = [self._answer(self._signed, name, rtype) for rtype in types]
        padded = [*types, 0] if len(types) & 1 else types
        return self._add(
            b"".join(
                (
                    layout.ENTRY.pack(len(name), flags, len(types), *refs),
                    pack(f"<{len(padded)}H", *padded),
                    pack(f"<{len(plain)}I", *plain),
                    pack(f"<{len(signed)}I", *signed),
                    name,
                )
            )
        )

    def _answer(self, answers: Answers, name: bytes, rtype: int) -> int:
        sections = answers.answer(name, rtype)
        return self._block(name, sections) if sections else self._zone_nodata(answers)

    def _default(self, answers: Answers, name: bytes) -> int:
        sections = answers.default(name)
        if sections is None:
            return 0
        base = _BEYOND + name if name in self._structure.cuts else name
        return self._block(base, sections)

    def _zone_nodata(self, answers: Answers) -> int:
        return self._block(names.ROOT, answers.nodata())

    def _proof(self, record: RRset | None) -> int:
        if record is None or self._signed is self._plain:
            return 0
        return self._signed.proof_piece(record)

    # -- indexes --------------------------------------------------------------------------

    def _denial_index(self, pieces: list[int]) -> int:
        """Add the chain's index; ``pieces`` are the refs of its records."""
        if isinstance(self._denial, Nsec3Chain):
            hashes = b"".join(self._denial.keys)
            return self._add(hashes + pack(f"<{len(pieces)}I", *pieces))
        keys = [self._add(layout.KEY_LENGTH.pack(len(key)) + key) for key in self._denial.keys]
        return self._add(pack(f"<{2 * len(keys)}I", *_interleave(keys, pieces)))

    def _salt(self) -> bytes:
        return self._denial.salt if isinstance(self._denial, Nsec3Chain) else b""


def _interleave(keys: Iterable[int], pieces: Iterable[int]) -> Iterable[int]:
    for pair in zip(keys, pieces, strict=True):
        yield from pair
