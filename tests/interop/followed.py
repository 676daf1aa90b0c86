"""A zone that Knot signs and changes all the time, dnsd behind it by IXFR, and who looks at both.

At each serial dnsd must have what Knot has, octet for octet, and at any time Unbound must find
everything secure that it asks dnsd for.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Self

import dns.exception
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.tsig
import dns.update

from tests.interop.peers import HOST, Dnsd, Knot, knot_key
from tests.interop.primaries import KEY, RING, SECRET
from tests.interop.validator import Status, Unbound
from tests.serving import free_port
from tests.support import until

if TYPE_CHECKING:
    from collections.abc import Callable

ORIGIN = "signed.test."
KEEP = 20
"""Names that come and go."""
_ZONE = f"""\
$ORIGIN {ORIGIN}
$TTL 1
@ SOA ns host 1 3600 600 86400 1
@ NS ns
ns A 127.0.0.1
www A 192.0.2.80
*.wild TXT "anything"
"""

Octets = tuple[tuple[bytes, int, int, bytes], ...]
"""All records in an order of their own: owner, type, TTL and data as they stand in messages."""


class SigningKnot(Knot):
    """Knot as the primary: it signs what it is updated to, and notifies ``secondary``."""

    def __init__(self, directory: Path, secondary: int) -> None:
        self._file = directory.with_suffix(".zone")
        self._file.write_text(_ZONE)
        self._secondary = secondary
        super().__init__(directory, {ORIGIN: self._file})

    def sections(self) -> str:
        return f"""\
{knot_key(KEY, SECRET, "[transfer, update]", secondary=self._secondary)}
policy:
  - id: fast
    single-type-signing: on
    nsec3: on
zone:
  - domain: {ORIGIN}
    file: "{self._file}"
    zonefile-sync: -1
    zonefile-load: difference-no-serial
    journal-content: all
    dnssec-signing: on
    dnssec-policy: fast
    notify: secondary
    acl: may
"""

    def change(self, number: int) -> None:
        """Make change ``number``: names come, others go, a few stay and become others."""
        update = dns.update.UpdateMessage(ORIGIN, keyring=RING, keyname=dns.name.from_text(KEY))
        update.add(f"h{number}", 1, "A", f"192.0.2.{number % 256}")
        update.replace("www", 1, "TXT", f'"change {number}"')
        update.delete(f"h{number - KEEP}")
        answer = dns.query.tcp(update, HOST, port=self.port, timeout=20)
        assert answer.rcode() == dns.rcode.NOERROR, answer

    @property
    def anchor(self) -> str:
        """The zone's own key, as a trust anchor."""
        query = dns.message.make_query(ORIGIN, "DNSKEY", use_edns=0, payload=1232)
        (rrset,) = dns.query.udp(query, HOST, port=self.port, timeout=5).answer
        return str(rrset)


class Follower(Dnsd):
    """dnsd as the secondary of ``primary``; all that it keeps is in ``state``."""

    def __init__(self, directory: Path, state: Path, port: int, primary: int) -> None:
        super().__init__(directory, {ORIGIN: directory})
        self.port, self.state, self._primary = port, state, primary

    def configure(self) -> list[str]:
        text = f"""\
[transfers]
requests_per_second = 1000
[[key]]
name = "{KEY}"
secret_file = "secret"
[[zone]]
name = "{ORIGIN}"
primaries = [{{ address = "{HOST}", port = {self._primary}, key = "{KEY}" }}]
allow_transfer = [{{ key = "{KEY}" }}]
"""
        return self.configure_by(text, {"secret": SECRET})

    def kill(self) -> None:
        """End all of it as by kill -9, its children first to last."""
        found = [self._process.pid]
        for pid in found:
            children = Path(f"/proc/{pid}/task/{pid}/children")
            found += map(int, children.read_text().split())
        for pid in found:
            os.kill(pid, signal.SIGKILL)
        self._process.wait()


def content(port: int) -> tuple[int, Octets]:
    """Return the serial and all records that a server gives to who has the key."""
    found: list[tuple[bytes, int, int, bytes]] = []
    serial = 0
    for message in dns.query.xfr(
        HOST, ORIGIN, port=port, keyring=RING, keyname=KEY, relativize=False, timeout=20
    ):
        for rrset in message.answer:
            owner = rrset.name.to_wire() or b""
            for rdata in rrset:
                serial = getattr(rdata, "serial", serial)
                found.append((owner, int(rrset.rdtype), rrset.ttl, rdata.to_wire() or b""))
    return serial, tuple(sorted(found))


def serial_of(port: int) -> int:
    """Return the serial that a server answers, 0 if there is none."""
    response = dns.query.udp(dns.message.make_query(ORIGIN, "SOA"), HOST, port=port, timeout=5)
    return response.answer[0][0].serial if response.answer else 0


@dataclass
class Seen:
    """What has been seen: serials at which both were equal, verdicts, and the longest delays."""

    serials: list[int] = field(default_factory=list)
    secure: int = 0
    other: list[str] = field(default_factory=list)
    silent: int = 0
    """Questions that Unbound has not answered at all."""
    kills: int = 0
    slowest: float = 0.0
    """Seconds from the primary's answer to the update until dnsd had the serial."""


class Judging:
    """Asks ``unbound`` for this and that all the time, in a thread of its own."""

    def __init__(self, unbound: Unbound, seen: Seen) -> None:
        self._unbound = unbound
        self._seen = seen
        self._may_ask = threading.Lock()
        self._has_ended = threading.Event()
        self._thread = threading.Thread(target=self._work)
        self.newest = 0
        """The number of the last change."""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._has_ended.set()
        self._thread.join()

    def pause(self) -> threading.Lock:
        """Return what asks nothing while it is held."""
        return self._may_ask

    def _work(self) -> None:
        asked = 0
        while not self._has_ended.is_set():
            asked += 1
            for name, rtype in (
                ("www", "TXT"),
                (f"h{self.newest}", "A"),
                (f"no{asked}", "A"),
                (f"x{asked}.wild", "TXT"),
                ("www", "MX"),
            ):
                try:
                    with self._may_ask:
                        verdict = self._unbound.judge(f"{name}.{ORIGIN}", rtype)
                except dns.exception.Timeout:  # of the judge, on a busy machine
                    self._seen.silent += 1
                    continue
                if verdict.status is Status.SECURE:
                    self._seen.secure += 1
                else:
                    self._seen.other.append(f"{name} {rtype}: {verdict}")


def follow(
    directory: Path,
    changes: int,
    every: float,
    kill_every: int = 0,
    say: Callable[[str], object] = str,
) -> Seen:
    """Change the zone so many times, each so many seconds; return what was seen.

    With ``kill_every``, dnsd is killed after so many changes each time, while one is on its way.
    """
    seen = Seen()
    port = free_port()
    with ExitStack() as stack:
        knot = stack.enter_context(SigningKnot(directory / "knot", port))
        followers = stack.enter_context(ExitStack())  # the last of them ends after the judging
        follower = followers.enter_context(
            Follower(directory / "dnsd", directory / "state", port, knot.port)
        )
        unbound = Unbound(directory / "unbound", {ORIGIN: directory}, port, [knot.anchor])
        judging = stack.enter_context(Judging(stack.enter_context(unbound), seen))
        known = dict([content(knot.port)])
        for number in range(1, changes + 1):
            began = time.monotonic()
            knot.change(number)
            if kill_every and number % kill_every == 0:
                with judging.pause():
                    served = serial_of(port)
                    follower.kill()
                    known |= [content(knot.port)]
                    again = Follower(
                        directory / f"dnsd{number}", directory / "state", port, knot.port
                    )
                    follower = followers.enter_context(again)
                    until(lambda: given(port))
                    assert serial_of(port) >= served, "it has gone back"
                    assert _compare(port, known) >= served
                    seen.kills += 1
            answered = time.monotonic()
            serial, octets = content(knot.port)
            known[serial] = octets
            try:
                until(lambda serial=serial: serial_of(port) == serial)  # type: ignore[misc]
            except AssertionError as error:
                raise AssertionError(f"serial {serial}: {follower.log.read_text()}") from error
            seen.slowest = max(seen.slowest, time.monotonic() - answered)
            judging.newest = number
            until(lambda serial=serial: given(port) == serial)  # type: ignore[misc]
            seen.serials.append(_compare(port, known))
            say(f"change {number}, serial {serial}: equal; {seen.secure} answers are secure")
            time.sleep(max(0.0, began + every - time.monotonic()))
    return seen


def given(port: int) -> int:
    """Return the serial of the zone that the server gives to others, 0 if it gives none yet."""
    try:
        return content(port)[0]
    except (dns.exception.DNSException, EOFError, OSError):
        return 0


def _compare(port: int, known: dict[int, Octets]) -> int:
    """Return the serial that dnsd gives, with what the primary has had at that serial."""
    serial, octets = content(port)
    assert serial in known, f"dnsd gives serial {serial}, and the primary has had {sorted(known)}"
    assert octets == known[serial], f"serial {serial}: {set(octets) ^ set(known[serial])}"
    return serial
