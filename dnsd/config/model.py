"""The configuration as frozen values: one struct for each table, one field for each key.

A field's annotation says how its TOML value is read and within which bounds
(:mod:`dnsd.config.kinds`); deploy/dnsd.example.toml explains it, and a test compares that
file with the fields here. Fields without a kind are not keys: the reader fills them.
"""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import msgspec

import dnsd
from dnsd.config import paths
from dnsd.config.anycast import Anycast
from dnsd.config.balance import Balance, Service
from dnsd.config.catalogs import CatalogConfig, TemplateConfig
from dnsd.config.commandkinds import ADDRESS, CommandLines, NamedFiles, places
from dnsd.config.endpoint import Endpoint
from dnsd.config.hookkinds import HooksConfig
from dnsd.config.kinds import (
    AccountName,
    Count,
    Duration,
    Endpoints,
    FilePath,
    FilePaths,
    Flag,
    OneOf,
    Origin,
    Share,
    Size,
    SocketPath,
    Text,
    check_socket_path,
)
from dnsd.config.limits import Limits
from dnsd.config.netkinds import Networks, PeerUrls
from dnsd.config.recording import DnstapConfig, QuerylogConfig
from dnsd.config.transfers import (
    SERIALS,
    AllowedPeer,
    NotifyPeer,
    PrimaryPeer,
    TransferKey,
    TransfersConfig,
    UpdateRight,
)
from dnsd.process.events import LEVEL_WORDS, LevelWord, LogLevel
from dnsd.process.logline import LogFormat

_CHARACTER_STRING = "a TXT record holds it in one character-string"

DEFAULT_LISTEN = (Endpoint("127.0.0.1", 5300), Endpoint("::1", 5300))
"""Needs no privileges, and cannot be reached from other machines."""


class Server(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[server]``: sockets, processes, identity and what limits clients."""

    listen: Annotated[tuple[Endpoint, ...], Endpoints()] = DEFAULT_LISTEN
    workers: Annotated[
        int, Count(0, 256, "each worker is a process, and 0 means one for each core")
    ] = 0
    state_directory: Annotated[Path, FilePath()] = msgspec.field(
        default_factory=paths.state_directory
    )
    admin_socket: Annotated[Path, SocketPath()] = Path()
    """Where control listens; when it is not given, ``admin.sock`` in the state directory."""

    user: Annotated[str | None, AccountName()] = None
    group: Annotated[str | None, AccountName()] = None
    admin_group: Annotated[str | None, AccountName()] = None
    """None: the user's own."""

    nsid: Annotated[str | None, Text(128, "it goes into every answer that asks for it")] = None
    server_id: Annotated[str | None, Text(255, _CHARACTER_STRING)] = msgspec.field(
        default_factory=socket.gethostname
    )
    version: Annotated[str | None, Text(255, _CHARACTER_STRING)] = f"dnsd {dnsd.__version__}"

    udp_payload: Annotated[
        int, Count(512, 4096, "every client takes 512 octets, and larger packets are fragmented")
    ] = 1232
    udp_receive_buffer: Annotated[
        int, Size("64KiB", "1GiB", "less loses bursts, more only makes answers late")
    ] = 1 << 20

    tcp_connections: Annotated[int, Count(1, 1_000_000, "each one needs a file descriptor")] = 1000
    tcp_per_source: Annotated[int, Count(1, 1_000_000, "each one needs a file descriptor")] = 32
    tcp_idle: Annotated[
        float, Duration("100ms", "1h", "clients reuse connections, and idle ones cost memory")
    ] = 10.0
    tcp_message: Annotated[
        float, Duration("10ms", "1m", "a slow client must not hold a connection")
    ] = 2.0
    tcp_stall: Annotated[
        float, Duration("10ms", "1m", "a client that does not read must not hold memory")
    ] = 1.0
    tcp_unsent: Annotated[
        int, Size("65537B", "16MiB", "one response of the largest size must fit")
    ] = 128 << 10

    cookie_secret_file: Annotated[Path | None, FilePath()] = None

    heartbeat: Annotated[
        float, Duration("10ms", "10s", "the heartbeat must show a stuck worker, yet cost nothing")
    ] = 0.05
    heartbeat_miss: Annotated[
        int, Count(2, 1000, "one late heartbeat proves nothing, and a dead worker loses queries")
    ] = 20

    def __post_init__(self) -> None:
        """Put the admin socket into the state directory unless it has a place.

        ValueError is "KEY: SENTENCE".
        """
        if self.admin_socket != Path():
            return
        try:
            path = check_socket_path(self.state_directory / "admin.sock")
        except ValueError as error:
            raise ValueError(f"state_directory: {error}") from None
        msgspec.structs.force_setattr(self, "admin_socket", path)


class Zones(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[zones]``: where zone files are, how they are watched, how many may vanish."""

    directory: Annotated[Path | None, FilePath()] = None
    include: Annotated[tuple[Path, ...], FilePaths()] = ()
    watch: Annotated[bool, Flag()] = True
    poll: Annotated[float, Duration("50ms", "1h", "every look costs a stat of every file")] = 0.5
    settle: Annotated[
        float, Duration("0s", "1m", "a file still being written must not be read")
    ] = 0.2
    shrink: Annotated[float, Share()] = 0.5
    vanish: Annotated[float, Share()] = 0.5
    policy_grace: Annotated[
        float, Duration("0s", "1d", "a policy that is missing for this long has been removed")
    ] = 60.0
    ready_within: Annotated[
        float, Duration("0s", "1d", "a node that starts waits for all of its zones for so long")
    ] = 60.0
    limits: Limits = Limits()


class ZoneFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[[zone]]``: one zone that is not just a file in the directory.

    It lies elsewhere (``file``), is fetched (``primaries``), or has its own settings for transfers.
    None means the value in ``[transfers]``.
    """

    name: Annotated[str, Origin()]
    file: Annotated[Path | None, FilePath()] = None
    """None: the zone is fetched, or its file is in the directory."""
    primaries: tuple[PrimaryPeer, ...] = ()
    notify: tuple[NotifyPeer, ...] | None = None
    notify_ns: Annotated[bool | None, Flag()] = None
    allow_notify: tuple[AllowedPeer, ...] | None = None
    allow_transfer: tuple[AllowedPeer, ...] | None = None
    serial: Annotated[str | None, OneOf(SERIALS)] = None
    journal: Annotated[int | None, Size("0B", "64GiB", "it is kept on disk")] = None
    update: tuple[UpdateRight, ...] = ()
    """Who may change it (RFC 2136)."""
    catalog_group: Annotated[str | None, Text(255, "it goes into a TXT record")] = None
    """Its group in produced catalogs."""
    line: int = 0
    """Its line in the configuration file; 0 for a command-line option."""


class Http(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[http]``: the address of the HTTP server, and who may push states of members."""

    listen: Annotated[tuple[Endpoint, ...], Endpoints()] = ()
    token_file: Annotated[Path | None, FilePath()] = None


class CheckLimits(NamedTuple):
    """Checks that may be under way at once: in all, of one address, and by programs."""

    total: int
    address: int
    commands: int


class Failover(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[failover]``: the other nodes that vote on members of pools, and what checks may do."""

    peers: Annotated[tuple[Endpoint, ...], PeerUrls()] = ()
    poll: Annotated[float, Duration("50ms", "1h", "each look costs every node an answer")] = 1.0
    timeout: Annotated[
        float, Duration("10ms", "5m", "a node that has not answered in this time is not heard")
    ] = 1.0
    commands: Annotated[dict[str, tuple[str, ...]], CommandLines()] = {}
    """Commands that policies may use, by name; see :mod:`dnsd.config.commandkinds`."""

    state_files: Annotated[dict[str, str], NamedFiles()] = {}
    """State files that policies may use, by name."""

    tls_ca: Annotated[dict[str, str], NamedFiles()] = {}
    """Files of trusted certificates that policies may use, by name."""

    tls_client: Annotated[dict[str, str], NamedFiles()] = {}
    """Files of a client certificate and its key that policies may use, by name."""

    check_networks: Annotated[tuple[str, ...], Networks()] = ()
    """Networks that checks may reach; if empty, see :mod:`dnsd.checks.reach`."""

    hooks: HooksConfig = HooksConfig()
    """The receivers of changes."""

    max_checks: Annotated[
        int, Count(1, 10_000, "each holds a descriptor, and half of the process's are for checks")
    ] = 500
    """Checks under way at once: time-outs of 2 s let 250 a second fail."""

    max_checks_per_address: Annotated[
        int, Count(1, 1000, "checks must not flood a server that is failing")
    ] = 16
    max_commands: Annotated[int, Count(1, 1000, "each costs a process, or several")] = 16
    """Programs of ``commands`` that may run at once."""

    def of_checks(self) -> Failover:
        """Return the settings on which images depend: all but the hooks."""
        return msgspec.structs.replace(self, hooks=HooksConfig())

    @property
    def limits(self) -> CheckLimits:
        """How many checks may be under way at once."""
        return CheckLimits(self.max_checks, self.max_checks_per_address, self.max_commands)

    @property
    def delay(self) -> float:
        """The longest time until the votes of the others arrive, in seconds."""
        return self.poll + self.timeout


class RateLimitConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[rate_limit]``: how many equal answers over UDP one network may get."""

    per_second: Annotated[
        int, Count(0, 10_000, "0 means no limit, and more would not keep a flood away")
    ] = 200
    slip: Annotated[
        int, Count(0, 100, "a client that is limited by mistake waits for so many answers")
    ] = 2
    ipv4_prefix: Annotated[int, Count(8, 32, "it is a part of an IPv4 address")] = 24
    ipv6_prefix: Annotated[int, Count(16, 64, "clients choose what comes behind 64 bits")] = 56
    exempt: Annotated[tuple[str, ...], Networks()] = ("127.0.0.0/8", "::1/128")


class Demand(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[demand]``: a bounded sample of which caches ask for what, for choosing TTLs."""

    enabled: Annotated[bool, Flag()] = False
    window: Annotated[
        float, Duration("1h", "7d", "sources can be told from each other within it")
    ] = 86_400.0
    file: Annotated[Path | None, FilePath()] = None
    """The demand file with which ``dnsd check`` and ``dnsd rto`` compare the zones."""
    qps_budget: Annotated[
        int | None, Count(1, 1_000_000_000, "queries per second that are kept at the daily peak")
    ] = None

    def __post_init__(self) -> None:
        """Refuse a budget of nothing; ValueError is "KEY: SENTENCE"."""
        if self.qps_budget is not None and self.file is None:
            raise ValueError("qps_budget: it needs file, which says what caches look up")


class LogConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[log]``: which events are written to standard error, and how."""

    level: Annotated[LevelWord, OneOf(LEVEL_WORDS)] = "info"
    format: Annotated[Literal["text", "json"], OneOf(("text", "json"))] = "text"

    @property
    def lowest(self) -> LogLevel:
        """The lowest level that is written."""
        return LogLevel[self.level.upper()]

    @property
    def form(self) -> LogFormat:
        """How lines are written."""
        return LogFormat(self.format)


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A whole configuration."""

    server: Server = msgspec.field(default_factory=Server)
    zones: Zones = msgspec.field(default_factory=Zones)
    zone: tuple[ZoneFile, ...] = ()
    anycast: Anycast = Anycast()
    http: Http = Http()
    failover: Failover = Failover()
    rate_limit: RateLimitConfig = RateLimitConfig()
    demand: Demand = Demand()
    log: LogConfig = LogConfig()
    querylog: QuerylogConfig = QuerylogConfig()
    dnstap: DnstapConfig = DnstapConfig()
    balance: Balance = Balance()
    service: tuple[Service, ...] = ()
    key: tuple[TransferKey, ...] = ()
    transfers: TransfersConfig = TransfersConfig()
    catalog: tuple[CatalogConfig, ...] = ()
    template: tuple[TemplateConfig, ...] = ()
    path: Path | None = None
    """The file it was read from; None if it is made of defaults and options."""

    def __post_init__(self) -> None:
        """Refuse what cannot be used together; ValueError is "TABLE.KEY: SENTENCE"."""
        if self.anycast.enabled and self.anycast.heartbeat_miss <= self.server.heartbeat:
            raise ValueError(
                "anycast.heartbeat_miss: must be longer than [server] heartbeat, or every worker "
                "seems dead between two of its heartbeats"
            )
        if fault := _hook_fault(self.failover):
            raise ValueError(f"failover.hooks.command: {fault}")
        if self.failover.peers and not self.http.listen:
            raise ValueError(
                "failover.peers: the other nodes ask this one for its votes, too: it needs "
                "[http] listen"
            )
        if self.anycast.probe and not self.http.listen:
            raise ValueError(
                "anycast.probe: the other nodes read from this one whether it reaches them: it "
                "needs [http] listen"
            )


def _hook_fault(failover: Failover) -> str:
    """Return why the command of the hooks cannot be run; empty if it can, or there is none."""
    name = failover.hooks.command
    if name is None:
        return ""
    line = failover.commands.get(name)
    if line is None:
        return f"{name} is not in [failover.commands]: list it there with its program"
    if places(line) or any(f"{{{ADDRESS}}}" in text for text in line):
        return (
            f"{name} contains a placeholder, but a change has no address or parameters: it "
            f"comes on standard input, as JSON"
        )
    return ""
