"""From the text of a configuration to a Config, or to every problem in it at once.

Assigns a struct of :mod:`dnsd.config.model` to each table; :mod:`dnsd.config.tables` reads them.
Reads no other file than the configuration itself.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from dnsd.config import balancerules, catalogrules, transferrules
from dnsd.config.anycast import (
    Anycast,
    Bgp,
    BirdConfig,
    Neighbor,
    Probe,
    SelfCheckConfig,
    SelfCheckQuery,
)
from dnsd.config.balance import BackendConfig, Balance, Service
from dnsd.config.catalogs import CatalogConfig, TemplateConfig
from dnsd.config.hookkinds import HooksConfig
from dnsd.config.limits import Limits
from dnsd.config.model import (
    Config,
    Demand,
    Failover,
    Http,
    LogConfig,
    RateLimitConfig,
    Server,
    ZoneFile,
    Zones,
)
from dnsd.config.problems import Problem
from dnsd.config.recording import DnstapConfig, QuerylogConfig
from dnsd.config.tables import Schema, Structs, TableReader, parse, text_of
from dnsd.config.transfers import (
    AllowedPeer,
    NotifyPeer,
    PrimaryPeer,
    TransferKey,
    TransfersConfig,
    UpdateRight,
)

if TYPE_CHECKING:
    from pathlib import Path

    import msgspec

TABLES: Structs = {
    ("server",): Server,
    ("zones",): Zones,
    ("zones", "limits"): Limits,
    ("anycast",): Anycast,
    ("anycast", "check"): SelfCheckConfig,
    ("anycast", "bird"): BirdConfig,
    ("anycast", "bgp"): Bgp,
    ("http",): Http,
    ("failover",): Failover,
    ("failover", "hooks"): HooksConfig,
    ("rate_limit",): RateLimitConfig,
    ("demand",): Demand,
    ("log",): LogConfig,
    ("querylog",): QuerylogConfig,
    ("dnstap",): DnstapConfig,
    ("balance",): Balance,
    ("transfers",): TransfersConfig,
}
"""The tables that occur once, by path."""

_PEERS: dict[str, type[msgspec.Struct]] = {
    "primaries": PrimaryPeer,
    "notify": NotifyPeer,
    "allow_notify": AllowedPeer,
    "allow_transfer": AllowedPeer,
}

LISTS: Structs = {
    ("zone",): ZoneFile,
    **{("zone", name): struct for name, struct in _PEERS.items()},
    ("zone", "update"): UpdateRight,
    ("transfers", "notify"): NotifyPeer,
    ("transfers", "allow_notify"): AllowedPeer,
    ("transfers", "allow_transfer"): AllowedPeer,
    ("key",): TransferKey,
    ("catalog",): CatalogConfig,
    **{("catalog", name): struct for name, struct in _PEERS.items()},
    ("template",): TemplateConfig,
    **{("template", name): struct for name, struct in _PEERS.items()},
    ("anycast", "query"): SelfCheckQuery,
    ("anycast", "neighbor"): Neighbor,
    ("anycast", "probe"): Probe,
    ("service",): Service,
    ("service", "backend"): BackendConfig,
}
"""The tables that may occur several times, by path."""


@cache
def _schema() -> Schema:
    """Return the schema, made on first use: a process that gets its configuration needs none."""
    return Schema(TABLES, LISTS)


def read(path: Path) -> tuple[Config | None, tuple[Problem, ...]]:
    """Return the configuration in the file ``path``, or None and every problem."""
    text = text_of(path, "the configuration")
    return (None, (text,)) if isinstance(text, Problem) else read_text(text, path)


def read_text(text: str, path: Path) -> tuple[Config | None, tuple[Problem, ...]]:
    """Return the configuration in ``text``; ``path`` is for messages and relative paths."""
    data = parse(text, path)
    if isinstance(data, Problem):
        return None, (data,)
    reader = TableReader(_schema(), path, text)
    config = _config(reader, data)
    return (None if reader.problems else config), reader.sorted()


def _config(reader: TableReader, data: dict[str, Any]) -> Config | None:
    """Return the whole configuration, None after a problem."""
    reader.top(data)
    fields: dict[str, Any] = {}
    for path, struct in TABLES.items():
        if len(path) == 1:
            fields[str(path[0])] = reader.struct(struct, path, data.get(str(path[0]), {}))
    for path, struct in LISTS.items():
        if len(path) == 1:
            fields[str(path[0])] = reader.structs(struct, path, data.get(str(path[0]), []))
    if None in fields.values() or reader.problems:
        return None
    config = reader.built(Config, (), {**fields, "path": reader.path})
    if config is not None:
        for place, message in (
            *balancerules.faults(config, data),
            *transferrules.faults(config),
            *catalogrules.faults(config),
        ):
            reader.report(place, message)
    return config
