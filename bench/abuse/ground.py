"""Where attacks take place: a namespace with the server, one with honest clients and attackers."""

from __future__ import annotations

import contextlib
import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING

from bench.abuse.servers import ADDRESS
from bench.lab import namespaces
from bench.lab.errors import LabError
from bench.study.errors import StudyError

if TYPE_CHECKING:
    from collections.abc import Iterator

PREFIXES = 16
"""Networks (/24) that attackers have an address in."""
HONEST = "10.53.200.1"
TIMEOUT_S = 1.0


def attacker(number: int) -> str:
    """Return an address of the ``number``th network of attackers."""
    return f"10.53.{100 + number}.66"


class Ground:
    """The two namespaces, by their names."""

    def __init__(self) -> None:
        self.server = f"abuse-server-{os.getpid()}"
        self.clients = f"abuse-clients-{os.getpid()}"

    def build(self) -> None:
        """Make namespaces, the wire between them, and addresses."""
        namespaces.batch([f"netns add {self.server}", f"netns add {self.clients}"])
        wire = f"link add wire type veth peer name wire netns {self.clients}"
        namespaces.batch([wire], self.server)
        owned = {
            self.server: [ADDRESS],
            self.clients: [HONEST, *(attacker(number) for number in range(PREFIXES))],
        }
        for namespace, addresses in owned.items():
            lines = ["link set lo up", "link set wire up"]
            lines += [f"address add {address}/16 dev wire" for address in addresses]
            namespaces.batch(lines, namespace)

    def udp(self, address: str) -> socket.socket:
        """Return a UDP socket of a client at ``address``, connected to the server."""
        found = namespaces.udp_socket(self.clients, socket.AF_INET)
        found.bind((address, 0))
        found.connect((ADDRESS, 53))
        return found

    def tcp(self, address: str) -> socket.socket:
        """Return a TCP socket of a client at ``address``, not connected yet."""
        found = namespaces.tcp_socket(self.clients, socket.AF_INET)
        found.settimeout(TIMEOUT_S)
        found.bind((address, 0))
        return found


@contextlib.contextmanager
def ground() -> Iterator[Ground]:
    """Have the namespaces while the body runs; StudyError without root."""
    if os.geteuid() != 0 or not Path("/sys/class/net").exists():
        raise StudyError("network namespaces need root: run it with sudo, or in a container")
    made = Ground()
    try:
        made.build()
        yield made
    except LabError as error:
        raise StudyError(f"the network cannot be made: {error}") from error
    finally:
        namespaces.remove([made.server, made.clients])
