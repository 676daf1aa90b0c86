"""Signatures: as dnspython makes and checks them, and wrong ones are found."""

from __future__ import annotations

import time

import dns.message
import dns.name
import dns.query
import dns.tsig
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsd.transfer import tsig
from dnsd.transfer.tsig import BADKEY, BADSIG, BADTIME, BADTRUNC, AnswerSigner, TsigKey
from dnsd.transfer.tsigclient import SignedExchange
from dnsd.wire.query import Malformed

NOW = 1_700_000_000
ALGORITHMS = sorted(tsig.DIGESTS)
KEYS = {f"{name}.": TsigKey(f"{name}.", name, bytes(range(40))) for name in ALGORITHMS}


def theirs(algorithm: str) -> dns.tsig.Key:
    return dns.tsig.Key(f"{algorithm}.", bytes(range(40)), f"{algorithm}.")


def asked(algorithm: str, at: int = NOW, key: dns.tsig.Key | None = None) -> dns.message.Message:
    """Return a signed question, as dnspython makes it."""
    message = dns.message.make_query("example.com.", "SOA", use_edns=0)
    message.use_tsig(key or theirs(algorithm))
    before, time.time = time.time, lambda: at
    try:
        message.to_wire()
    finally:
        time.time = before
    return message


def wire(message: dns.message.Message) -> bytes:
    assert message.wire is not None
    return message.wire


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("count", [1, 3])
def test_both_ways_agree_with_dnspython(
    algorithm: str, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "time", lambda: NOW)
    question = asked(algorithm)
    checked = tsig.check(wire(question), KEYS, NOW)
    assert checked.error == 0
    assert checked.key == KEYS[f"{algorithm}."]
    bare = dns.message.from_wire(checked.message)
    assert (bare.id, bare.had_tsig, bare.question) == (question.id, False, question.question)
    signer = AnswerSigner(checked)
    ctx = None
    for _ in range(count):
        answer = dns.message.make_response(bare).to_wire()
        signed = signer.sign(answer, NOW)
        assert len(signed) - len(answer) == signer.size
        found = dns.message.from_wire(
            signed,
            keyring={dns.name.from_text(f"{algorithm}."): theirs(algorithm)},
            request_mac=question.mac,
            tsig_ctx=ctx,
            multi=count > 1,
        )
        assert found.had_tsig
        ctx = found.tsig_ctx


def test_a_record_that_leaves_a_signature_no_room_is_covered_by_the_next_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(time, "time", lambda: NOW)
    question = asked("hmac-sha256")
    checked = tsig.check(wire(question), KEYS, NOW)
    signer, theirs_ = AnswerSigner(checked), SignedExchange(theirs("hmac-sha256"))
    theirs_._request_mac = question.mac or b""
    small = dns.message.make_response(dns.message.from_wire(checked.message)).to_wire()
    large = small + bytes(0xFFFF - len(small))
    for bare in (small, large, large, small):
        message = signer.sign(bare, NOW)
        assert len(message) <= 0xFFFF
        theirs_.check(message, NOW)
    theirs_.end()


def test_a_message_without_a_signature_stays_as_it_is() -> None:
    plain = dns.message.make_query("example.com.", "SOA", use_edns=0).to_wire()
    assert tsig.check(plain, KEYS, NOW) == tsig.CheckedRequest(plain)


def _signed_wrongly(kind: str) -> bytes:
    good = wire(asked("hmac-sha256"))
    if kind == "key":
        return wire(asked("hmac-sha256", key=dns.tsig.Key("other.", b"x" * 40, "hmac-sha256.")))
    if kind == "algorithm":
        return wire(
            asked("hmac-sha256", key=dns.tsig.Key("hmac-sha256.", b"x" * 40, "hmac-sha512."))
        )
    if kind == "secret":
        return wire(
            asked("hmac-sha256", key=dns.tsig.Key("hmac-sha256.", b"x" * 40, "hmac-sha256."))
        )
    if kind == "octet":
        return good[:13] + bytes((good[13] ^ 1,)) + good[14:]
    if kind == "cut":
        record = good.index(b"\x0bhmac-sha256\x00\x00\xfa")
        rdlength = record + 13 + 8
        length = int.from_bytes(good[rdlength : rdlength + 2], "big") - 16
        mac = rdlength + 2 + 13 + 8
        return (
            good[:rdlength]
            + length.to_bytes(2, "big")
            + good[rdlength + 2 : mac]
            + (16).to_bytes(2, "big")
            + good[mac + 2 : mac + 18]
            + good[mac + 34 :]
        )
    return wire(asked("hmac-sha256", NOW - 301 if kind == "old" else NOW + 301))


@pytest.mark.parametrize(
    ("kind", "error", "is_signed"),
    [
        ("key", BADKEY, False),
        ("algorithm", BADKEY, False),
        ("secret", BADSIG, False),
        ("octet", BADSIG, False),
        ("old", BADTIME, True),
        ("future", BADTIME, True),
        ("cut", BADTRUNC, True),
    ],
)
def test_what_is_wrong_is_said(kind: str, error: int, is_signed: bool) -> None:
    checked = tsig.check(_signed_wrongly(kind), KEYS, NOW)
    assert checked.error == error
    assert (checked.key is not None) == is_signed
    answer = dns.message.make_response(dns.message.from_wire(checked.message)).to_wire()
    signed = AnswerSigner(checked).sign(answer, NOW)
    found = dns.message.from_wire(signed, keyring=False)
    assert found.tsig is not None
    (rdata,) = found.tsig
    assert rdata.error == error
    assert bool(rdata.mac) == is_signed
    assert rdata.other == (NOW.to_bytes(6, "big") if error == BADTIME else b"")


@given(st.integers(0, 255))
def test_the_length_of_the_record_is_right(octet: int) -> None:
    """Nothing signs it, and a reader that goes by it would see another record."""
    good = wire(asked("hmac-sha256"))
    at = good.index(b"\x00\xfa\x00\xff") + 9
    assert at + 1 + good[at] == len(good)
    if octet != good[at]:
        with pytest.raises((tsig.BadSignatureFormat, Malformed)):
            tsig.check(good[:at] + bytes((octet,)) + good[at + 1 :], KEYS, NOW)


@given(st.data())
def test_a_changed_request_is_never_taken(data: st.DataObject) -> None:
    """Whatever octet changes: it is not right, or the octet means nothing (the ID is its own)."""
    good = wire(asked("hmac-sha256"))
    at = data.draw(st.integers(2, len(good) - 1))
    other = good[:at] + bytes((data.draw(st.integers(0, 255)),)) + good[at + 1 :]
    try:
        checked = tsig.check(other, KEYS, NOW)
    except (tsig.BadSignatureFormat, Malformed):
        return
    if checked.record is not None and checked.error == 0:
        assert other.lower() == good.lower(), "only names without case are the same"


@given(st.binary(max_size=200), st.data())
def test_whatever_comes_is_read_or_refused(octets: bytes, data: st.DataObject) -> None:
    good = wire(asked("hmac-sha384"))
    at = data.draw(st.integers(12, len(good)))
    for message in (good[:at], good[:at] + octets, bytes(12) + octets):
        try:
            tsig.check(message, KEYS, NOW)
        except (tsig.BadSignatureFormat, Malformed):
            continue


def test_whoever_sends_a_request_on_knows_the_answer_by_its_own_id() -> None:
    """As one that forwards updates does: the signature is for the original ID."""
    question = asked("hmac-sha256")
    checked = tsig.check(b"\x12\x34" + wire(question)[2:], KEYS, NOW)
    assert (checked.error, checked.message[:2]) == (0, b"\x12\x34")


@pytest.mark.parametrize("counts", ["000100000000", "000000010000"])
def test_a_signature_in_another_section_is_none(counts: str) -> None:
    good = wire(asked("hmac-sha256"))
    at = good.index(b"\x0bhmac-sha256\x00\x00\xfa")
    question_end = good.index(b"\x00\x00\x29")
    moved = good[:6] + bytes.fromhex(counts) + good[12:question_end] + good[at:]
    with pytest.raises(tsig.BadSignatureFormat):
        tsig.check(moved, KEYS, NOW)
    assert not tsig.is_answer(moved, KEYS["hmac-sha256."], b"", NOW)
