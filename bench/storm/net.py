"""Two network namespaces with a wire between them: the authoritative server's, the resolvers'.

The server's address may be taken away: what is sent to it then still arrives at its interface,
where it is counted, and nobody takes it: a dead host, as the network sees it.
"""

from __future__ import annotations

import contextlib
import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING

from bench.lab import namespaces
from bench.lab.errors import LabError
from bench.storm.wire import PORT
from bench.study.errors import StudyError

if TYPE_CHECKING:
    from collections.abc import Iterator

SERVER = "10.53.0.1"
WIRE = "wire"
"""The name of the interface at both ends."""
PREFIX = 16


def resolver(number: int) -> str:
    """Return the address of a real resolver."""
    return f"10.53.2.{number + 1}"


def source(number: int) -> str:
    """Return the address from which the simulated caches of a habit ask."""
    return f"10.53.1.{number + 1}"


class Net:
    """The two namespaces, by their names."""

    def __init__(self) -> None:
        self.server = f"storm-server-{os.getpid()}"
        self.clients = f"storm-clients-{os.getpid()}"

    def build(self, resolvers: int, sources: int) -> None:
        """Make namespaces, wire and addresses; LabError if the machine does not let us."""
        namespaces.batch([f"netns add {self.server}", f"netns add {self.clients}"])
        namespaces.batch(
            [f"link add {WIRE} type veth peer name {WIRE} netns {self.clients}"], self.server
        )
        addresses = [resolver(i) for i in range(resolvers)] + [source(i) for i in range(sources)]
        for namespace, owned in ((self.server, [SERVER]), (self.clients, addresses)):
            lines = ["link set lo up", f"link set {WIRE} up"]
            lines += [f"address add {address}/{PREFIX} dev {WIRE}" for address in owned]
            namespaces.batch(lines, namespace)
        self._fix_neighbour()

    def _fix_neighbour(self) -> None:
        """Have the clients know the server's link address for ever: they send to a dead host, too.

        Without it they would be told after 3 s that there is nobody, as only a neighbour is.
        """
        shown = namespaces.run(self.server, "cat", f"/sys/class/net/{WIRE}/address")
        found = f"neigh replace {SERVER} lladdr {shown.stdout.strip()} dev {WIRE} nud permanent"
        namespaces.batch([found], self.clients)

    def cut(self) -> None:
        """Take the server's address away."""
        namespaces.batch([f"address delete {SERVER}/{PREFIX} dev {WIRE}"], self.server)

    def mend(self) -> None:
        """Give it back."""
        namespaces.batch([f"address add {SERVER}/{PREFIX} dev {WIRE}"], self.server)

    def remove(self) -> None:
        """End all that runs in the namespaces, and delete them."""
        namespaces.remove([self.server, self.clients])

    def server_socket(self) -> socket.socket:
        """Return a UDP socket at the server's address and port, which must be free."""
        found = namespaces.udp_socket(self.server, socket.AF_INET)
        found.bind((SERVER, PORT))
        return found

    def client_socket(self) -> socket.socket:
        """Return a UDP socket on the clients' side."""
        return namespaces.udp_socket(self.clients, socket.AF_INET)


@contextlib.contextmanager
def net(resolvers: int, sources: int) -> Iterator[Net]:
    """Have the namespaces while the body runs; StudyError without root."""
    if os.geteuid() != 0 or not Path("/sys/class/net").exists():
        raise StudyError("network namespaces need root: run it with sudo, or in a container")
    made = Net()
    try:
        made.build(resolvers, sources)
        yield made
    except LabError as error:
        raise StudyError(f"the network cannot be made: {error}") from error
    finally:
        made.remove()
