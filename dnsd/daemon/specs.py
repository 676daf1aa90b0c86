"""From the configuration to the instructions of each process."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING, NamedTuple

from dnsd.config import cookie_secrets, has_transfers, tsig_secrets
from dnsd.control.spec import ControlSpec
from dnsd.errors import StateError
from dnsd.hotpath import RateLimit, Settings
from dnsd.image import memory
from dnsd.image.state import StateVector
from dnsd.process import packets
from dnsd.process.statedir import IMAGES
from dnsd.serve.spec import TcpLimits, WorkerSpec
from dnsd.xfrd.spec import XfrdSpec

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from dnsd.config import Config, Options
    from dnsd.daemon.predecessor import Given


def worker_count(config: Config) -> int:
    """Return how many workers there are: as configured, or one for each core."""
    return config.server.workers or len(os.sched_getaffinity(0))


class Shared(NamedTuple):
    """What processes share: the state vector, and descriptors of memory.

    The memory is that of the ``journal``, of ``images``, and of what control has ``kept`` for its
    successor.
    """

    vector: StateVector
    journal: int
    images: int
    kept: int

    @classmethod
    def create(cls, workers: int) -> Shared:
        """Create all of it for so many ``workers``; StateError if the system refuses."""
        try:
            # As many seats more as the next master may want workers.
            vector = StateVector.create(workers, max(workers, len(os.sched_getaffinity(0))))
            return cls(vector, *map(memory.create, ("journal", "images", "kept")))
        except OSError as error:
            raise StateError(
                f"cannot make the memory that master, control and workers share: {error.strerror}; "
                "look at the limits of this process (ulimit -a)",
                error.errno or 0,
            ) from error

    @classmethod
    def given(cls, given: Given) -> Shared:
        """Return what another master has ``given``."""
        vector = StateVector(given.need("vector"), given.offer.seats)
        return cls(vector, *map(given.need, ("journal", "images", "kept")))


class WaysToTransfers:
    """The pairs of sockets between the transfer process and the others; held by the master.

    Of each pair the first end is for control, or a worker.
    """

    def __init__(self, pairs: Sequence[tuple[socket.socket, socket.socket]]) -> None:
        self._pairs = pairs

    @classmethod
    def make(cls, workers: int) -> WaysToTransfers:
        """Make them for so many ``workers``; StateError if the system refuses."""
        return cls(pairs_between(1 + workers))

    @classmethod
    def given(cls, given: Given) -> WaysToTransfers | None:
        """Return those that another master has ``given``, None if it has none."""
        pairs = []
        for number in range(1 + given.offer.seats):
            ends = given.take(f"way-{number}-0"), given.take(f"way-{number}-1")
            if ends[0] is None or ends[1] is None:
                return None
            pairs.append((socket.socket(fileno=ends[0]), socket.socket(fileno=ends[1])))
        return cls(pairs)

    def ends(self) -> Iterator[tuple[str, int]]:
        """Yield a name and a duplicate of each end, for :meth:`given`."""
        for number, pair in enumerate(self._pairs):
            for end, sock in enumerate(pair):
                yield f"way-{number}-{end}", os.dup(sock.fileno())

    @property
    def control(self) -> int:
        """Control's end."""
        return self._pairs[0][0].fileno()

    def worker(self, index: int) -> int:
        """The end of worker ``index``."""
        return self._pairs[1 + index][0].fileno()

    def spec(self, config: Config, shared: Shared) -> XfrdSpec:
        """Return the spec of the transfer process."""
        control, *handed = (theirs.fileno() for _, theirs in self._pairs)
        return XfrdSpec(
            state_fd=shared.vector.fd,
            workers=shared.vector.workers,
            control=control,
            handed=tuple(handed),
            directory=str(config.server.state_directory),
            tls_listen=config.transfers.tls_listen,
            heartbeat=config.server.heartbeat,
        )


def pairs_between(count: int) -> list[tuple[socket.socket, socket.socket]]:
    """Create so many pairs of sockets between processes; StateError if the system refuses."""
    try:
        return [packets.pair() for _ in range(count)]
    except OSError as error:
        raise StateError(
            f"cannot make the sockets between the processes: {error.strerror}; look at the "
            "limits of this process (ulimit -a)",
            error.errno or 0,
        ) from error


def ways_to_transfers(
    config: Config, workers: int, given: Given | None = None
) -> WaysToTransfers | None:
    """Return the sockets to the transfer process, None if there is nothing for it to do.

    Those that another master has ``given`` are used again. ConfigError if secrets cannot be read.
    """
    if not has_transfers(config):
        return None
    tsig_secrets(config)
    ways = None if given is None else WaysToTransfers.given(given)
    return ways or WaysToTransfers.make(workers)


def worker_specs(
    config: Config,
    shared: Shared,
    seats: Sequence[int],
    ways: WaysToTransfers | None = None,
    reins: Mapping[int, int] | None = None,
) -> list[WorkerSpec]:
    """Return the spec of each worker; ConfigError if the cookie secrets can't be read.

    They have ``seats``. ``ways`` lead to the transfer process, if there is one, ``reins`` to
    the master.
    """
    server = config.server
    vips = config.anycast.endpoints
    settings = Settings(
        nsid=_octets(server.nsid),
        server_id=_octets(server.server_id),
        version=_octets(server.version),
        udp_payload=server.udp_payload,
        cookie_secrets=cookie_secrets(config),
        tcp_idle=server.tcp_idle,
        rate_limit=_rate_limit(config),
        hands_over=ways is not None,
    )
    tcp = TcpLimits(
        connections=server.tcp_connections,
        per_source=server.tcp_per_source,
        message=server.tcp_message,
        stall=server.tcp_stall,
        unsent=server.tcp_unsent,
    )
    return [
        WorkerSpec(
            index=index,
            workers=shared.vector.workers,
            state_fd=shared.vector.fd,
            journal_fd=shared.journal,
            images_fd=shared.images,
            images=str(server.state_directory / IMAGES),
            listen=tuple((one.address, one.port) for one in (*server.listen, *vips)),
            floating=tuple(one.address for one in vips),
            settings=settings,
            tcp=tcp,
            heartbeat=server.heartbeat,
            xfrd_fd=None if ways is None else ways.worker(index),
            reins=None if reins is None else reins[index],
            udp_receive_buffer=server.udp_receive_buffer,
        )
        for index in seats
    ]


def control_spec(
    config: Config,
    options: Options,
    shared: Shared,
    started: int,
    doorbell: int | None = None,
    run: int = 0,
) -> ControlSpec:
    """Return the spec of control; ``started`` is the monotonic time (ns) of the start.

    ``run`` is the pid of the master that has started the node, 0 for this one.
    """
    return ControlSpec(
        state_fd=shared.vector.fd,
        journal_fd=shared.journal,
        images_fd=shared.images,
        kept_fd=shared.kept,
        workers=shared.vector.workers,
        master=os.getpid(),
        run=run or os.getpid(),
        started=started,
        config=config,
        options=options,
        doorbell=doorbell,
    )


def _rate_limit(config: Config) -> RateLimit | None:
    """Return the rate limits; the node's own questions to its VIPs come from these."""
    limit = config.rate_limit
    if not limit.per_second:
        return None
    return RateLimit(
        per_second=limit.per_second,
        slip=limit.slip,
        ipv4_prefix=limit.ipv4_prefix,
        ipv6_prefix=limit.ipv6_prefix,
        exempt=(*limit.exempt, *(vip.address for vip in config.anycast.endpoints)),
    )


def _octets(text: str | None) -> bytes | None:
    return None if text is None else text.encode()
