"""Reads a zone file entry by entry: owners, records and directives (RFC 1035 §5.1, RFC 2308 §4).

Records that need no thought are read natively (or, where that was not built, by
:mod:`dnsd.zone.plain`), the others go to the scanner. What is wrong becomes a finding at its line,
and reading goes on after it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from dnsd.wire.name import count, is_subdomain, lower, to_text
from dnsd.wire.rdata import SOA
from dnsd.zone import foreign
from dnsd.zone.generate import BadGenerate, expand, parse_range, template_of
from dnsd.zone.header import Wrong, bad_ttl, parse_header, word
from dnsd.zone.lines import lines_for
from dnsd.zone.names import BadName, parse_name, shown
from dnsd.zone.plain import MAKERS, RECORD, PlainNames
from dnsd.zone.scan import Entry, Scanner, SyntaxFault, Token, decode
from dnsd.zone.sources import Sources, Unreadable, file_name
from dnsd.zone.ttl import MAX_TTL, TtlRules, parse_ttl

if TYPE_CHECKING:
    from dnsd.config.limits import Limits
    from dnsd.zone.gather import Gatherer
    from dnsd.zone.lines import Lines
    from dnsd.zone.report import FindingsReport

_UTF16 = ("\xff\xfe", "\xfe\xff")
_MAX_TEMPLATE = 4096

_USAGE = {
    "$ORIGIN": "$ORIGIN NAME",
    "$TTL": "$TTL SECONDS, or with units as in 1h30m",
    "$INCLUDE": "$INCLUDE FILE, or $INCLUDE FILE ORIGIN",
    "$GENERATE": "$GENERATE START-STOP OWNER TYPE DATA",
}


@dataclass(slots=True)
class _File:
    """A file being read, and what is current in it: origin and owner."""

    name: str
    scanner: Scanner
    path: Path | None
    origin: bytes
    owner: bytes = b""
    key: bytes = b""
    inside: bool = False
    """Whether there is an owner, and it is in the zone."""
    lost: bool = False
    """The last owner could not be read: records that rely on it are dropped."""
    chain: tuple[Path, ...] = ()
    """The files that include one another down to this one, links resolved; of the first, none."""
    names: PlainNames = field(init=False)

    def __post_init__(self) -> None:
        self.names = PlainNames(self.origin)

    def enter(self, owner: bytes, apex: bytes) -> None:
        """Make ``owner`` the current one."""
        key = lower(owner)
        self.owner = owner
        self.key = owner if owner == key else key
        self.inside = is_subdomain(key, apex)
        self.lost = False


class ZoneReader:
    """Reads one zone's file and all it includes.

    The default TTL lives on over the end of an included file, as in BIND and NSD; the origin
    and the owner do not.
    """

    def __init__(
        self, gatherer: Gatherer, limits: Limits, report: FindingsReport, sources: Sources
    ) -> None:
        self._apex = gatherer.apex
        self._gatherer = gatherer
        self._limits = limits
        self._report = report
        self._sources = sources
        self._ttls = TtlRules()
        self._lines = lines_for(self._apex, limits)
        self._soa_minimum: int | None = None
        self._told_minimum = False
        self._generated = 0
        self.complete = True
        """Whether all of the text was read."""

    def read(self, data: bytes, name: str, path: Path | None) -> None:
        """Read the zone file; ``path`` is where it stands, if anywhere."""
        scanner = Scanner(decode(data), self._limits.entry_octets)
        self._read(_File(name, scanner, path, self._apex))

    def _read(self, file: _File) -> None:
        self._gatherer.enter(file.name)
        scanner = file.scanner
        if scanner.text.startswith(_UTF16):
            message = "the file is UTF-16: save it as UTF-8"
            self._report.error(file.name, 1, "not-text", message)
            self.complete = False
        while self.complete:
            scanner.skip_blank()
            start = scanner.at
            if self._lines is not None:
                self._read_lines(file, self._lines)
            else:
                self._read_plain(file)
            if scanner.at != start:
                continue
            entry = scanner.next()
            if entry is None:
                break
            if isinstance(entry, SyntaxFault):
                self._report.error(file.name, entry.line, entry.code, entry.message)
            else:
                self._read_entry(file, entry)
            if self._report.full:
                self.complete = False
        if self.complete:
            self._check_end(file)

    def _check_end(self, file: _File) -> None:
        """Warn of a file whose last line does not end: it may be cut short."""
        text = file.scanner.text
        rest = text[text.rfind("\n") + 1 :]
        if rest and not rest.isspace():
            self._report.warn(
                file.name,
                text.count("\n") + 1,
                "no-newline",
                f"the last line does not end with a line break, so the file may be cut short: "
                f"if '{shown(rest[-40:])}' is complete, add a line break there",
            )

    def _read_lines(self, file: _File, lines: Lines) -> None:
        """Read records natively, up to the first that the native reader leaves."""
        scanner, ttls = file.scanner, self._ttls
        implicit = ttls.implicit
        scanner.at, scanner.line, owner, stated = lines.read(
            scanner.text,
            scanner.at,
            scanner.line,
            file.origin,
            file.owner if file.inside else b"",
            -1 if implicit is None else implicit,
            ttls.default is None,
            self._limits.records - self._gatherer.records,
            self._gatherer,
        )
        if owner and owner != file.owner:
            file.enter(owner, self._apex)
        if stated >= 0:
            ttls.stated(str(stated))
        if self._soa_minimum is None and (soa := self._gatherer.soa()):
            self._soa_minimum = int.from_bytes(soa.rdatas[0][-4:], "big")

    def _read_plain(self, file: _File) -> None:
        """Read lines on Python's fast path, as long as they are plain and valid."""
        scanner, ttls, add = file.scanner, self._ttls, self._gatherer.add
        text, at, line = scanner.text, scanner.at, scanner.line
        for _ in range(self._limits.records - self._gatherer.records):
            record = RECORD.match(text, at)
            if record is None:
                break
            owner_text, ttl_text, mnemonic, data = record.groups()
            ttl = ttls.implicit if ttl_text is None else ttls.stated(ttl_text)
            maker = MAKERS.get(mnemonic)
            if maker is None or ttl is None:
                break
            rtype, make = maker
            rdata = make(data, file.names)
            if rdata is None:
                break
            if owner_text is not None:
                owner = file.names.get(owner_text)
                if owner is None:
                    break
                file.enter(owner, self._apex)
            if not file.inside:
                break
            add(file.owner, file.key, rtype, ttl, rdata, line)
            at = record.end()
            line += 1
        scanner.at, scanner.line = at, line

    def _read_entry(self, file: _File, entry: Entry) -> None:
        first = entry.tokens[0]
        try:
            if first.text.startswith("$") and not (entry.blank or first.quoted):
                self._directive(file, entry)
            else:
                self._record(file, entry)
        except Wrong as wrong:
            self._report.error(file.name, entry.line, wrong.code, str(wrong))
        except BadName as error:
            self._report.error(file.name, entry.line, "bad-name", str(error))
        except BadGenerate as error:
            self._report.error(file.name, entry.line, "bad-generate", str(error))

    def _record(self, file: _File, entry: Entry) -> None:
        tokens = entry.tokens
        if entry.blank and tokens[0].text.upper() in _USAGE:
            raise Wrong("bad-directive", "a directive begins in the first column: remove the space")
        if not entry.blank:
            file.owner, file.inside, file.lost = b"", False, True
            self._enter(file, entry.line, word(tokens[0]))
            tokens = tokens[1:]
        elif file.lost:
            return
        elif not file.owner:
            raise Wrong(
                "no-owner",
                "the first record has no owner: write one in the first column, @ for the origin",
            )
        ttl, rtype, data = parse_header(tokens, self._ttls)
        if file.inside:
            self._add(file, entry.line, rtype, ttl, data)
        else:
            self._report.warn(
                file.name,
                entry.line,
                "out-of-zone",
                f"{to_text(file.owner)} is not in the zone {to_text(self._apex)}: "
                "the record is ignored, move it to its own zone",
            )

    def _enter(self, file: _File, line: int, owner: str) -> None:
        """Make the name ``owner`` the current one."""
        file.enter(parse_name(owner, file.origin), self._apex)
        if hint := foreign.octal_wildcard(owner):
            self._report.warn(file.name, line, "octal-escape", hint)

    def _add(self, file: _File, line: int, rtype: int, ttl: int | None, data: list[Token]) -> None:
        if self._gatherer.records >= self._limits.records:
            self.complete = False
            raise Wrong(
                "too-many-records",
                f"the zone has more than {self._limits.records} records: reading stops here",
            )
        # dnspython takes longer to load than most zones, and few need it
        from dnsd.zone.rdatatext import BadRdata, parse_rdata

        try:
            rdata = parse_rdata(rtype, data, file.origin)
        except BadRdata as error:
            raise Wrong("bad-rdata", str(error)) from None
        if hint := foreign.typographic_quotes(data):
            self._report.warn(file.name, line, "typographic-quotes", hint)
        if rtype == SOA:
            self._note_soa(file, rdata)
        if ttl is None:
            ttl = self._ttls.implicit
        if ttl is None:
            ttl = self._ttl_of_soa(file, line)
        self._gatherer.add(file.owner, file.key, rtype, ttl, rdata, line)

    def _note_soa(self, file: _File, rdata: bytes) -> None:
        if file.key != self._apex and file.key == self._apex[:-1] + self._apex:
            owner = to_text(file.owner[len(self._apex) - 1 :])
            raise Wrong(
                "soa-not-apex",
                "the owner of the SOA record lacks its final dot and is read as "
                f"{to_text(file.owner)}: write {owner} there, and check the other names",
            )
        if file.key != self._apex:
            raise Wrong(
                "soa-not-apex",
                f"{to_text(file.owner)} has an SOA record, which only the apex of the zone, "
                f"{to_text(self._apex)}, can have: remove it, or give it a zone of its own",
            )
        if self._soa_minimum is None:
            self._soa_minimum = int.from_bytes(rdata[-4:], "big")

    def _ttl_of_soa(self, file: _File, line: int) -> int:
        """Return the TTL where none was ever stated: the SOA's MINIMUM."""
        if self._soa_minimum is None:
            raise Wrong(
                "no-ttl", "the record has no TTL and there is no default: put $TTL before it"
            )
        ttl = min(self._soa_minimum, MAX_TTL)
        if not self._told_minimum:
            self._told_minimum = True
            self._report.warn(
                file.name,
                line,
                "no-ttl",
                f"no TTL is stated: {ttl}, the SOA's MINIMUM, is used until one is; "
                "put $TTL at the top of the file",
            )
        return ttl

    def _directive(self, file: _File, entry: Entry) -> None:
        name = entry.tokens[0].text
        match name.upper(), entry.tokens[1:]:
            case "$ORIGIN", [origin]:
                self._set_origin(file, entry.line, origin)
            case "$TTL", [ttl]:
                self._ttls.default = parse_ttl(word(ttl))
                if self._ttls.default is None:
                    raise bad_ttl(ttl.text)
            case "$INCLUDE", [path, *origins] if len(origins) <= 1:
                self._include(file, path, origins)
            case "$GENERATE", [steps, owner, _, _, *_]:
                self._generate(file, entry.line, steps, owner, entry.tokens[3:])
            case known, _ if known in _USAGE:
                raise Wrong("bad-directive", f"write {_USAGE[known]}")
            case _:
                raise Wrong(
                    "unknown-directive",
                    f"'{shown(name)}' is not a directive: "
                    "there are $ORIGIN, $TTL, $INCLUDE and $GENERATE",
                )

    def _set_origin(self, file: _File, line: int, token: Token) -> None:
        file.origin = parse_name(word(token), file.origin)
        file.names = PlainNames(file.origin)
        if count(self._apex) > 1 and lower(file.origin).endswith(self._apex[:-1] + self._apex):
            self._report.warn(
                file.name,
                line,
                "missing-dot",
                f"the origin becomes {to_text(file.origin)}, which repeats the zone's name: "
                "write a dot at its end if that was not intended",
            )

    def _include(self, file: _File, token: Token, origins: list[Token]) -> None:
        origin = parse_name(word(origins[0]), file.origin) if origins else file.origin
        # Few zones include anything, and to resolve a path costs a tenth of a small one's time.
        chain = file.chain or ((file.path.resolve(),) if file.path else ())
        try:
            path = (file.path or Path()).parent / file_name(token.text)
            data, real = self._sources.include(path, chain)
        except Unreadable as error:
            raise Wrong(error.code, str(error)) from None
        scanner = Scanner(decode(data), self._limits.entry_octets)
        included = _File(str(path), scanner, path, origin, chain=(*chain, real))
        included.lost = file.lost
        if file.owner:
            included.enter(file.owner, self._apex)
        self._read(included)
        self._gatherer.enter(file.name)

    def _generate(
        self, file: _File, line: int, steps: Token, owner: Token, rest: list[Token]
    ) -> None:
        numbers = parse_range(word(steps), self._limits.generate_steps)
        left = word(owner)
        _, _, data = parse_header(rest, self._ttls)
        header = rest[: len(rest) - len(data)]
        right = template_of(data)
        if len(left) + len(right) > _MAX_TEMPLATE:
            raise BadGenerate(f"the templates of $GENERATE exceed {_MAX_TEMPLATE} octets")
        self._generated += len(numbers)
        if self._generated > self._limits.generate_records:
            raise BadGenerate(
                f"all $GENERATE of the zone make more than {self._limits.generate_records} "
                "records: use smaller ranges"
            )
        for number in numbers:
            made = Scanner(expand(right, number), self._limits.entry_octets).next()
            if isinstance(made, SyntaxFault):
                raise BadGenerate(f"$GENERATE makes a record that is wrong: {made.message}")
            tokens = [Token(expand(left, number)), *header, *(made.tokens if made else ())]
            self._record(file, Entry(line, False, tokens))
