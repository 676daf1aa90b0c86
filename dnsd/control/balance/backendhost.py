"""A backend's machine: what it needs so that it can answer clients directly, and its way back.

A director forwards packets unchanged: their destination is the VIP. So the machine has the VIP on
its loopback interface, and is silent about it on its links: it neither answers ARP for it nor asks
in its name, or routers and neighbours would send packets past the directors. And it probes for the
path's MTU, because messages about it may be lost on the way.

Where directors reach it by VXLAN, it has a device that takes their packets out of the tunnel, for
each address that they send to. The device forwards nothing, and nothing is sent by it. Its address
is RFC 7600's dummy, because the kernel drops what comes in by a link without any where sources are
filtered, loosely too.

What was changed is written down, and :func:`undo` takes back exactly that.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from dnsd.config.balance import VXLAN_DEVICE, VXLAN_PORT, VXLAN_VNI
from dnsd.control.anycast import netlink
from dnsd.control.balance import settings, tunnels
from dnsd.control.balance.farvips import NEAR4
from dnsd.errors import BalanceError
from dnsd.process import durablefile

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from dnsd.control.anycast.netlink import Address, Link
    from dnsd.control.balance.tunnels import Device

FILE = "backend.json"
LOOPBACK = "lo"
_ETHERNET_MTU = 1500

SETTINGS = {
    "ipv4/conf/all/arp_ignore": "1",
    "ipv4/conf/all/arp_announce": "2",
    "ipv4/tcp_mtu_probing": "1",
}

_WHY = {
    "arp_ignore": "this machine answers ARP for the VIPs, so packets may come past the directors",
    "arp_announce": "this machine sends ARP requests from the VIPs, so others take it for their "
    "owner",
    "tcp_mtu_probing": "connections of clients behind a path with a small MTU may hang",
}


class SetupRecord(msgspec.Struct, frozen=True):
    """What setup has changed: ``addresses`` that it added, ``settings`` as they were before.

    ``tunnels`` are the VXLAN devices that it made.
    """

    addresses: tuple[str, ...] = ()
    settings: dict[str, str] = {}
    tunnels: tuple[str, ...] = ()


class Way(NamedTuple):
    """How directors reach this machine by VXLAN: at which addresses, with which keys of theirs."""

    addresses: tuple[str, ...] = ()
    vni: int = VXLAN_VNI
    port: int = VXLAN_PORT
    device: str = VXLAN_DEVICE

    @property
    def devices(self) -> tuple[Device, ...]:
        """The devices that it takes; nothing is sent by them, so any MTU will do."""
        return tuple(
            tunnels.Device(
                *(tunnels.name_of(self.device, one), self.vni, self.port, _ETHERNET_MTU),
                *(one, tunnels.mac_of(one)),
            )
            for one in self.addresses
        )


ON_LINK = Way()


def setup(
    vips: Iterable[str], directory: Path, root: Path = settings.ROOT, way: Way = ON_LINK
) -> list[str]:
    """Make this machine ready to serve ``vips``; return what was changed, as sentences.

    BalanceError or VipError if that cannot be. Again, it changes nothing.
    """
    vips = tuple(vips)
    if strange := [*_strange(way, vips)]:
        raise BalanceError("\n".join(strange))
    record = _read(directory)
    before = {place: _value(root / place) for place in SETTINGS}
    loopback = _loopback()
    there = {one.text for one in netlink.addresses() if one.ifindex == loopback.ifindex}
    missing = [vip for vip in vips if vip not in there]
    changed = {place: was for place, was in before.items() if _is_less(was, SETTINGS[place])}
    # Written down first: what is changed can be taken back, whatever happens in between.
    names = (device.name for device in way.devices)
    _write(
        directory,
        SetupRecord(
            tuple(dict.fromkeys((*record.addresses, *missing))),
            {**changed, **record.settings},
            tuple(dict.fromkeys((*record.tunnels, *names))),
        ),
    )
    done = settings.ensure({place: SETTINGS[place] for place in changed}, root)
    if done.problems:
        raise BalanceError("\n".join(done.problems))
    for vip in missing:
        netlink.add(loopback.ifindex, vip)
    opened = [line for device in way.devices for line in _open(device, root)]
    return [*done.changed, *(f"{LOOPBACK} has {vip}" for vip in missing), *opened]


def _has(index: int, text: str) -> bool:
    return any((one.ifindex, one.text) == (index, text) for one in netlink.addresses())


def _strange(way: Way, vips: tuple[str, ...]) -> Iterator[str]:
    """Say which addresses of ``way`` cannot be the end of a tunnel here."""
    if not way.addresses:
        return
    own = {one.text for one in netlink.addresses()} - set(vips)
    families = [":" in one for one in way.addresses]
    for address in way.addresses:
        if address not in own:
            yield (
                f"{address} is not an address of this machine, so no tunnel can end there: give "
                f"--vxlan the address that directors use for it"
            )
        if families.count(":" in address) > 1:
            yield f"{address} is one of several of its family: a tunnel ends at one of each"


def _open(device: Device, root: Path) -> Iterator[str]:
    """Have a ``device`` that takes packets in."""
    index, made = tunnels.ensure(device)
    if ":" not in device.local:
        netlink.add_hidden(index, NEAR4)
    if made:
        yield f"{device.name} receives VXLAN: VNI {device.vni}, {device.local}, port {device.port}"
    done = settings.ensure(_of_device(device), root)
    if done.problems:
        raise BalanceError("\n".join(done.problems))
    yield from done.changed


def _of_device(device: Device) -> dict[str, str]:
    """Clients' packets come in where none would be sent to them, and are for this machine."""
    place = f"ipv4/conf/{device.name}"
    return {f"{place}/rp_filter": "2", f"{place}/forwarding": "0"}


def undo(directory: Path, root: Path = settings.ROOT) -> list[str]:
    """Take back what :func:`setup` has changed; return it as sentences."""
    record = _read(directory)
    loopback = _loopback()
    found = []
    for one in netlink.addresses():
        if one.ifindex == loopback.ifindex and one.text in record.addresses:
            netlink.remove(one)
            found.append(f"{one.text} is removed from {LOOPBACK}")
    found += [f"{name} is removed" for name in record.tunnels if tunnels.remove(name)]
    # What was changed since is not dnsd's.
    ours = {
        place: was
        for place, was in record.settings.items()
        if _value(root / place) == SETTINGS.get(place)
    }
    done = settings.ensure(ours, root)
    if done.problems:
        raise BalanceError("\n".join(done.problems))
    with suppress(FileNotFoundError):
        (directory / FILE).unlink()
    return [*found, *done.changed]


def check(vips: Iterable[str], root: Path = settings.ROOT, way: Way = ON_LINK) -> list[str]:
    """Return what keeps this machine from serving ``vips`` as a backend, as sentences."""
    addresses, links = netlink.addresses(), netlink.links()
    wanted = tuple(vips)
    return [
        *(line for vip in wanted for line in _misplaced(vip, addresses, links)),
        *_unset([link.name for link in links if link.segment], root),
        *_strange(way, wanted),
        *(line for device in way.devices for line in _closed(device, root)),
    ]


def _closed(device: Device, root: Path) -> Iterator[str]:
    """Say why a ``device`` does not take packets in."""
    row = tunnels.look(device.name)
    again = f"`dnsd backend setup --vxlan {device.local} ...`"
    if row is None:
        yield (
            f"there is no VXLAN device {device.name}: what directors send to {device.local} is "
            f"dropped; {again} makes it"
        )
        return
    for fault in tunnels.faults(device, row):
        yield f"{device.name} {fault}, so what directors send to {device.local} is dropped"
    if not tunnels.is_up(row):
        yield f"{device.name} is down, so packets from directors are dropped; {again} sets it up"
    if ":" not in device.local and not _has(row["index"], NEAR4):
        yield (
            f"{device.name} lacks the address {NEAR4}, so packets of clients may be dropped; "
            f"{again} adds it"
        )
    for place, value in _of_device(device).items():
        if _value(root / place) != value:
            name = place.replace("/", ".")
            yield f"net.{name} is not {value}: packets of clients may be dropped; {again} sets it"


def _misplaced(vip: str, addresses: Iterable[Address], links: Iterable[Link]) -> Iterator[str]:
    names = {link.ifindex: link for link in links}
    places = [one for one in addresses if one.text == vip]
    if not places:
        yield (
            f"{vip} is not an address of this machine: packets for it are dropped or forwarded; "
            f"`dnsd backend setup {vip}` adds it"
        )
    for one in places:
        link = names.get(one.ifindex)
        if link is not None and link.segment:
            yield (
                f"{vip} is an address of {link.name}, which answers its neighbours for it: "
                f"remove it "
                f"there (`ip address delete {one} dev {link.name}`), it belongs on {LOOPBACK}"
            )


def _unset(links: list[str], root: Path) -> Iterator[str]:
    for place, value in SETTINGS.items():
        *where, name = place.split("/")
        if _is_less(_value(root / place), value):
            own = [root / "ipv4/conf" / link / name for link in links] if "conf" in where else []
            if own and all(not _is_less(_value(one), value) for one in own):
                continue  # the larger one of a link's own and that of all counts
            yield f"net.{place.replace('/', '.')} is not {value}: {_WHY[name]}"


def _is_less(value: str, wanted: str) -> bool:
    return not value.isdigit() or int(value) < int(wanted)


def _value(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def _loopback() -> Link:
    found = netlink.link(LOOPBACK)
    if found is None:
        raise BalanceError(f"there is no interface {LOOPBACK} here")
    if not found.up:
        netlink.set_up(found.ifindex)
    return found


def _read(directory: Path) -> SetupRecord:
    path = directory / FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=SetupRecord)
    except FileNotFoundError:
        return SetupRecord()
    except (OSError, ValueError) as error:
        raise BalanceError(
            f"{path}, which says what was changed here, cannot be read ({error}): remove it if "
            f"there is nothing to undo"
        ) from error


def _write(directory: Path, record: SetupRecord) -> None:
    try:
        directory.mkdir(mode=0o755, parents=True, exist_ok=True)
        durablefile.replace(directory / FILE, msgspec.json.encode(record))
    except OSError as error:
        raise BalanceError(
            f"cannot record changes in {directory} ({error.strerror}), so nothing is changed"
        ) from error
