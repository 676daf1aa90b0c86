"""How often caches look an RRset up, and so how often they ask with any TTL.

A demand file is JSON: for each RRset, groups of caches that are asked alike. It is written by
``python -m bench plan --summary`` from a log. Knows nothing of zones. Rates are per second, times
in seconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

import msgspec

from dnsd.errors import DnsdError
from dnsd.failover.price import Forecast, miss_rate

if TYPE_CHECKING:
    from pathlib import Path

SCHEMA = "dnsd demand 1"
_Z = 1.959964
"""The normal quantile of a two-sided 95 %."""

Kind: TypeAlias = Literal["data", "negative", "referral"]
"""What a cache holds: records, a negative answer (RFC 2308), or a delegation."""

_Positive: TypeAlias = Annotated[float, msgspec.Meta(gt=0, le=1e12)]
_Rate: TypeAlias = Annotated[float, msgspec.Meta(ge=0, le=1e12)]


class Caches(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """``count`` caches behind ``sources`` addresses, each with ``rate`` lookups a second."""

    count: _Positive
    rate: _Rate
    sources: _Positive = 1.0


class RRsetDemand(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is looked up of one RRset, which had ``ttl`` then.

    Of kind "negative" it stands for all that the zone ``name`` says not to exist. ``levels`` are
    multiples of the caches' rates: one for each part of the day, of equal length; ``peak`` is the
    multiple in the busiest one, if the largest level is a mean of several.
    """

    name: str
    type: str
    kind: Kind
    ttl: _Rate
    caches: tuple[Caches, ...]
    levels: Annotated[tuple[_Rate, ...], msgspec.Meta(min_length=1)] = (1.0,)
    peak: _Rate | None = None

    @property
    def lookups(self) -> float:
        """Lookups a second of all users, in the mean."""
        level = sum(self.levels) / len(self.levels)
        return level * sum(group.count * group.rate for group in self.caches)

    def price(self, ttl: float) -> Forecast:
        """Return the queries per second with ``ttl`` in the mean, with its interval of 95 %."""
        return self._price(ttl, self.levels)

    def at_peak(self, ttl: float) -> Forecast:
        """Return the same for the part of the day in which most is looked up."""
        return self._price(ttl, (max(self.levels) if self.peak is None else self.peak,))

    def _price(self, ttl: float, levels: tuple[float, ...]) -> Forecast:
        mean = variance = 0.0
        for group in self.caches:
            each = sum(miss_rate(group.rate * level, ttl) for level in levels) / len(levels)
            mean += group.count * each
            # What resampling the addresses would give: each counts as often as chance has it.
            variance += (group.count * each) ** 2 / group.sources
        off = _Z * variance**0.5
        return Forecast(max(0.0, mean - off), mean, mean + off)


class DemandFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A demand file; ``words`` say where its numbers come from."""

    schema: Literal["dnsd demand 1"] = "dnsd demand 1"
    words: str
    rrsets: tuple[RRsetDemand, ...]

    def of(self, name: str, rtype: str, kind: Kind = "data") -> RRsetDemand | None:
        """Return the demand for an RRset; None if it was never asked for."""
        wanted = name.lower(), rtype, kind
        return next((one for one in self.rrsets if (one.name, one.type, one.kind) == wanted), None)


class DemandError(DnsdError):
    """A demand file cannot be used."""


def read(path: Path) -> DemandFile:
    """Return the content of the demand file ``path``; DemandError if it is not one."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=DemandFile)
    except OSError as error:
        raise DemandError(f"{path} cannot be read: {error.strerror or error}") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DemandError(
            f"{path} is not a demand file: {error}; python -m bench plan --demand LOG --summary "
            f"FILE"
            " writes one"
        ) from None


def write(summary: DemandFile, path: Path) -> None:
    """Write a demand file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encoded(summary))


def encoded(summary: DemandFile) -> bytes:
    """Return the octets of a demand file."""
    return msgspec.json.format(msgspec.json.encode(summary), indent=1) + b"\n"
