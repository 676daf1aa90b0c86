"""Packets per second of each backend, from the kernel's counters. Pure: it is given the time."""

from __future__ import annotations

PERIOD_S = 5.0


class BackendRates:
    """The rate of each backend over the last period."""

    def __init__(self) -> None:
        self._due = float("-inf")
        self._last: dict[str, tuple[float, dict[str, int]]] = {}
        self._rates: dict[str, dict[str, float]] = {}
        self.totals: dict[str, dict[str, int]] = {}
        """Packets by service and backend: those of the slots that a backend has."""

    def is_due(self, now: float) -> bool:
        """Return whether it is time to count."""
        if now < self._due:
            return False
        self._due = now + PERIOD_S
        return True

    def take(self, now: float, service: str, counted: dict[str, int]) -> None:
        """Take in how many packets each backend of a service has got so far.

        A slot that has moved takes its count along: so a backend's can shrink, and its rate is
        then not known for one period.
        """
        before = self._last.get(service)
        self._last[service] = now, counted
        self.totals[service] = counted
        if before is None or now <= before[0]:
            return
        self._rates[service] = {
            name: (count - before[1].get(name, 0)) / (now - before[0])
            for name, count in counted.items()
            if count >= before[1].get(name, 0)
        }

    def of(self, service: str, backend: str) -> float | None:
        """Return the packets per second of a backend; None if they are not known."""
        return self._rates.get(service, {}).get(backend)
