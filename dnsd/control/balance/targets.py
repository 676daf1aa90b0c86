"""What the backends of a service are checked by: one target for each address that is used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnsd.checks.targets import Target, target_of
from dnsd.config.policy import CheckPolicy, PoolPolicy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dnsd.config import Failover
    from dnsd.config.balance import BackendConfig, Service


def lanes(service: Service, backend: BackendConfig) -> tuple[str, ...]:
    """Return the addresses of ``backend`` that packets of ``service`` may go to."""
    found = (backend.of_family(vip) for vip in service.vips)
    return tuple(dict.fromkeys(address for address in found if address is not None))


def targets_of(
    service: Service, backend: BackendConfig, failover: Failover
) -> dict[str, Target | None]:
    """Return how each address of ``backend`` is checked; None: not at all (check = "none").

    ValueError, a sentence, if a check cannot be made.
    """
    pool = _as_pool(service)
    return {address: target_of(pool, address, failover) for address in lanes(service, backend)}


def faults(service: Service, failover: Failover) -> Iterator[str]:
    """Return why checks of ``service`` cannot be made, a sentence each."""
    for backend in service.backend:
        try:
            targets_of(service, backend, failover)
        except ValueError as error:
            yield f"[[service]] {service.name}: backend {backend.name}: {error}"


def _as_pool(service: Service) -> PoolPolicy:
    """Return the keys of the service's check as those of a pool, which have the same meaning."""
    keys = {name: getattr(service, name) for name in _SHARED}
    name = f"{service.host or service.name}."
    return PoolPolicy(**{**keys, "port": service.check_port}, name=name, type="A")


_SHARED = CheckPolicy.__struct_fields__
