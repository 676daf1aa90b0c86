"""What the configuration says of how a zone is built for transfers: its serial, who may have it.

Looked up for each zone at each look at all of them, so it is worked out once for a configuration.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from dnsd.config import transfers_of

if TYPE_CHECKING:
    from dnsd.config import Config


class BuildTerms(NamedTuple):
    """The policy of the serial, and whether others may have the zone."""

    serial: str = "file"
    is_given: bool = False


AS_IN_FILE = BuildTerms()
"""The terms of a zone that nothing is said of."""


class TermsOfZones:
    """The terms of each zone, by the configuration that was asked about last."""

    def __init__(self) -> None:
        self._config: Config | None = None
        self._found: dict[str, BuildTerms] = {}

    def of(self, config: Config, origin: str) -> BuildTerms:
        """Return the terms of the zone ``origin`` by ``config``."""
        if config is not self._config:
            self._config, self._found = config, {}
        if origin not in self._found:
            names = {origin, *(zone.name for zone in config.zone)} if not self._found else {origin}
            for name, said in transfers_of(config, names).items():
                self._found[name] = BuildTerms(said.serial, said.is_primary)
        return self._found[origin]
