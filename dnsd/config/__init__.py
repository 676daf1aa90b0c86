"""The configuration: TOML → frozen structs, or every problem at once.

    load(path)               the Config in a file
    default()                without a file: the example zones on 127.0.0.1:5300 and [::1]:5300
    resolve(path, options)   what a command gets: a file or the defaults, and its own options
    listens_by_default(config)  whether where to listen is the default, as nothing says otherwise
    zone_files(config)       which zones there are, and where (lists the directory)
    find_zones(config)       the same, with the files of the directory that are no zones
    cookie_secrets(config)   the secrets in ``cookie_secret_file``
    tsig_secrets(config)     the secret of each ``[[key]]``
    TransferTerms(config)    the settings for each zone's transfers
    brought_zones(config)    zones that catalogs have brought, as the state directory has them
    examine(path)            as load and zone_files, but returns the problems (``dnsd check``)

All of them but ``examine`` raise ConfigError. Knows nothing of DNS but names as text.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from dnsd.config import (
    catalogbook,
    cookies,
    hookkinds,
    origins,
    paths,
    reader,
    tables,
    tsigkeys,
    zones,
)
from dnsd.config.anycast import Anycast
from dnsd.config.catalogbook import CatalogBook, CatalogMember, MemberZone
from dnsd.config.catalogs import CatalogConfig, TemplateConfig
from dnsd.config.endpoint import Endpoint
from dnsd.config.kinds import parse_endpoints
from dnsd.config.limits import Limits
from dnsd.config.model import (
    DEFAULT_LISTEN,
    CheckLimits,
    Config,
    Demand,
    Failover,
    Http,
    RateLimitConfig,
    Server,
    ZoneFile,
    Zones,
)
from dnsd.config.problems import Problem
from dnsd.config.transferrules import TransferTerms, ZoneTransfers, has_transfers
from dnsd.config.transfers import (
    AllowedPeer,
    NotifyPeer,
    PrimaryPeer,
    TransferKey,
    TransfersConfig,
    name_in_zone,
)
from dnsd.config.zones import RECEIVED, ZoneFiles, produced_file, received_file
from dnsd.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "RECEIVED",
    "AllowedPeer",
    "Anycast",
    "CatalogBook",
    "CatalogConfig",
    "CatalogMember",
    "CheckLimits",
    "Config",
    "Demand",
    "Endpoint",
    "Failover",
    "Http",
    "Limits",
    "MemberZone",
    "NotifyPeer",
    "Options",
    "PrimaryPeer",
    "Problem",
    "RateLimitConfig",
    "Server",
    "TemplateConfig",
    "TransferKey",
    "TransferTerms",
    "TransfersConfig",
    "ZoneFile",
    "ZoneFiles",
    "ZoneTransfers",
    "Zones",
    "brought_zones",
    "cookie_secrets",
    "default",
    "examine",
    "find_zones",
    "has_transfers",
    "listens_by_default",
    "load",
    "name_in_zone",
    "origin_of",
    "parse_zone_option",
    "produced_file",
    "received_file",
    "resolve",
    "secret_advice",
    "tsig_secret",
    "tsig_secrets",
    "zone_files",
]


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The options of a command, which override the file; texts as they were typed.

    Relative paths are relative to the working directory. Options can be sent as JSON, so that a
    reload applies them again to the new file.
    """

    listen: tuple[str, ...] = ()
    zones: str | None = None
    zone: tuple[str, ...] = ()
    workers: int | None = None


def load(path: Path) -> Config:
    """Return the configuration in the file ``path``."""
    config, problems = reader.read(path)
    if config is None:
        raise _error(problems)
    return config


def default() -> Config:
    """Return the configuration for a start without a file: the example zones, on loopback."""
    directory = paths.example_zones()
    if directory is None:
        raise ConfigError(["the example zones are not installed: name your own with --zones DIR"])
    return msgspec.structs.replace(_bare(), zones=Zones(directory=directory))


def resolve(path: Path | None, options: Options) -> Config:
    """Return the configuration of a command: the file's, or the default, with its options.

    ``listen``, ``zones`` and ``workers`` replace those of the file; each ``zone`` is added.
    Without a file, the zones in ``options`` replace the examples.
    """
    if path is not None:
        config = load(path)
    else:
        config = _bare() if options.zones or options.zone else default()
    problems: list[str] = []
    config = _with_zones(_with_server(config, options, problems), options, problems)
    if problems:
        raise ConfigError(problems)
    return config


def parse_zone_option(text: str) -> ZoneFile:
    """Return the zone of an option ``--zone ORIGIN=FILE``; ValueError is a sentence."""
    name, equals, file = text.partition("=")
    if not (name and equals and file):
        raise ValueError(f"{text!r} is not ORIGIN=FILE, as in example.com=zones/example.com.zone")
    return ZoneFile(name=origins.normal(name), file=Path(file))


def origin_of(file: Path) -> str:
    """Return the zone that a file ``NAME.zone`` holds; ValueError is a sentence."""
    return origins.from_file_name(file)


def listens_by_default(config: Config) -> bool:
    """Tell whether neither the file nor an option names the addresses to listen on."""
    return config.server.listen is DEFAULT_LISTEN


def zone_files(config: Config) -> dict[str, Path]:
    """Return the file of each zone by its name (absolute, lower case).

    Zones of catalogs are among them; zones of the configuration take precedence.
    """
    brought = {name: one.file for name, one in brought_zones(config).items()}
    return {**brought, **find_zones(config).files}


def brought_zones(config: Config) -> dict[str, MemberZone]:
    """Return the zones that catalogs have brought, from the state directory of ``config``."""
    if all(catalog.produce for catalog in config.catalog):
        return {}
    try:
        return catalogbook.members(config, catalogbook.read(config.server.state_directory).books)
    except ValueError as error:
        raise ConfigError([str(error)]) from error


def find_zones(config: Config) -> ZoneFiles:
    """Return the file of each zone, and the other files of the directory."""
    found = zones.find(config)
    if found.problems:
        raise _error(found.problems)
    return found


def cookie_secrets(config: Config) -> tuple[bytes, ...]:
    """Return the cookie secrets (RFC 9018); empty if there is no file."""
    secrets, problems = _cookie_secrets(config)
    if problems:
        raise _error(problems)
    return secrets


def tsig_secrets(config: Config) -> dict[str, bytes]:
    """Return the secret of each ``[[key]]`` by its name."""
    secrets, problems = _tsig_secrets(config)
    if problems:
        raise _error(problems)
    return secrets


def tsig_secret(key: TransferKey) -> bytes:
    """Return the secret of ``key``; ValueError, a sentence, if it cannot be read."""
    return tsigkeys.read(key.secret_file)


def secret_advice(config: Config) -> tuple[str, ...]:
    """Return warnings about files of secrets that other users can read or change."""
    file = config.server.cookie_secret_file
    cookie = "" if file is None else cookies.advice(file)
    return (*filter(None, (cookie,)), *tsigkeys.advice(config.key))


def examine(path: Path | None) -> tuple[Config | None, dict[str, Path], tuple[Problem, ...]]:
    """Return the configuration (the default if ``path`` is None), its zones, every problem."""
    if path is None:
        config: Config | None = default()
        problems: tuple[Problem, ...] = ()
    else:
        config, problems = reader.read(path)
    if config is None:
        return None, {}, problems
    found = zones.find(config)
    return (
        config,
        found.files,
        (
            *problems,
            *found.problems,
            *found.odd,
            *_cookie_secrets(config)[1],
            *_hook_secret(config),
            *_tsig_secrets(config)[1],
        ),
    )


def _error(problems: Sequence[Problem]) -> ConfigError:
    return ConfigError([str(problem) for problem in problems])


def _bare() -> Config:
    """Return a configuration with only default values."""
    try:
        return Config()
    except ValueError as error:
        raise ConfigError([str(error)]) from error


def _hook_secret(config: Config) -> tuple[Problem, ...]:
    file = config.failover.hooks.secret_file
    try:
        if file is not None:
            hookkinds.read_secret(file)
    except ValueError as error:
        key = "[failover.hooks] secret_file"
        return (Problem(str(config.path or ""), 0, key, str(error)),)
    return ()


def _tsig_secrets(config: Config) -> tuple[dict[str, bytes], tuple[Problem, ...]]:
    secrets: dict[str, bytes] = {}
    problems = []
    for key in config.key:
        try:
            secrets[key.name] = tsigkeys.read(key.secret_file)
        except ValueError as error:
            where = f"[[key]] {key.name} secret_file"
            problems.append(Problem(str(config.path or ""), key.line, where, str(error)))
    return secrets, tuple(problems)


def _cookie_secrets(config: Config) -> tuple[tuple[bytes, ...], tuple[Problem, ...]]:
    file = config.server.cookie_secret_file
    if file is None:
        return (), ()
    try:
        return cookies.read_secrets(file), ()
    except ValueError as error:
        key = "[server] cookie_secret_file"
        return (), (Problem(str(config.path or ""), 0, key, str(error)),)


def _with_server(config: Config, options: Options, problems: list[str]) -> Config:
    changes: dict[str, object] = {}
    if options.listen:
        try:
            changes["listen"] = parse_endpoints(list(options.listen))
        except ValueError as error:
            problems.extend(f"--listen: {fault}" for fault in str(error).splitlines())
    if options.workers is not None:
        kind = tables.kinds_of(Server)["workers"]
        try:
            changes["workers"] = kind.read(options.workers, Path())
        except ValueError as error:
            problems.append(f"--workers: {error}")
    server = msgspec.structs.replace(config.server, **changes)
    return msgspec.structs.replace(config, server=server)


def _with_zones(config: Config, options: Options, problems: list[str]) -> Config:
    listed = list(config.zone)
    for text in options.zone:
        try:
            listed.append(parse_zone_option(text))
        except ValueError as error:
            problems.append(f"--zone: {error}")
    replaced = config.zones
    if options.zones is not None:
        replaced = msgspec.structs.replace(replaced, directory=Path(options.zones))
    return msgspec.structs.replace(config, zones=replaced, zone=tuple(listed))
