"""The events that tell of a route's states in the log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnsd.announce.announcer import RouteState

if TYPE_CHECKING:
    from dnsd.process.events import Event

ROUTE_EVENTS: dict[RouteState, Event] = {
    RouteState.INIT: "route-init",
    RouteState.STANDBY: "route-standby",
    RouteState.ANNOUNCED: "route-announced",
    RouteState.DRAINED: "route-drained",
    RouteState.WITHDRAWN: "route-withdrawn",
    RouteState.STOPPING: "route-stopping",
    RouteState.STOPPED: "route-stopped",
}
