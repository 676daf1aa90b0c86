"""dnsd as a secondary of Knot, NSD, BIND and PowerDNS: whole zones, differences, keys, TLS.

What dnsd has is compared with what dnspython fetches from the primary, record by record.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import dns.message
import dns.query
import dns.rdata
import dns.rdataclass
import pytest

from dnsd.versions import recordfile
from dnsd.wire.name import to_text
from tests.certificates import Authority
from tests.conftest import needs
from tests.interop.peers import COMMAND, HOST, Dnsd
from tests.interop.primaries import (
    KEY,
    ORIGIN,
    PRIMARIES,
    SECRET,
    BindPrimary,
    Edition,
    NsdPrimary,
    Primary,
    Record,
)
from tests.serving import free_port
from tests.support import until

PROGRAMS = ("knotd", "nsd", "named", "pdns_server", "pdnsutil")
FIRST, SECOND, THIRD = Edition(1, 0, 300), Edition(2, 5, 300), Edition(4294967290, 9, 290)
"""The third one's serial is reached by RFC 1982 only; each is a few records from the one before."""
THEN = Edition(2**31, 5, 301)


class Secondary(Dnsd):
    """dnsd with one zone from ``primary``, called with a key, and over TLS if ``ca`` is given.

    ``state`` is where what is kept lies; a restart is another one with the same.
    """

    def __init__(
        self, directory: Path, state: Path, primary: Primary, ca: Path | None = None
    ) -> None:
        super().__init__(directory, {ORIGIN: directory})
        self.state = state
        self.port = primary.secondary
        self._primary = primary
        self._ca = ca

    def configure(self) -> list[str]:
        port, tls = self._primary.port, ""
        if self._ca is not None:
            assert self._primary.tls_port
            port, tls = self._primary.tls_port, f', tls = true, tls_ca = "{self._ca}"'
        text = f"""\
[[key]]
name = "{KEY}"
secret_file = "secret"
[[zone]]
name = "{ORIGIN}"
primaries = [{{ address = "{HOST}", port = {port}, key = "{KEY}"{tls} }}]
"""
        return self.configure_by(text, {"secret": SECRET})

    @property
    def serial(self) -> int | None:
        """The serial in answers, None while there is none."""
        query = dns.message.make_query(ORIGIN, "SOA")
        response = dns.query.udp(query, HOST, timeout=5, port=self.port)
        return response.answer[0][0].serial if response.answer else None

    def order(self, what: str) -> Any:
        """Run ``dnsd zone WHAT``; return what it says."""
        as_json = ["--json"] if what == "status" else []
        config = str(self.directory / "dnsd.toml")
        done = subprocess.run(
            [*COMMAND, "zone", what, *as_json, "--config", config],
            env=os.environ | self.environ,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if as_json else None

    def records(self) -> set[Record]:
        """Return what it has kept of the zone, as :func:`transferred` does."""
        (file,) = (self.state / "secondary").glob("*.records")
        version = recordfile.read(file)
        found = set()
        for one in (version.soa, *version):
            rdata = dns.rdata.from_wire(dns.rdataclass.IN, one.rtype, one.rdata, 0, len(one.rdata))
            found.add((to_text(one.owner), one.rtype, one.ttl, rdata.to_text()))
        return found


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def primary_of(kind: type[Primary], tmp_path: Path, authority: Authority) -> Primary:
    primary = kind(tmp_path / kind.__name__.lower(), free_port(), authority.pair())
    primary.write(FIRST)
    return primary


def follows(secondary: Secondary, primary: Primary, edition: Edition) -> None:
    """Wait until ``edition`` is answered; it must be what the primary has."""
    until(lambda: secondary.serial == edition.serial)
    assert secondary.records() == primary.records()


@needs(*PROGRAMS)
@pytest.mark.parametrize("kind", PRIMARIES, ids=lambda kind: kind.__name__)
def test_a_zone_is_fetched_and_followed_by_differences_and_kept(
    tmp_path: Path, authority: Authority, kind: type[Primary]
) -> None:
    primary = primary_of(kind, tmp_path, authority)
    state = tmp_path / "state"
    secondary = Secondary(tmp_path / "dnsd", state, primary)
    with primary:
        with secondary:
            follows(secondary, primary, FIRST)
            for edition in (SECOND, THEN, THIRD):
                primary.change(edition)
                follows(secondary, primary, edition)
            (row,) = secondary.order("status")
            expected = "IXFR" if primary.gives_differences else "AXFR"
            assert row["transfer"] == expected
            assert (row["serial"], row["fetched"]) == (THIRD.serial, THIRD.serial)
        kept = secondary.records()
    with Secondary(tmp_path / "again", state, primary) as again:  # nobody is there to ask
        assert again.serial == THIRD.serial
        assert again.records() == kept


@needs("nsd", "named")
@pytest.mark.parametrize("kind", [NsdPrimary, BindPrimary], ids=lambda kind: kind.__name__)
def test_a_zone_is_fetched_over_tls(
    tmp_path: Path, authority: Authority, kind: type[Primary]
) -> None:
    primary = primary_of(kind, tmp_path, authority)
    with (
        primary,
        Secondary(tmp_path / "dnsd", tmp_path / "state", primary, authority.file) as secondary,
    ):
        follows(secondary, primary, FIRST)
        primary.change(SECOND)
        follows(secondary, primary, SECOND)
