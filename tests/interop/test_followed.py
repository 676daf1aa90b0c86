"""A zone that is signed and changed all the time stays equal and secure behind dnsd.

For minutes: ``python -m bench transfers follow``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.conftest import needs
from tests.interop.followed import follow

if TYPE_CHECKING:
    from pathlib import Path


@needs("knotd", "unbound")
def test_a_zone_that_knot_signs_is_equal_at_each_serial_and_always_secure(tmp_path: Path) -> None:
    seen = follow(tmp_path, changes=4, every=0.2, kill_every=3)
    assert not seen.other
    assert seen.kills == 1
    assert len(set(seen.serials)) == 4
    assert seen.secure
