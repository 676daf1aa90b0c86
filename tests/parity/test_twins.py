"""The two hot paths side by side: the same octets, the same counters, whatever comes in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsd import compile as compiler
from dnsd.errors import ImageError
from dnsd.hotpath import Client, Settings, Transport
from dnsd.hotpath._python import PythonHotPath
from dnsd.image import layout
from dnsd.image.store import Image
from dnsd.metrics import counters
from tests.parity.sections import NOW, packet
from tests.records import records_of
from tests.strategies import Scene, models, scenes, signed

native = pytest.importorskip("dnsd.hotpath._native", reason="built without a C compiler")

HEADER = layout.HEADER.size
SECRETS = (b"0123456789abcdef", b"fedcba9876543210")
COOKIE_9018 = bytes.fromhex("2464c4abcf10c957010000005cf79f111f8130c3eee29480")

clients = st.builds(
    Client,
    st.sampled_from(Transport),
    st.sampled_from(("192.0.2.1", "2001:db8::1", "fe80::1%lo")),
    st.integers(0, 65535),
)
settings = st.builds(
    Settings,
    nsid=st.none() | st.binary(max_size=40),
    server_id=st.none() | st.just(b"nyc"),
    udp_payload=st.sampled_from((512, 1232, 4096)),
    cookie_secrets=st.sampled_from(((), SECRETS[:1], SECRETS)),
)
options = st.lists(
    st.tuples(
        st.sampled_from((3, 8, 10, 11, 12, 15)),
        st.binary(max_size=41) | st.sampled_from((b"12345678", COOKIE_9018)),
    ),
    max_size=4,
)


class Twins:
    """Both hot paths with the same zones, each with counters of its own."""

    def __init__(self, served: Settings, scene: Scene) -> None:
        self.cells = counters.fresh(), counters.fresh()
        self.paths = (
            PythonHotPath(served, self.cells[0]),
            native.NativeHotPath(served, self.cells[1]),
        )
        data = records_of(scene.model.zone())
        image = bytes(compiler.build(data))
        for path in self.paths:
            path.put_zone(data.apex, Image(image))
            path.put_zone(b"\x07missing\x07example\x00", None)

    def agree(self, query: bytes, client: Client) -> None:
        plain, fast = (path.answer(query, NOW, client) for path in self.paths)
        assert fast == plain, query.hex()
        assert self.cells[0].tolist() == self.cells[1].tolist(), query.hex()


def opt(payload: int, version: int, do: bool, content: list[tuple[int, bytes]]) -> bytes:
    rdata = b"".join(
        code.to_bytes(2, "big") + len(value).to_bytes(2, "big") + value for code, value in content
    )
    head = b"\x00\x00\x29" + payload.to_bytes(2, "big") + bytes((0, version, do << 7, 0))
    return head + len(rdata).to_bytes(2, "big") + rdata


@given(
    scenes(models() | signed(models())),
    settings,
    clients,
    st.sampled_from((0, 512, 1232, 65535)),
    options,
)
def test_queries(
    scene: Scene, served: Settings, client: Client, payload: int, content: list[tuple[int, bytes]]
) -> None:
    twins = Twins(served, scene)
    for query in scene.queries:
        plain = packet(query, None)
        twins.agree(plain, client)
        twins.agree(plain[:11] + b"\x01" + plain[12:] + opt(payload, 0, query.do, content), client)


@given(scenes(models() | signed(models())), settings, clients, options, st.data())
def test_damaged_queries(
    scene: Scene,
    served: Settings,
    client: Client,
    content: list[tuple[int, bytes]],
    data: st.DataObject,
) -> None:
    twins = Twins(served, scene)
    for query in scene.queries:
        whole = packet(query, None)
        damaged = bytearray(whole[:11] + b"\x01" + whole[12:] + opt(1232, 0, query.do, content))
        for _ in range(data.draw(st.integers(1, 4))):
            damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
        cut = data.draw(st.integers(0, len(damaged)) | st.just(len(damaged)))
        twins.agree(bytes(damaged[:cut]) + data.draw(st.binary(max_size=12)), client)


@given(st.lists(st.binary(max_size=600), min_size=1, max_size=20), settings, clients)
def test_arbitrary_octets(packets: list[bytes], served: Settings, client: Client) -> None:
    cells = counters.fresh(), counters.fresh()
    paths = PythonHotPath(served, cells[0]), native.NativeHotPath(served, cells[1])
    for octets in packets:
        assert paths[1].answer(octets, NOW, client) == paths[0].answer(octets, NOW, client)
    assert cells[0].tolist() == cells[1].tolist()


@given(scenes(models() | signed(models())), st.integers(0), st.integers(0, 255))
def test_damaged_image(scene: Scene, place: int, octet: int) -> None:
    """A damaged image is refused or answers wrongly; no access goes astray, nothing is raised."""
    data = records_of(scene.model.zone())
    image = bytearray(compiler.build(data))
    image[HEADER + place % (len(image) - HEADER)] = octet
    path = native.NativeHotPath(Settings(), counters.fresh())
    try:
        path.put_zone(data.apex, Image(image))
    except ImageError:
        return  # the header already says so
    for query in scene.queries:
        for client in (Client(Transport.UDP, "192.0.2.1"), Client(Transport.TCP, "192.0.2.1")):
            path.answer(packet(query, 1232), NOW, client)
