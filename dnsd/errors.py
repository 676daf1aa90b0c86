"""Every error dnsd raises on purpose.

    DnsdError
    ├── ConfigError      the configuration cannot be used (all problems at once)
    ├── ZoneError        a zone cannot be loaded (carries its findings)
    ├── VersionError     a record file is damaged, or not of a zone
    ├── CatalogError     a catalog zone is broken, and must not be processed
    ├── MisfitError      a difference does not fit the version it is to be applied to
    ├── SerialError      the serial that a zone is to have cannot be kept
    ├── WantError        a file cannot be read through no fault of its own
    ├── ImageError       an image file is damaged, foreign, or too large to build
    ├── ListenError      an address cannot be bound
    ├── StateError       the state directory cannot be used
    ├── AccountError     the node cannot run as the user that it is to run as
    ├── VipError         a VIP, or the interface that carries it, cannot be had
    ├── BirdError        BIRD cannot be reached, or refuses
    ├── BalanceError     the kernel does not forward as a director needs it
    ├── OutputError      what a command prints cannot be written
    └── AdminError       a running node refused or failed a request
        ├── ControlDown  workers answer, but control is down
        └── NotRunning   no node answers on the admin socket

Each message is one sentence for the operator: what is wrong, where, and what to do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dnsd.zone.findings import Finding


class DnsdError(Exception):
    """The root of every error dnsd raises on purpose; ``str()`` is fit to print."""


class ConfigError(DnsdError):
    """The configuration cannot be used; ``problems`` holds one sentence for each fault."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class ZoneError(DnsdError):
    """A zone cannot be loaded; ``findings`` says where and why."""

    def __init__(self, message: str, findings: Sequence[Finding] = ()) -> None:
        super().__init__(message)
        self.findings = tuple(findings)


class VersionError(DnsdError):
    """Records are no version of a zone: a record file is damaged, or its records are wrong."""


class MisfitError(DnsdError):
    """A difference does not fit the version, or the difference, that it is to come after."""


class CatalogError(DnsdError):
    """A catalog zone is broken, and must not be processed (RFC 9432 §5.1)."""


class SerialError(DnsdError):
    """The serial that a zone is to have cannot be kept, so it may not be given out."""


class WantError(DnsdError):
    """A file cannot be read because this process, or its machine, lacks something: try again."""


class ImageError(DnsdError):
    """An image file is damaged, made by another version, or a zone is too large for one.

    ``errno`` is the number of the system's error, 0 if the fault is in the file's content.
    """

    def __init__(self, message: str, errno: int = 0) -> None:
        super().__init__(message)
        self.errno = errno


class PatchError(DnsdError):
    """An image cannot be made of an earlier one: it is built from all records then."""


class ListenError(DnsdError):
    """An address cannot be bound."""


class StateError(DnsdError):
    """The state directory cannot be used; ``errno`` as in :class:`ImageError`."""

    def __init__(self, message: str, errno: int = 0) -> None:
        super().__init__(message)
        self.errno = errno


class AccountError(DnsdError):
    """The node cannot run as the user that it is to run as."""


class VipError(DnsdError):
    """A VIP, or the interface that carries it, cannot be had."""


class BalanceError(DnsdError):
    """The kernel cannot, or does not, forward as a director needs it."""


class BirdError(DnsdError):
    """BIRD cannot be reached, is silent, or refuses."""


class OutputError(DnsdError):
    """What a command prints cannot be written; a reader that has gone is none."""


class AdminError(DnsdError):
    """A running node refused or failed a request."""


class ControlDown(AdminError):
    """The workers of a node answer, and control, which takes commands, is down.

    ``status`` is what the master knows, as ``dnsd status`` shows it.
    """

    def __init__(self, message: str, status: dict[str, Any]) -> None:
        super().__init__(message)
        self.status = status


class NotRunning(AdminError):
    """No node answers on the admin socket."""
