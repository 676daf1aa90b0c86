"""From the configuration to what each process is told."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from dnsd.config import cookie_secrets
from dnsd.control.spec import ControlSpec
from dnsd.hotpath import RateLimit, Settings
from dnsd.serve.spec import TcpLimits, WorkerSpec

if TYPE_CHECKING:
    from dnsd.config import Config, Options
    from dnsd.image.state import StateVector


def worker_count(config: Config) -> int:
    """Return how many workers there are: as configured, or one for each core."""
    return config.server.workers or len(os.sched_getaffinity(0))


def worker_specs(config: Config, vector: StateVector) -> list[WorkerSpec]:
    """Return the spec of each worker; ConfigError if the cookie secrets can't be read."""
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
            workers=vector.workers,
            state_fd=vector.fd,
            journal_directory=str(server.state_directory),
            listen=tuple((one.address, one.port) for one in (*server.listen, *vips)),
            floating=tuple(one.address for one in vips),
            settings=settings,
            tcp=tcp,
            heartbeat=server.heartbeat,
            udp_receive_buffer=server.udp_receive_buffer,
        )
        for index in range(vector.workers)
    ]


def control_spec(
    config: Config,
    options: Options,
    vector: StateVector,
    started: int,
    doorbell: int | None = None,
) -> ControlSpec:
    """Return the spec of control; ``started`` is the monotonic time (ns) of the start."""
    return ControlSpec(
        state_fd=vector.fd,
        workers=vector.workers,
        master=os.getpid(),
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
