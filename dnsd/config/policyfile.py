"""The policy of a zone: a TOML file beside the zone file, read like the configuration.

    [signing]     the keys that answers of a signed zone are signed with
    [defaults]    what holds for every pool that says nothing else
    [[pool]]      an RRset that follows the health of what its records point to
    [[alias]]     a name whose A and AAAA records follow the addresses of another name

Knows the policy and the zone's name; what the zone has is not looked at.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from dnsd.config import locate, origins, policyrules, smallfile
from dnsd.config.policy import MOST_ALIASES, AliasRule, Policy, PoolPolicy, Rules, Signing
from dnsd.config.policykinds import PRIVATE, PUBLIC
from dnsd.config.problems import Problem
from dnsd.config.tables import Schema, Structs, TableReader, parse, text_of
from dnsd.config.zones import received_directory
from dnsd.process import descriptors

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from dnsd.config.model import Config
    from dnsd.config.references import Reference

SUFFIX = ".toml"

TABLES: Structs = {("signing",): Signing, ("defaults",): Rules}
LISTS: Structs = {("pool",): PoolPolicy, ("alias",): AliasRule}


@cache
def _schema() -> Schema:
    """Return the schema, made on first use: most zones have no policy."""
    return Schema(TABLES, LISTS)


def path_for(zone_file: Path) -> Path:
    """Return where the policy of the zone in ``zone_file`` is: NAME.toml beside NAME.zone.

    Beside a file of another name, it is that name with .toml added.
    """
    return zone_file.with_name(zone_file.name.removesuffix(origins.SUFFIX) + SUFFIX)


def place_of(config: Config, origin: str, file: Path) -> Path:
    """Return where the policy of the zone ``origin`` in ``file`` is.

    The policy of a fetched zone is in the directory of zone files, named as if its zone file were
    there: operators write it, and it does not come from the primaries.
    That of a zone that is updated is beside the file that the updates are laid over.
    """
    return Path(places_of(config, {origin: str(file)})[origin])


def places_of(config: Config, files: Mapping[str, str]) -> dict[str, str]:
    """Return where the policies of the zones with these ``files`` are; see :func:`place_of`.

    For a hundred thousand zones: it makes no system call and no Path for each.
    """
    fetched = f"{received_directory(config)}/"
    updated: dict[str, str] = {}
    if any(file.startswith(fetched) for file in files.values()):
        updated = {one.name: str(one.file) for one in reversed(config.zone) if one.file}
    directory = config.zones.directory
    found = {}
    for origin, file in files.items():
        stem = file.removesuffix(origins.SUFFIX)
        if file.startswith(fetched):
            if origin in updated:
                stem = updated[origin].removesuffix(origins.SUFFIX)
            elif directory is not None:
                stem = f"{directory}/{origin.removesuffix('.') or origins.ROOT_STEMS[0]}"
        found[origin] = stem + SUFFIX
    return found


def load_policy(path: Path, origin: str) -> tuple[Policy | None, tuple[Problem, ...]]:
    """Return the policy in the file ``path``, or every problem; neither if there is none.

    A link that leads nowhere is a problem: without its policy a zone would be answered otherwise.
    """
    if not os.path.lexists(path):
        return None, ()
    text = text_of(path, "the policy", _octets)
    return (None, (text,)) if isinstance(text, Problem) else read_policy(text, path, origin)


def _octets(path: Path) -> bytes:
    try:
        return smallfile.read(path)
    except OSError as error:
        descriptors.excuse(error, str(path))
        raise


def read_policy(text: str, path: Path, origin: str) -> tuple[Policy | None, tuple[Problem, ...]]:
    """Return the policy in ``text``, or None and every problem.

    ``path`` is for messages and relative paths, ``origin`` is the zone (absolute, lower case).
    """
    data = parse(text, path)
    if isinstance(data, Problem):
        return None, (data,)
    reader = _PolicyReader(_schema(), path, text)
    policy = reader.policy(data, origin)
    return (None if reader.problems else policy), reader.sorted()


def key_files(keys: Iterable[str]) -> list[str]:
    """Return the files that ``keys`` (see :class:`dnsd.config.policy.Signing`) are read from."""
    return [key + end for key in keys for end in (PUBLIC, PRIVATE)]


def strays(directory: Path, known: Collection[Path]) -> list[Path]:
    """Return the files in ``directory`` that look like policies, but are none of the ``known``."""
    try:
        found = sorted(path for path in directory.glob(f"*{SUFFIX}") if path not in known)
    except OSError:
        return []
    return [path for path in found if not path.name.startswith(".") and path.is_file()]


class _PolicyReader(TableReader):
    """Puts ``[defaults]`` below every pool."""

    def policy(self, data: dict[str, Any], origin: str) -> Policy:
        """Return the policy, as far as it has no problem."""
        defaults = self.fields(Rules, ("defaults",), data.get("defaults", {})) or {}
        self._complete(("defaults",), defaults, origin)
        # With a fault in [defaults] it is unknown what the pools would be.
        is_sound = not self.problems
        signing = self.fields(Signing, ("signing",), data.get("signing", {})) or {}
        self.top(data)
        taken: dict[tuple[str, str], PoolPolicy] = {}
        for place, value in self.each(("pool",), data.get("pool", [])):
            own = self._own(place, value, defaults, origin)
            if own is None or not is_sound:
                continue
            lines = self._lines(place, defaults, own)
            pool = PoolPolicy(
                **policyrules.merged(defaults, own), line=self._line(place), lines=lines
            )
            for key, message in policyrules.faults(pool, own):
                self.report((*place, key), message)
            first = taken.setdefault((pool.name, pool.type), pool)
            if first is not pool:
                message = f"{pool.name} {pool.type} has a policy already, in line {first.line}"
                self.report((*place, "name"), message)
        return Policy(
            origin=origin,
            pools=tuple(taken.values()),
            aliases=self._aliases(data.get("alias", []), origin),
            signing=Signing(**signing, line=self._line(("signing", "keys"))),
            file=str(self.path),
        )

    def _aliases(self, values: object, origin: str) -> tuple[AliasRule, ...]:
        """Return the aliases that have no problem."""
        taken: dict[str, AliasRule] = {}
        for place, value in self.each(("alias",), values):
            before = len(self.problems)
            fields = self.fields(AliasRule, place, value)
            if fields is None:
                continue
            self.require(AliasRule, place, fields)
            if fields.get("name") is not None:
                fields["name"] = self._owner(place, fields["name"], origin)
            if len(self.problems) > before:
                continue
            rule = AliasRule(**fields, line=self._line(place))
            if rule.name == rule.target:
                self.report((*place, "target"), f"{rule.name} cannot follow itself")
            first = taken.setdefault(rule.name, rule)
            if first is not rule:
                message = f"{rule.name} is an alias already, in line {first.line}"
                self.report((*place, "name"), message)
        if len(taken) > MOST_ALIASES:
            self.report(("alias",), f"{len(taken)} are too many: a zone has at most {MOST_ALIASES}")
        return tuple(taken.values())

    def _own(
        self, place: locate.KeyPath, value: object, defaults: dict[str, Any], origin: str
    ) -> dict[str, Any] | None:
        """Return what the pool at ``place`` says itself, None after a problem."""
        before = len(self.problems)
        own = self.fields(PoolPolicy, place, value)
        if own is None:
            return None
        self.require(PoolPolicy, place, defaults | own)
        if not {"check", "checks"} & (defaults | own).keys():
            self.report(place, "needs the key check")
        if own.get("name") is not None:
            own["name"] = self._owner(place, own["name"], origin)
        self._complete(place, own, origin)
        return own if len(self.problems) == before else None

    def _complete(self, place: locate.KeyPath, fields: dict[str, Any], origin: str) -> None:
        """Complete the names in ``fields`` that calculated checks refer to."""
        if fields.get("of"):
            fields["of"] = self._references((*place, "of"), fields["of"], origin)
        if fields.get("checks"):
            fields["checks"] = tuple(
                msgspec.structs.replace(
                    one, of=self._references((*place, "checks"), one.of, origin)
                )
                for one in fields["checks"]
            )

    def _references(
        self, place: locate.KeyPath, found: Iterable[Reference], origin: str
    ) -> tuple[Reference, ...]:
        completed = []
        for one in found:
            try:
                completed.append(one.completed(origin))
            except ValueError as error:
                self.report(place, str(error))
        return tuple(completed)

    def _owner(self, place: locate.KeyPath, name: str, origin: str) -> str | None:
        try:
            owner = origins.complete(name, origin)
        except ValueError as error:
            self.report((*place, "name"), str(error))
            return None
        if not origins.is_within(owner, origin):
            message = f"{owner} is not in the zone {origin}: its policy stands beside its own zone"
            self.report((*place, "name"), message)
        return owner

    def _line(self, path: locate.KeyPath) -> int:
        return locate.nearest(self.lines, path)

    def _lines(
        self, place: locate.KeyPath, defaults: Collection[str], own: Collection[str]
    ) -> dict[str, int]:
        found = {key: self._line(("defaults", key)) for key in defaults}
        return found | {key: self._line((*place, key)) for key in own}
