"""What operators read about a member, as the rest of a sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnsd.failover.member import Forced, Member, MemberState

if TYPE_CHECKING:
    from dnsd.config.policy import PoolPolicy


def told(member: Member, policy: PoolPolicy) -> str:
    """Return the reason about ``member``, as the rest of a sentence."""
    if order := member.order:
        reason = f" ({order.reason})" if order.reason else ""
        what = "drained" if order.forced == Forced.DRAIN else f"forced {order.forced}"
        return f"{what}{reason}; its checks say {seen_as(member, policy)}"
    if member.frozen:
        return f"{seen_as(member, policy)}, last known: {member.frozen}"
    return seen_as(member, policy)


def seen_as(member: Member, policy: PoolPolicy) -> str:
    """Return what the results say of ``member``, in words."""
    match member.state:
        case MemberState.INIT:
            count = f" ({member.n_fail} of {policy.down} failures)" if member.n_fail else ""
            return f"not checked yet{count}"
        case MemberState.UP:
            return f"up ({member.n_stable} success{'' if member.n_stable == 1 else 'es'})"
        case MemberState.SUSPECT:
            return f"suspect ({member.n_fail} of {policy.down} failures)"
        case MemberState.RECOVERING:
            return f"recovering ({member.n_ok} of {policy.up} successes)"
        case MemberState.HELD if policy.failback.kind == "manual":
            return "held until an operator lets it come back"
    return str(member.state)
