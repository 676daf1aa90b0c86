"""The BIRD adapter, with a birdcl that is late, hangs, dies, or talks nonsense."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from textwrap import dedent
from typing import TypeVar

import pytest

from dnsd.config.anycast import BirdConfig as Config
from dnsd.control.anycast import birdcl
from dnsd.control.anycast.bird import BgpSession, Bird, BirdRoute, Protocol
from dnsd.errors import BirdError

T = TypeVar("T")

SHORT = 0.4
"""Seconds after which a call ends that is meant to end so; a fake one starts in less."""
LONG = 60.0

HEAD = """\
#!{python} -SEu
import os, signal, sys, time
here = {here!r}
with open(here + "/clients", "a") as file:
    file.write(f"{{os.getpid()}}\\n")
client = len(open(here + "/clients").readlines())
def say(text):
    text = text.encode() if isinstance(text, str) else text
    while text:
        text = text[os.write(1, text):]
def note(name, line=""):
    with open(here + "/" + name, "a") as file:
        file.write(line + "\\n")
def wait(name):
    while not os.path.exists(here + "/" + name):
        time.sleep(0.005)
def hang():
    while True:
        signal.pause()
def greet():
    say("0001 BIRD 2.0.12 ready.\\nbird> ")
def answer(command):
    return STATUS
STATUS = "1000-BIRD 2.0.12\\n0013 Daemon is up and running\\n"
"""

TAIL = """
assert sys.argv[1:] == ["-v", "-s", here + "/bird.ctl"], sys.argv
greet()
while line := sys.stdin.readline():
    note("asked", line.strip())
    say(answer(line.strip()))
    say("bird> ")
"""


class Fake:
    """A birdcl that does what a test wants, and what became of it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.program = directory / "birdcl"
        self.script("")

    def script(self, body: str) -> None:
        """Make it do ``body``, which may define ``greet`` and ``answer``."""
        head = HEAD.format(python=sys.executable, here=str(self.directory))
        self.program.write_text(head + dedent(body) + TAIL)
        self.program.chmod(0o755)

    def config(self, timeout: float) -> Config:
        ctl = self.directory / "bird.ctl"
        return Config(ctl=ctl, client=str(self.program), timeout=timeout)

    def note(self, name: str) -> None:
        (self.directory / name).touch()

    async def noted(self, name: str) -> None:
        async with asyncio.timeout(LONG):
            while not (self.directory / name).exists():
                await asyncio.sleep(0.005)

    @property
    def clients(self) -> list[int]:
        return [int(line) for line in self._lines("clients")]

    @property
    def asked(self) -> list[str]:
        return self._lines("asked")

    def _lines(self, name: str) -> list[str]:
        path = self.directory / name
        return path.read_text().splitlines() if path.exists() else []


@pytest.fixture
def fake(tmp_path: Path) -> Fake:
    return Fake(tmp_path)


def run(fake: Fake, conversation: Callable[[Bird], Awaitable[T]], timeout: float = LONG) -> T:
    """Hold ``conversation`` in an event loop of its own; no client survives it."""

    async def talk() -> T:
        bird = Bird(fake.config(timeout))
        try:
            return await conversation(bird)
        finally:
            await bird.close()

    found = asyncio.run(talk())
    assert not [pid for pid in fake.clients if alive(pid)]
    return found


def alive(pid: int) -> bool:
    with suppress(ProcessLookupError):
        os.kill(pid, 0)
        return True
    return False


async def complaint(call: Awaitable[object]) -> str:
    with pytest.raises(BirdError) as caught:
        await call
    assert "\n" not in str(caught.value)
    return str(caught.value)


async def patiently(call: Callable[[], Awaitable[T]]) -> T:
    """Call until it is in time: a busy machine may not start a program in SHORT seconds."""
    for _ in range(50):
        with suppress(BirdError):
            return await call()
    raise AssertionError("never in time")


# -- what goes well ---------------------------------------------------------------------------


def test_one_client_serves_many_calls(fake: Fake) -> None:
    async def talk(bird: Bird) -> list[str]:
        return [(await bird.status()).version for _ in range(5)]

    assert run(fake, talk) == ["2.0.12"] * 5
    assert len(fake.clients) == 1
    assert fake.asked == ["show status"] * 5


def test_nothing_is_started_before_it_is_needed(fake: Fake) -> None:
    async def talk(_bird: Bird) -> None:
        return None

    run(fake, talk)
    assert fake.clients == []


def test_calls_at_once_get_their_own_replies(fake: Fake) -> None:
    fake.script(
        """
        def answer(command):
            name = command.split('"')[1]
            return f"1002-{name} Direct --- up 00:00:00\\n"
        """
    )

    async def talk(bird: Bird) -> list[Protocol]:
        return list(await asyncio.gather(*(bird.protocol(f"p{n}") for n in range(20))))

    assert [found.name for found in run(fake, talk)] == [f"p{n}" for n in range(20)]
    assert len(fake.clients) == 1


def test_a_reply_without_words_is_one(fake: Fake) -> None:
    fake.script("def answer(command): return ''")
    assert run(fake, lambda bird: bird.exported("r1")) == ()


def test_pages_are_put_together(fake: Fake) -> None:
    fake.script(
        """
        import termios
        def answer(command):
            attributes = termios.tcgetattr(0)
            attributes[3] &= ~termios.ICANON
            termios.tcsetattr(0, termios.TCSANOW, attributes)
            for n in range(3):
                say(f"1007-10.0.0.{n}/32 blackhole [st 00:00:00] (200)\\n--More--\\r")
                assert os.read(0, 10) == b" "
                say("        \\r")
            attributes[3] |= termios.ICANON
            termios.tcsetattr(0, termios.TCSANOW, attributes)
            return "1007-10.0.0.3/32 blackhole [st 00:00:00] (200)\\n"
        """
    )
    found = run(fake, lambda bird: bird.exported("r1"))
    assert found == tuple(BirdRoute(f"10.0.0.{n}/32", (), "st") for n in range(4))


@pytest.mark.parametrize("rest", ["", "x" * (birdcl._WINDOW - len("bird> "))])
def test_a_prompt_within_a_line_is_no_prompt(fake: Fake, rest: str) -> None:
    fake.script(
        f"""
        def answer(command):
            say("1002-bird> {rest}")
            note("paused")
            wait("go")
            return " Direct --- up 00:00:00\\n"
        """
    )

    async def talk(bird: Bird) -> Protocol:
        asking = asyncio.create_task(bird.protocol("vip"))
        await fake.noted("paused")
        fake.note("go")
        return await asking

    assert run(fake, talk).name == "bird>"


def test_a_long_reply_is_read_to_its_end(fake: Fake) -> None:
    fake.script(
        """
        def answer(command):
            return "".join(f"1007-10.0.{n >> 8}.{n & 255}/32 unicast [st 0] (200)\\n" +
                           "1012-\\tbgp_community: (65535,0)\\n" for n in range(9000))
        """
    )
    found = run(fake, lambda bird: bird.exported("r1"))
    assert len(found) == 9000
    assert found[-1] == BirdRoute("10.0.35.39/32", ((65535, 0),), "st")


def test_sessions_take_their_bfd_state_from_every_bfd_protocol(fake: Fake) -> None:
    fake.script(
        r'''
        REPLIES = {
            "show protocols all": """1002-bfd1 BFD --- up 0
             bfd-2 BFD --- up 0
             r1 BGP --- up 0 Established
        1006-  BGP state:  Established
               Neighbor address: 10.0.0.2
        1002-r2 BGP --- start 0 Active        Socket: Connection refused
        1006-  BGP state:  Active
               Neighbor address: 10.0.0.3
        """,
            "show bfd sessions bfd1": "1020-bfd1:\n     10.0.0.2  eth0 Up 0 0.1 0.3\n",
            "show bfd sessions 'bfd-2'": "1020-bfd-2:\n     10.0.0.3  eth0 Down 0 1.0 0.0\n",
        }
        def answer(command):
            return REPLIES[command]
        '''
    )
    assert run(fake, lambda bird: bird.sessions()) == (
        BgpSession("r1", True, "10.0.0.2", "Up", ""),
        BgpSession("r2", False, "10.0.0.3", "Down", "Active, Socket: Connection refused"),
    )


def test_routes_for_a_vip_are_asked_by_host_prefix_in_every_table(fake: Fake) -> None:
    fake.script("def answer(command): return '8001 Network not found\\n'")

    async def talk(bird: Bird) -> None:
        assert await bird.routes_for("192.0.2.53") == ()
        assert await bird.routes_for("2001:db8::53") == ()

    run(fake, talk)
    assert fake.asked == [
        "show route table all 192.0.2.53/32 all",
        "show route table all 2001:db8::53/128 all",
    ]


def test_enable_and_disable_are_content_if_it_is_so_already(fake: Fake) -> None:
    fake.script(
        """
        CODES = iter(["0009", "0008", "0011", "0010"])
        def answer(command):
            return next(CODES) + "-vip: in words that nobody reads\\n"
        """
    )

    async def talk(bird: Bird) -> None:
        await bird.disable("vip")
        await bird.disable("vip")
        await bird.enable("vip")
        await bird.enable("vip")

    run(fake, talk)
    assert fake.asked == ['disable "vip"'] * 2 + ['enable "vip"'] * 2


def test_enabling_is_not_disabling(fake: Fake) -> None:
    fake.script("def answer(command): return '0009-vip: disabled\\n'")
    assert "with: vip: disabled (code 9)" in run(fake, lambda b: complaint(b.enable("vip")))


def test_a_reply_that_a_reconfiguration_breaks_off_is_asked_for_again(fake: Fake) -> None:
    fake.script(
        """
        replies = iter(["8004 Stopped due to reconfiguration\\n", "1007-a/32 unicast [st 0]\\n"])
        def answer(command): return next(replies)
        """
    )
    assert run(fake, lambda bird: bird.exported("r1")) == (BirdRoute("a/32", (), "st"),)


def test_an_end_of_breaking_off_is_not_waited_for(fake: Fake) -> None:
    fake.script("def answer(command): return '8004 Stopped due to reconfiguration\\n'")
    assert "code 8004" in run(fake, lambda bird: complaint(bird.routes_for("192.0.2.1")))


EXPORT_REFUSED = """
def answer(command):
    if command.startswith("show route"):
        return "9001 syntax error, unexpected CF_SYM_UNDEFINED\\n"
    return {reply!r}
"""


def test_an_unknown_session_is_told_as_such(fake: Fake) -> None:
    fake.script(EXPORT_REFUSED.format(reply="8003 No protocols match\n"))
    assert "has no protocol for" in run(fake, lambda bird: complaint(bird.exported("r9")))


def test_a_session_that_is_down_exports_nothing(fake: Fake) -> None:
    fake.script(EXPORT_REFUSED.format(reply="1002-r1 BGP --- start 0 Active\n"))
    assert run(fake, lambda bird: bird.exported("r1")) == ()


def test_a_command_that_bird_does_not_know_is_told(fake: Fake) -> None:
    fake.script(EXPORT_REFUSED.format(reply="1002-r1 BGP --- up 0 Established\n"))
    assert "syntax error" in run(fake, lambda bird: complaint(bird.exported("r1")))


@pytest.mark.parametrize("name", ["", "vip\nshutdown", 'a"b', "a'b", "*", "a b", "ä"])
def test_a_name_is_never_more_than_a_name(fake: Fake, name: str) -> None:
    async def talk(bird: Bird) -> None:
        for call in (bird.protocol(name), bird.exported(name), bird.disable(name)):
            assert "cannot be the name of a protocol" in await complaint(call)

    run(fake, talk)
    assert fake.asked == []


# -- configure --------------------------------------------------------------------------------

CONFIGURE = """
def answer(command):
    if command == "show status":
        note("asked-status")
        wait("go")
        return STATUS
    if command == "configure check":
        return "0002-Reading configuration from b.conf\\n0020 Configuration OK\\n"
    note("configuring")
    wait("go")
    return "0002-Reading configuration from b.conf\\n0004 Reconfiguration in progress\\n"
"""
ONCE = ["configure check", "configure"]


def test_a_wrong_configuration_is_never_put_in_force(fake: Fake) -> None:
    fake.script("def answer(command): return '0002-Reading…\\n8002 b.conf:3:1 syntax error\\n'")
    sentence = run(fake, lambda bird: complaint(bird.configure()))
    assert "refuses its configuration: b.conf:3:1 syntax error" in sentence
    assert fake.asked == ["configure check"]


def test_those_who_wait_share_one_configure(fake: Fake) -> None:
    fake.script(CONFIGURE)

    async def talk(bird: Bird) -> None:
        status = asyncio.create_task(bird.status())
        await fake.noted("asked-status")
        waiting = [asyncio.create_task(bird.configure()) for _ in range(5)]
        await asyncio.sleep(0)
        fake.note("go")
        await asyncio.gather(status, *waiting)
        await bird.configure()

    run(fake, talk)
    assert fake.asked == ["show status", *ONCE, *ONCE]


def test_who_comes_while_bird_reads_gets_another_configure(fake: Fake) -> None:
    fake.script(CONFIGURE)

    async def talk(bird: Bird) -> None:
        first = asyncio.create_task(bird.configure())
        await fake.noted("configuring")
        later = [asyncio.create_task(bird.configure()) for _ in range(3)]
        await asyncio.sleep(0)
        fake.note("go")
        await asyncio.gather(first, *later)

    run(fake, talk)
    assert fake.asked == [*ONCE, *ONCE]


def test_who_is_cancelled_takes_nothing_from_the_others(fake: Fake) -> None:
    fake.script(CONFIGURE)

    async def talk(bird: Bird) -> None:
        status = asyncio.create_task(bird.status())
        await fake.noted("asked-status")
        impatient, patient = (asyncio.create_task(bird.configure()) for _ in range(2))
        await asyncio.sleep(0)
        impatient.cancel()
        with suppress(asyncio.CancelledError):
            await impatient
        fake.note("go")
        await asyncio.gather(status, patient)

    run(fake, talk)
    assert fake.asked == ["show status", *ONCE]


def test_a_configure_that_came_too_late_is_not_waited_for_again(fake: Fake) -> None:
    fake.script(
        """
        def answer(command):
            if client == 1: hang()
            return "0020 Configuration OK\\n" if "check" in command else "0003 Reconfigured\\n"
        """
    )

    async def talk(bird: Bird) -> None:
        status, configure = bird.status(), bird.configure()
        await asyncio.gather(complaint(status), complaint(configure))
        await patiently(bird.configure)

    run(fake, talk, timeout=SHORT)
    assert fake.asked[-2:] == ONCE


# -- what goes wrong --------------------------------------------------------------------------


def test_a_late_answer_is_nobodys(fake: Fake) -> None:
    fake.script(
        """
        def answer(command):
            if client == 1:
                wait("go")
                return "1002-late Direct --- up 0\\n"
            return "1002-vip Direct --- up 0\\n"
        """
    )

    async def talk(bird: Bird) -> None:
        sentence = await complaint(bird.protocol("late"))
        assert "did not answer 'show protocols \"late\"' in time: is it stopped" in sentence
        fake.note("go")
        assert (await patiently(lambda: bird.protocol("vip"))).name == "vip"

    run(fake, talk, timeout=SHORT)
    assert len(fake.clients) > 1


def test_a_bird_that_is_stopped_costs_a_call_and_never_the_event_loop(fake: Fake) -> None:
    fake.script("def greet(): hang()")
    events: list[str] = []

    async def talk(bird: Bird) -> None:
        async def others() -> None:
            await fake.noted("clients")
            events.append("the loop goes on")

        async def asks() -> None:
            events.append(await complaint(bird.status()))

        await asyncio.gather(asks(), others())
        assert "in time: is it stopped" in await complaint(bird.status())

    run(fake, talk, timeout=SHORT)
    assert events[0] == "the loop goes on"
    assert "in time: is it stopped" in events[1]


def test_who_waits_behind_a_call_that_hangs_waits_no_longer(fake: Fake) -> None:
    fake.script("def answer(command): hang()")

    async def talk(bird: Bird) -> list[str]:
        return await asyncio.gather(*(complaint(bird.status()) for _ in range(4)))

    sentences = run(fake, talk, timeout=SHORT)
    assert all("in time" in sentence for sentence in sentences)
    assert "has not answered an earlier command in time" in sentences[-1]


def test_a_client_that_dies_while_it_is_asked_is_told(fake: Fake) -> None:
    fake.script(
        """
        def answer(command):
            if client == 1:
                say("1000-BIRD 2.0.12\\nConnection closed by server\\n")
                sys.exit(1)
            return STATUS
        """
    )

    async def talk(bird: Bird) -> None:
        assert "went away before it answered 'show status'" in await complaint(bird.status())
        assert (await bird.status()).version == "2.0.12"

    run(fake, talk)
    assert len(fake.clients) == 2


def test_a_bird_that_restarts_while_it_is_asked_is_asked_again(fake: Fake) -> None:
    fake.script(
        """
        def answer(command):
            if client == 1 and command != "show status":
                say("Connection closed by server\\n")
                sys.exit(1)
            return STATUS if command == "show status" else "0009-vip: disabled\\n"
        """
    )

    async def talk(bird: Bird) -> None:
        await bird.status()
        await bird.disable("vip")

    run(fake, talk)
    assert fake.asked == ["show status", 'disable "vip"', 'disable "vip"']
    assert len(fake.clients) == 2


def test_a_bird_that_ends_with_every_command_is_asked_twice_at_most(fake: Fake) -> None:
    fake.script(
        """
        def answer(command):
            return STATUS if command == "show status" and client == 1 else sys.exit(1)
        """
    )

    async def talk(bird: Bird) -> None:
        await bird.status()
        assert "went away before it answered" in await complaint(bird.disable("vip"))

    run(fake, talk)
    assert len(fake.clients) == 2


def test_times_that_waver_are_told_as_they_were(fake: Fake) -> None:
    fake.script(
        """
        times = iter(["35.874", "35.875", "35.873", "41.000", "41.001"])
        def answer(command):
            at = next(times)
            return f"1011-Last reboot on 2026-11-23 23:29:{at}\\n0013 Daemon is up and running\\n"
        """
    )

    async def talk(bird: Bird) -> list[str]:
        return [(await bird.status()).booted[-6:] for _ in range(5)]

    assert run(fake, talk) == ["35.874", "35.874", "35.874", "41.000", "41.000"]


@pytest.mark.parametrize(
    "event",
    [
        "for fd in 0, 1, 2: os.close(fd)",
        "say('0009-vip: disabled\\nbird> ')",
        "say('x')",
    ],
)
def test_a_client_that_is_not_where_it_was_left_is_replaced(fake: Fake, event: str) -> None:
    fake.script(
        f"""
        def answer(command):
            if client == 1:
                say(STATUS + "bird> ")
                wait("go")
                {event}
                note("done")
                hang()
            return STATUS
        """
    )

    async def talk(bird: Bird) -> None:
        await bird.status()
        fake.note("go")
        await fake.noted("done")
        assert (await bird.status()).version == "2.0.12"

    run(fake, talk)
    assert len(fake.clients) == 2


@pytest.mark.parametrize(
    "said",
    ["hello\\n", "\\xff\\xfe\\x00\\n", "9\\n", "???? <?<too-long>>\\n", "\\x1b[2J 0013 x\\n"],
)
def test_nonsense_is_told(fake: Fake, said: str) -> None:
    fake.script(f"def answer(command): return b'{said}'")
    sentence = run(fake, lambda bird: complaint(bird.status()))
    assert "something that dnsd does not understand" in sentence
    assert sentence.isprintable()


def test_nonsense_without_end_is_ended(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(birdcl, "LONGEST_REPLY", 100_000)
    fake.script("def answer(command):\n    while True: say('1007-' + 'x' * 1000 + '\\n')")
    sentence = run(fake, lambda bird: complaint(bird.status()))
    assert "has more than 100000 characters" in sentence


UNREACHABLE = """
def greet():
    say("Unable to connect to server control socket (" + sys.argv[3] + "): {reason}\\n")
    sys.exit(1)
"""


@pytest.mark.parametrize(
    ("reason", "todo"),
    [
        ("No such file or directory", "start it, or correct [anycast.bird] ctl"),
        ("Connection refused", "start it, or correct [anycast.bird] ctl"),
        ("Permission denied", "let dnsd's user write to that socket"),
    ],
)
def test_a_bird_that_is_not_there_is_told(fake: Fake, reason: str, todo: str) -> None:
    fake.script(UNREACHABLE.format(reason=reason))
    sentence = run(fake, lambda bird: complaint(bird.status()))
    assert sentence.startswith(
        f"BIRD cannot be reached at {fake.directory}/bird.ctl ({reason}): {todo}"
    )


def test_a_client_that_ends_without_a_word_is_told(fake: Fake) -> None:
    fake.script("def greet(): sys.exit(3)")
    sentence = run(fake, lambda bird: complaint(bird.status()))
    assert "(its client printed nothing)" in sentence


@pytest.mark.parametrize("kind", ["missing", "forbidden", "empty"])
def test_a_client_that_cannot_be_run_is_told(fake: Fake, kind: str) -> None:
    if kind == "missing":
        fake.program.unlink()
    elif kind == "forbidden":
        fake.program.chmod(0o644)
    else:
        fake.program.write_text("")
    sentence = run(fake, lambda bird: complaint(bird.status()))
    assert sentence.startswith(f"{fake.program}, which asks BIRD, cannot be run (")


# -- the end ----------------------------------------------------------------------------------


def test_closing_ends_a_call_that_is_under_way(fake: Fake) -> None:
    fake.script("def answer(command):\n    note('busy')\n    hang()")

    async def talk(bird: Bird) -> list[str]:
        calls = [asyncio.create_task(complaint(bird.status())) for _ in range(2)]
        await fake.noted("busy")
        await bird.close()
        return await asyncio.gather(*calls)

    first, second = run(fake, talk)
    assert "went away before it answered" in first
    assert "gets no more commands: dnsd is stopping" in second
    assert len(fake.clients) == 1


def test_closing_starts_no_other_client(fake: Fake) -> None:
    fake.script(
        """
        def answer(command):
            if command == "show status":
                return STATUS
            note("busy")
            hang()
        """
    )

    async def talk(bird: Bird) -> str:
        await bird.status()
        call = asyncio.create_task(complaint(bird.protocol("vip")))
        await fake.noted("busy")
        await bird.close()
        return await call

    assert "gets no more commands: dnsd is stopping" in run(fake, talk)
    assert len(fake.clients) == 1


def test_nothing_is_asked_after_closing(fake: Fake) -> None:
    async def talk(bird: Bird) -> None:
        await bird.close()
        await bird.close()
        assert "dnsd is stopping" in await complaint(bird.status())
        assert "dnsd is stopping" in await complaint(bird.configure())

    run(fake, talk)
    assert fake.clients == []
