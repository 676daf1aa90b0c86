"""Where commands reach the master itself: a name in the abstract namespace, beside control's."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def steering_name(path: Path) -> str:
    """Return the name of the socket of the master whose admin socket is at ``path``."""
    digest = hashlib.sha256(os.fsencode(path.absolute())).hexdigest()[:32]
    return f"\0dnsd-master-{digest}"
