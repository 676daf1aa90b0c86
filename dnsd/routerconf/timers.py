"""How quickly both ends notice and recover, in the units that BIRD and FRR want.

The timers are short: both ends are neighbours on one link, and every second that one of them
waits after a restart is a second in which a healthy node gets no queries.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dnsd.config.anycast import Bgp

CONNECT_DELAY_S = 1
CONNECT_RETRY_S = 3
ERROR_WAIT_S = (1, 10)
"""From the first error in a row to later ones; BIRD's default, 60 to 300 s, keeps a node away
that has long recovered."""
ERROR_FORGET_S = 60


def hold_time_s(bgp: Bgp) -> int:
    """Return the seconds of silence that end a session, if BFD does not notice before."""
    return math.ceil(bgp.hold_time)


def keepalive_time_s(bgp: Bgp) -> int:
    """Return the interval of keepalive messages."""
    return hold_time_s(bgp) // 3


def bfd_interval_ms(bgp: Bgp) -> int:
    """Return the interval of BFD's packets."""
    return round(bgp.bfd_interval * 1000)
