"""Which settings of the kernel are told to the operator, and which are not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dnsd.control.anycast import kernel

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

V4 = ("192.0.2.53",)
V6 = ("2001:db8::53",)
RIGHT = {
    "net/ipv4/conf/all/arp_ignore": 1,
    "net/ipv4/conf/all/arp_announce": 2,
}


def reading(**changed: int) -> Callable[..., int]:
    settings = {**RIGHT, **{name.replace("__", "/"): value for name, value in changed.items()}}
    return lambda *name: settings.get("/".join(name), 0)


def test_kernel_right_settings() -> None:
    assert kernel.advice(("eth0", "eth1"), (*V4, *V6), reading()) == ()


@pytest.mark.parametrize(
    ("vips", "changed", "sentence"),
    [
        (V4, {"net__ipv4__ip_forward": 1}, "net.ipv4.ip_forward is 1: "),
        (V6, {"net__ipv6__conf__all__forwarding": 1}, "net.ipv6.conf.all.forwarding is 1: "),
        (V4, {"net__ipv4__conf__all__arp_ignore": 0}, "arp_ignore is 0: on eth0 and eth1.2 this"),
        (V4, {"net__ipv4__conf__all__arp_announce": 0}, "arp_announce is 0: on eth0 and eth1.2"),
        (V4, {"net__ipv4__conf__eth1.2__rp_filter": 1}, "net.ipv4.conf.eth1/2.rp_filter is 1: "),
    ],
)
def test_kernel_harmful_settings(
    vips: tuple[str, ...], changed: dict[str, int], sentence: str
) -> None:
    (found,) = kernel.advice(("eth0", "eth1.2"), vips, reading(**changed))
    assert sentence in found
    other = V6 if vips == V4 else V4
    assert kernel.advice(("eth0", "eth1.2"), other, reading(**changed)) == ()


def test_kernel_a_link_may_have_a_setting_of_its_own() -> None:
    own = {"net__ipv4__conf__all__arp_ignore": 0, "net__ipv4__conf__eth0__arp_ignore": 1}
    (found,) = kernel.advice(("eth0", "eth1"), V4, reading(**own))
    assert "on eth1 this node" in found
    assert kernel.advice(("eth0",), V4, reading(**own)) == ()


def test_kernel_one_link_has_no_other_way_back() -> None:
    strict = reading(net__ipv4__conf__all__rp_filter=1)
    assert kernel.advice(("eth0",), V4, strict) == ()
    assert len(kernel.advice(("eth0", "eth1"), V4, strict)) == 1
    loose = reading(net__ipv4__conf__all__rp_filter=1, net__ipv4__conf__eth0__rp_filter=2)
    (found,) = kernel.advice(("eth0", "eth1"), V4, loose)
    assert "come in on eth1," in found


def test_kernel_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel, "_SYSTEM", tmp_path)
    (tmp_path / "one").write_text("1\n")
    (tmp_path / "odd").write_text("1 2\n")
    assert [kernel.read(name) for name in ("one", "odd", "none")] == [1, 0, 0]
