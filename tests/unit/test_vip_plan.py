"""What is to be done about the addresses of the VIPs' interface, whatever stands there."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dnsd.control.anycast import vip
from dnsd.control.anycast.netlink import Address, Link
from dnsd.control.anycast.vip import VipSurvey

TUN = Link(7, "anycast0", "tun", up=True, carrier=False, mac=b"", segment=False)
VIPS = ("192.0.2.53", "2001:db8::53")

_texts = st.sampled_from((*VIPS, "192.0.2.99", "2001:db8::99", "fe80::1"))


@st.composite
def _addresses(draw: st.DrawFn) -> Address:
    text = draw(_texts)
    lengths = (128, 64) if ":" in text else (32, 24)
    return Address(
        draw(st.sampled_from((1, 7))), text, draw(st.sampled_from(lengths)), draw(st.booleans())
    )


def after(addresses: set[Address]) -> set[Address]:
    """What stands there when the plan has been carried out."""
    superfluous, missing = vip.plan(TUN, addresses, VIPS)
    assert all(one.ifindex == TUN.ifindex for one in superfluous)
    added = {Address(TUN.ifindex, text, 128 if ":" in text else 32) for text in missing}
    return (addresses - set(superfluous)) | added


@given(st.sets(_addresses()))
def test_vip_plan_leads_to_the_vips_alone_and_then_to_nothing(addresses: set[Address]) -> None:
    found = after(addresses)
    own = {one for one in found if one.ifindex == TUN.ifindex and not one.link_local}
    assert {(one.text, one.alone, one.usable) for one in own} == {(v, True, True) for v in VIPS}
    assert {one for one in found if one.link_local} == {one for one in addresses if one.link_local}
    assert {one for one in found if one.ifindex == 1} == {
        one for one in addresses if one.ifindex == 1
    }
    assert vip.summary(TUN, found, VIPS).addresses == set(VIPS)
    assert vip.plan(TUN, found, VIPS) == ((), ())


def test_vip_plan_keeps_what_is_right() -> None:
    right = Address(7, "192.0.2.53", 32)
    wide = Address(7, "192.0.2.53", 24)
    tentative = Address(7, "2001:db8::53", 128, usable=False)
    assert vip.plan(TUN, [right, wide, tentative], VIPS) == ((wide, tentative), ("2001:db8::53",))


def test_vip_summary() -> None:
    addresses = [
        Address(7, "192.0.2.53", 32),
        Address(7, "192.0.2.54", 32),
        Address(7, "2001:db8::53", 128, usable=False),
        Address(7, "fe80::1", 64),
        Address(4_000_000, "2001:db8::53", 64),
        Address(4_000_000, "192.0.2.1", 24),
    ]
    assert vip.summary(TUN, addresses, VIPS) == VipSurvey(
        exists=True,
        up=True,
        carrier=False,
        addresses=frozenset({"192.0.2.53", "192.0.2.54"}),
        elsewhere={"2001:db8::53": "interface 4000000"},
    )
    assert vip.summary(None, addresses[:1], VIPS) == VipSurvey(
        exists=False,
        up=False,
        carrier=False,
        addresses=frozenset(),
        elsewhere={"192.0.2.53": "interface 7"},
    )
