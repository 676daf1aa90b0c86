"""Checks by connecting, by a query and by a program; on loopback and with small scripts."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest

from dnsd.checks import tcp
from dnsd.checks.command import CommandCheck
from dnsd.checks.dns import DnsCheck
from dnsd.checks.question import question_of
from dnsd.checks.result import (
    LONGEST_DETAIL,
    Blind,
    Check,
    Result,
    shown,
    unreachable,
)
from dnsd.checks.tcp import TcpCheck
from dnsd.config.anycast import SelfCheckQuery
from dnsd.process.exchange import ServerAddress

PATIENCE = 30
NEVER = 60.0
SOON = 0.1


def ask(check: Check, address: str = "127.0.0.1") -> Result:
    return asyncio.run(check.run(address))


def fault(check: Check, address: str = "127.0.0.1") -> str:
    result = ask(check, address)
    assert not result.ok
    return result.detail


def killed(check: Check) -> Result:
    """Return the result in a loop that goes on until the program has been reaped."""

    async def run() -> Result:
        result = await check.run("127.0.0.1")
        async with asyncio.timeout(PATIENCE):
            while children():
                await asyncio.sleep(0.005)
        return result

    return asyncio.run(run())


def children() -> bool:
    """Whether this process has children, reaped by nobody; it reaps none itself."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


# -- connecting ---------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_connection_is_enough(host: str) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family) as server:
        result = ask(TcpCheck(server.getsockname()[1], NEVER), host)
    assert result[:2] == (True, "")
    assert 0 < result.latency < NEVER


def test_the_source_is_chosen() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert ask(TcpCheck(server.getsockname()[1], NEVER, "127.0.0.8")).ok
        connection, source = server.accept()
        connection.close()
    assert source[0] == "127.0.0.8"


def test_a_port_without_a_listener_is_reported() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert fault(TcpCheck(port, NEVER)) == f"connection refused on TCP port {port}"


def test_a_connection_that_is_not_accepted_ends_with_the_time() -> None:
    """The queue of a server that accepts nothing is full, so the kernel is silent."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server:
        port = server.getsockname()[1]
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", port))
        told = fault(TcpCheck(port, SOON))
        for one in waiting:
            one.close()
    assert told == f"no connection to TCP port {port} within 100ms"


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENOBUFS, errno.EADDRNOTAVAIL])
def test_what_this_node_lacks_says_nothing_of_the_service(
    monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def lacking(*_: object) -> socket.socket:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(tcp, "open_socket", lacking)
    why = f"cannot connect to TCP port 80: {os.strerror(number)}"
    with pytest.raises(Blind, match=why):
        ask(TcpCheck(80, NEVER))


def test_a_source_that_is_not_here_is_named() -> None:
    with pytest.raises(Blind, match=r"source 192\.0\.2\.9 is not an address of this node"):
        ask(TcpCheck(80, NEVER, "192.0.2.9"))


def test_other_faults_of_the_network_are_the_service_s() -> None:
    error = OSError(errno.EHOSTUNREACH, "No route to host")
    told = str(unreachable(error, ServerAddress("192.0.2.1", 80), "TCP"))
    assert told == "cannot connect to TCP port 80: No route to host"


def test_foreign_text_is_made_harmless() -> None:
    assert shown("a\x1b[31m\tb\n c\u202e") == r"a\x1b[31m b c\u202e"
    assert len(shown("x" * 10_000)) == LONGEST_DETAIL


# -- a query ------------------------------------------------------------------------------------

Answer = Callable[[dns.message.Message, str], bytes | None]
WWW = question_of(
    SelfCheckQuery(name="www.example.com.", type="A", expect=("192.0.2.1",))
).of_service()


def right(query: dns.message.Message, _how: str) -> bytes:
    response = dns.message.make_response(query)
    response.answer.append(dns.rrset.from_text(query.question[0].name, 60, "IN", "A", "192.0.2.1"))
    return response.to_wire()


def truncated(query: dns.message.Message, how: str) -> bytes:
    if how == "TCP":
        return right(query, how)
    response = dns.message.make_response(query)
    response.flags |= dns.flags.TC
    return response.to_wire()


@contextmanager
def name_server(answer: Answer) -> Iterator[int]:
    """Answers over UDP, and over TCP with the same port, until it is left; yields the port."""
    tcp = socket.create_server(("127.0.0.1", 0))
    port: int = tcp.getsockname()[1]
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind(("127.0.0.1", port))
    over = threading.Event()

    def serve_udp() -> None:
        while True:
            packet, source = udp.recvfrom(65535)
            if over.is_set():
                return
            reply = answer(dns.message.from_wire(packet), "UDP")
            if reply is not None:
                udp.sendto(b"", source)
                udp.sendto(bytes((packet[0] ^ 1,)) + reply[1:], source)  # another's ID
                udp.sendto(reply, source)

    def serve_tcp() -> None:
        while True:
            connection, _ = tcp.accept()
            with connection:
                if over.is_set():
                    return
                packet = connection.recv(65535)[2:]
                reply = answer(dns.message.from_wire(packet), "TCP")
                if reply is not None:
                    connection.sendall(len(reply).to_bytes(2, "big") + reply)

    threads = [threading.Thread(target=one, daemon=True) for one in (serve_udp, serve_tcp)]
    for thread in threads:
        thread.start()
    try:
        yield port
    finally:
        over.set()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"", ("127.0.0.1", port))
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", port)).close()
        for thread in threads:
            thread.join(PATIENCE)
        udp.close()
        tcp.close()


@pytest.mark.parametrize("answer", [right, truncated])
def test_an_answer_is_ok_over_tcp_too_and_without_authority(answer: Answer) -> None:
    with name_server(answer) as port:
        assert ask(DnsCheck(WWW, port, NEVER))[:2] == (True, "")


def test_recursion_is_desired() -> None:
    flags = []

    def look(query: dns.message.Message, how: str) -> bytes:
        flags.append(bool(query.flags & dns.flags.RD))
        return right(query, how)

    with name_server(look) as port:
        assert ask(DnsCheck(WWW, port, NEVER)).ok
    assert flags == [True]


def test_another_rcode_and_other_records_are_told() -> None:
    def refused(query: dns.message.Message, _how: str) -> bytes:
        response = dns.message.make_response(query)
        response.set_rcode(dns.rcode.SERVFAIL)
        return response.to_wire()

    def empty(query: dns.message.Message, _how: str) -> bytes:
        return dns.message.make_response(query).to_wire()

    asked = "www.example.com A over UDP: answered with"
    with name_server(refused) as port:
        assert fault(DnsCheck(WWW, port, NEVER)) == f"{asked} SERVFAIL"
    with name_server(empty) as port:
        assert fault(DnsCheck(WWW, port, NEVER)) == f"{asked} no record in place of 192.0.2.1"
        assert ask(DnsCheck(replace(WWW, expect=frozenset()), port, NEVER)).ok


def test_garbage_in_place_of_a_response_is_told() -> None:
    def garbage(query: dns.message.Message, _how: str) -> bytes:
        return query.to_wire()[:2] + b"\xff" * 40

    with name_server(garbage) as port:
        told = fault(DnsCheck(WWW, port, NEVER))
    assert told == "www.example.com A over UDP: answered with octets that are not a DNS message"


def test_two_octets_that_repeat_the_id_are_no_response() -> None:
    with name_server(lambda query, _how: query.to_wire()[:2]) as port:
        told = fault(DnsCheck(WWW, port, NEVER))
    assert told == "www.example.com A over UDP: answered with octets that are not a DNS message"


def test_silence_ends_with_the_time_over_both() -> None:
    def silent(_query: dns.message.Message, _how: str) -> None:
        """No answer."""

    def half(query: dns.message.Message, how: str) -> bytes | None:
        return truncated(query, how) if how == "UDP" else None

    with name_server(silent) as port:
        told = fault(DnsCheck(WWW, port, SOON))
    assert told == "no answer over UDP to www.example.com A within 100ms"
    with name_server(half) as port:
        assert fault(DnsCheck(WWW, port, NEVER)) == f"connection reset on TCP port {port}"


def test_a_name_server_that_is_not_there_is_told() -> None:
    with name_server(right) as port:
        pass
    assert fault(DnsCheck(WWW, port, NEVER)) == f"connection refused on UDP port {port}"


# -- a program ----------------------------------------------------------------------------------


def shell(text: str, *arguments: str, timeout: float = NEVER) -> CommandCheck:
    return CommandCheck(("/bin/sh", "-c", text, "sh", *arguments), timeout)


def test_exit_status_0_is_ok() -> None:
    result = ask(shell("exit 0"))
    assert result[:2] == (True, "")


def test_the_address_is_put_into_the_arguments_and_nothing_else_is_expanded() -> None:
    check = shell('test "$1 $2" = "192.0.2.1:80 \\$HOME"', "{address}:80", "$HOME")
    assert ask(check, "192.0.2.1").ok
    assert not ask(check, "192.0.2.2").ok


def test_another_status_is_told_with_what_the_program_says() -> None:
    assert fault(shell("exit 3")) == "/bin/sh: exit status 3"
    assert fault(shell("echo so; echo bad >&2; exit 1")) == "/bin/sh: exit status 1, output: so bad"
    assert fault(shell("kill -9 $$")) == "/bin/sh: killed by signal 9"


def test_much_output_neither_blocks_nor_is_kept() -> None:
    told = fault(shell("head -c 3000000 /dev/zero | tr '\\0' x; exit 1"))
    assert told.startswith("/bin/sh: exit status 1, output: xxx")
    assert told.endswith("…")
    assert len(told) < 2 * LONGEST_DETAIL


def test_a_program_that_cannot_be_started_says_nothing_of_the_service() -> None:
    missing = "/nonexistent/missing"
    with pytest.raises(Blind, match=f"cannot start {missing}: No such file or directory"):
        ask(CommandCheck((missing,), NEVER))


def test_a_program_gets_neither_input_nor_this_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "x")
    assert ask(shell('test -z "$SECRET" && test "$PWD" = / && ! read line')).ok


def gone(pid: int) -> bool:
    """Wait until the process ``pid`` is no more, or waits only to be reaped."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        try:
            state = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state == "Z":
            return True
        time.sleep(0.01)
    return False


@pytest.fixture
def for_all() -> Iterator[Path]:
    """A directory that programs, which have no rights of root's, can write to."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name)
        path.chmod(0o777)
        yield path


def test_a_program_that_hangs_is_killed_with_its_children(for_all: Path) -> None:
    pids = for_all / "pids"
    script = f"trap '' TERM INT; sleep 1000 & echo $$ $! > {pids}; wait; sleep 1000"
    result = killed(shell(script, timeout=1.0))
    assert result[:2] == (False, "/bin/sh did not end within 1s")
    for pid in map(int, pids.read_text("utf-8").split()):
        assert gone(pid)


def test_children_that_outlive_the_program_keep_nobody_waiting(for_all: Path) -> None:
    """They hold its output open, and are killed when it has ended."""
    pids = for_all / "pids"
    assert ask(shell(f"sleep 1000 & echo $! > {pids}; exit 0")).ok
    assert gone(int(pids.read_text("utf-8")))


def test_a_child_that_has_left_the_group_keeps_nobody_waiting(for_all: Path) -> None:
    pids = for_all / "pids"
    script = (
        f"setsid sh -c 'echo $$ > {pids}; exec sleep 1000' & while ! test -s {pids}; do :; done"
    )
    assert ask(shell(script)).ok
    os.kill(int(pids.read_text("utf-8")), signal.SIGKILL)


def test_no_descriptor_stays_open() -> None:
    before = sorted(os.listdir("/proc/self/fd"))  # noqa: PTH208
    ask(shell("exit 0"))
    killed(shell("sleep 1000", timeout=SOON))
    with suppress(Blind):
        ask(CommandCheck(("/nonexistent",), NEVER))
    assert sorted(os.listdir("/proc/self/fd")) == before  # noqa: PTH208
