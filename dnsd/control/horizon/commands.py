"""The admin command of the horizon: the node's report, for whoever merges it with others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dnsd.control.horizon.ask import question_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dnsd.control.admin import Command
    from dnsd.control.horizon.ask import Horizon
    from dnsd.failover.ledger import Report


def commands(horizon: Horizon) -> dict[str, Command]:
    """Return the commands by name."""

    async def ask(request: Mapping[str, Any]) -> Report:
        target, name, rtype = (str(request.get(key) or "") for key in ("target", "name", "type"))
        return await horizon.report(question_of(target, name, rtype))

    return {"horizon": ask}
