"""Hands the cookie secrets (RFC 9018) of the configuration to the workers that run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnsd.config import cookie_secrets
from dnsd.errors import ConfigError
from dnsd.image import secrets
from dnsd.image.state import WorkerCells

if TYPE_CHECKING:
    from dnsd.config import Config
    from dnsd.control.publish import Publisher
    from dnsd.image.state import StateVector


class CookieSecrets:
    """The secrets that the workers of ``vector`` are to use; they start with those of ``begun``."""

    def __init__(self, begun: Config, vector: StateVector, publisher: Publisher) -> None:
        self._begun = begun
        self._place = vector.secrets
        self._publisher = publisher

    def hand_out(self, config: Config) -> tuple[str, ...]:
        """Give the workers the secrets of ``config``, if they were given others last.

        Returns sentences about why they keep the old ones.
        """
        try:
            fresh = cookie_secrets(config)
        except ConfigError as error:
            return tuple(f"{one}; the old secrets stay in use" for one in error.problems)
        given = secrets.read(self._place)
        none_yet = self._begun.server.cookie_secret_file is None and given == (0, ())
        if (given is None or given[0] == 0 or given[1] != fresh) and (fresh or not none_yet):
            secrets.write(self._place, fresh)
        return ()

    def behind(self) -> list[int]:
        """Return the workers that answer and use older secrets."""
        return self._publisher.below(WorkerCells.SECRETS, secrets.version(self._place))
