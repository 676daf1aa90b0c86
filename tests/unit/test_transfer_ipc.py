"""How control and the transfer process talk: nothing is lost, and neither waits."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from dnsd.config import TransferKey, ZoneTransfers
from dnsd.process.bulletin import Bulletin
from dnsd.process.correspondence import Correspondence
from dnsd.process.packets import Packets, pair
from dnsd.transfer import ipc
from dnsd.xfrd.knowledge import Knowledge
from dnsd.xfrd.orders import answer

ZONE = ipc.ZoneTold(zone="a.", transfers=ZoneTransfers(), serial=7)


@given(
    st.lists(
        st.tuples(st.sampled_from(["put", "end", "tell", "again"]), st.sampled_from("abc")),
        max_size=30,
    )
)
def test_what_was_told_is_what_is(steps: list[tuple[str, str]]) -> None:
    """Whoever hears all that is told knows the last word about each thing."""
    bulletin, heard, truth = Bulletin(), dict[str, str](), dict[str, str]()
    room = 0

    def send(word: bytes) -> bool:
        nonlocal room
        if room == 0:
            return False
        room -= 1
        about, _, said = word.decode().partition("=")
        heard[about] = said
        return True

    for number, (step, about) in enumerate(steps):
        if step == "put":
            truth[about] = str(number)
            bulletin.put(about, f"{about}={number}".encode())
        elif step == "end":
            truth.pop(about, None)
            bulletin.end(about, f"{about}=".encode())
        elif step == "again":
            heard.clear()
            bulletin.again()
        else:
            room = 1
            bulletin.tell(send)
    room = -1
    bulletin.tell(send)
    assert not bulletin
    assert {about: said for about, said in heard.items() if said} == truth


def test_a_full_socket_makes_no_sender_wait_and_loses_nothing() -> None:
    async def talk() -> list[bytes]:
        mine, theirs = (Packets(end.detach()) for end in pair())
        heard: list[bytes] = []
        speaker = Correspondence(mine, lambda _: None)
        sent = [f"{number}".encode() * 1000 for number in range(2000)]
        for number, word in enumerate(sent):
            speaker.bulletin.put(str(number), word)
        speaker.tell()
        assert speaker.bulletin, "the way has room for all of it: the test shows nothing"
        Correspondence(theirs, heard.append)
        async with asyncio.timeout(20):
            while len(heard) < len(sent):
                await asyncio.sleep(0)
        assert heard == sent
        for end in (mine, theirs):
            asyncio.get_running_loop().remove_reader(end.fileno())
            end.close()
        return heard

    assert asyncio.run(talk())


def test_a_descriptor_comes_with_its_message() -> None:
    one, two = (Packets(end.detach()) for end in pair())
    read, write = os.pipe()
    assert one.send(b"x", write)
    os.close(write)
    found = two.receive()
    assert found is not None
    message, fd = found
    assert message == b"x"
    assert fd is not None
    os.write(fd, b"here")
    assert os.read(read, 9) == b"here"
    os.close(fd)
    os.close(read)
    assert two.receive() is None
    one.close()
    two.close()


def test_words_are_what_they_were() -> None:
    key = TransferKey(name="k.", secret_file=Path("/k"))
    for word in (ipc.Hello(), ZONE, ipc.AllTold(), ipc.ZoneGone("a.")):
        assert ipc.from_control(ipc.encode(word)) == word
    told = ipc.from_control(ipc.encode(ipc.KeyTold(key=key, stamp=1)))
    assert isinstance(told, ipc.KeyTold)
    assert str(told.key.secret_file) == "/k"
    done = ipc.OrderDone(number=1, rows=({"zone": "a.", "serial": 3},))
    assert ipc.from_transfers(ipc.encode(done)) == done


def test_what_a_successor_of_control_does_not_tell_is_gone() -> None:
    known = Knowledge()
    known.take(ZONE)
    known.take(ipc.ZoneTold(zone="b.", transfers=ZoneTransfers()))
    known.take(ipc.AllTold())
    assert known.whole.is_set()
    known.take(ipc.Hello())
    known.take(ZONE)
    assert known.zones.keys() == {"a.", "b."}, "it is in force until everything was told"
    known.take(ipc.AllTold())
    assert known.zones == {"a.": ZONE}


def test_orders_about_zones() -> None:
    known = Knowledge()
    known.take(ZONE)
    (done,) = answer(ipc.TransferOrder(number=1, what="status"), known)
    assert done.rows == ({"zone": "a.", "serial": 7},)
    (done,) = answer(ipc.TransferOrder(number=2, what="notify", zone="b."), known)
    assert done.fault == "there is no zone b."
    (done,) = answer(ipc.TransferOrder(number=3, what="refresh", zone="a."), known)
    assert done.fault == "a. is not fetched from other servers: its [[zone]] has no primaries"
