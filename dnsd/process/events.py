"""What can be logged: the name of each event, and its level.

Names are stable: alerts and scripts may match them, and deploy/events.md says what each means and
what to do. An event has one level, so a call of :func:`dnsd.process.log.say` names only the event,
and the type checker knows the names.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final, Literal, NamedTuple, TypedDict, get_args


class LogLevel(IntEnum):
    """How urgent an event is, numbered as :mod:`logging` does; NOTICE lies between its levels.

    ERROR: dnsd cannot do its work. WARNING: it may soon not be able to, or an operator should look.
    NOTICE: something has changed that clients see. INFO: normal operation.
    """

    DEBUG = 10
    INFO = 20
    NOTICE = 25
    WARNING = 30
    ERROR = 40

    @property
    def word(self) -> str:
        """The name of the level in configurations, commands and logs."""
        return self.name.lower()

    @property
    def priority(self) -> int:
        """The level's number in syslog and the journal (sd-daemon(3))."""
        return _PRIORITIES[self]


LevelWord = Literal["debug", "info", "notice", "warning", "error"]
LEVEL_WORDS: tuple[LevelWord, ...] = get_args(LevelWord)

_PRIORITIES = {
    LogLevel.DEBUG: 7,
    LogLevel.INFO: 6,
    LogLevel.NOTICE: 5,
    LogLevel.WARNING: 4,
    LogLevel.ERROR: 3,
}

DebugEvent = Literal["admin-command", "update-unsigned"]

InfoEvent = Literal[
    "backend-unknown",
    "catalog-taken",
    "member-recovering",
    "slots-inherited",
    "slots-moved",
    "transfer-done",
    "update-done",
    "zone-loaded",
    "zone-unchanged",
    "zone-unfetched",
]

NoticeEvent = Literal[
    "address-absent",
    "alias-resolved",
    "answer-changed",
    "backend-up",
    "bird-as-wanted",
    "bird-restarted",
    "checks-in-time",
    "disk-writable",
    "example-zones",
    "hook-accepts",
    "kernel-setting-changed",
    "ledger-written",
    "log-level-changed",
    "member-agreement",
    "member-checked",
    "member-drain",
    "member-held",
    "member-init",
    "member-order",
    "member-plan",
    "member-up",
    "network-limited",
    "network-unlimited",
    "handover-begun",
    "handover-done",
    "node-ready",
    "objective-met",
    "peer-heard",
    "process-restarted",
    "querylog-off",
    "querylog-on",
    "recorder-works",
    "reload-done",
    "route-announced",
    "route-init",
    "route-standby",
    "route-stopped",
    "route-stopping",
    "signatures-good",
    "transfer-refused",
    "transfer-whole",
    "update-ended",
    "zone-dropped",
    "zones-more",
    "zones-ready",
]

WarningEvent = Literal[
    "advice",
    "alias-forgotten",
    "alias-unresolved",
    "answers-wait",
    "backend-unchecked",
    "bird-fault",
    "carrier-mismatch",
    "catalog-clash",
    "catalog-state-damaged",
    "checks-late",
    "confinement-incomplete",
    "handover-failed",
    "holddown-forgotten",
    "hook-dropped",
    "hook-refused",
    "interface-repaired",
    "library-message",
    "lines-dropped",
    "member-suspect",
    "member-unchecked",
    "objective-missed",
    "peer-silent",
    "policy-removed",
    "recorder-fault",
    "reload-notice",
    "root-account",
    "route-drained",
    "route-withdrawn",
    "rules-left",
    "signatures-early",
    "signatures-end-soon",
    "slots-lost",
    "system-limit",
    "transfer-failed",
    "transfer-unarchived",
    "update-file-unusable",
    "update-refused",
    "watch-blind",
    "zone-finding",
    "zones-late",
    "zones-none",
]

ErrorEvent = Literal[
    "addresses-fault",
    "admin-socket-fault",
    "backend-down",
    "balance-fault",
    "carrier-silenced",
    "catalog-broken",
    "catalog-held",
    "catalog-state-lost",
    "certificate-unusable",
    "descriptors-exhausted",
    "disk-refuses",
    "drains-lost",
    "hook-unusable",
    "http-fault",
    "image-damaged",
    "image-unreadable",
    "interface-lost",
    "internal-error",
    "journal-unreadable",
    "ledger-distrusted",
    "ledger-unwritten",
    "member-down",
    "orders-lost",
    "process-ended",
    "process-stuck",
    "process-unstartable",
    "reload-problem",
    "signatures-ended",
    "start-failed",
    "states-lost",
    "transfer-key-unusable",
    "transfer-listen-fault",
    "zone-broken",
    "zone-expired",
    "zone-failed",
    "zone-unknown",
    "zones-unreadable",
]

Event = DebugEvent | InfoEvent | NoticeEvent | WarningEvent | ErrorEvent

LEVELS: dict[str, LogLevel] = {
    event: level
    for level, events in (
        (LogLevel.DEBUG, DebugEvent),
        (LogLevel.INFO, InfoEvent),
        (LogLevel.NOTICE, NoticeEvent),
        (LogLevel.WARNING, WarningEvent),
        (LogLevel.ERROR, ErrorEvent),
    )
    for event in get_args(events)
}


class Fields(TypedDict, total=False):
    """The fields of an event, for programs that read the log; people read the sentence.

    ``pool`` and ``alias`` are a name and a type, ``was`` and ``now`` states, ``number`` is a pid.
    """

    address: str
    alias: str
    backend: str
    child: str
    client: str
    member: str
    network: str
    node: str
    now: str
    number: int
    path: str
    pool: str
    reason: str
    records: int
    serial: int | None
    service: str
    ttl: int
    url: str
    was: str
    zone: str


FINDING: Final = "zone-finding"
"""Its sentence has no prefix, so that editors and other tools can read it: FILE:LINE: …"""


class Told(NamedTuple):
    """An event to report: to the log, or to the command that caused it."""

    event: Event
    sentence: str
    about: Fields

    def __str__(self) -> str:
        """Return it as a command prints it."""
        return self.sentence if self.event == FINDING else f"dnsd: {self.sentence}"
