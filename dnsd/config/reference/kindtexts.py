"""What a user may write for each kind of value: the type, the bounds, and why they are there."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from dnsd.config import (
    balance,
    catalogs,
    checkkeys,
    commandkinds,
    hookkinds,
    kinds,
    members,
    need,
    netkinds,
    policykinds,
    references,
    transfers,
)

if TYPE_CHECKING:
    from dnsd.config.kinds import ValueKind

_TYPES: dict[type, str] = {
    balance.DevicePrefix: "name of an interface, at most 14 characters",
    balance.Ports: "list of ports",
    balance.SlotCount: "1021 or 4093",
    catalogs.GroupTemplates: "table of groups, each with a template",
    catalogs.OriginNames: "list of zones",
    checkkeys.CheckList: "list of tables, each a check",
    commandkinds.CommandLines: "table of names, each with a list: program and arguments",
    commandkinds.CommandName: "name in `[failover.commands]`",
    commandkinds.NamedFiles: "table of names, each with a path",
    commandkinds.Parameters: "table of names, each with a text or a number",
    hookkinds.HookUrl: "URL, http or https",
    kinds.AccountName: "name of a user or group",
    kinds.Endpoints: "list of ADDRESS:PORT, IPv6 addresses in brackets",
    kinds.FilePath: "path",
    kinds.FilePaths: "list of paths",
    kinds.Flag: "true or false",
    kinds.Origin: "domain name",
    kinds.Share: 'share from "0%" to "100%"',
    kinds.SocketPath: "path of at most 107 octets",
    kinds.Texts: "list of strings",
    members.CheckAddresses: "table of absolute names, each with an IP address",
    members.NameList: "list of absolute names, with a final dot",
    members.TargetName: "absolute name, with a final dot",
    need.NeedKind: '"all", "any", a number, or "2 of 3"',
    netkinds.HostAddresses: "IP address, or one for each family",
    netkinds.InterfaceName: "name of an interface, at most 15 characters",
    netkinds.IpAddress: "IP address",
    netkinds.Networks: "list of networks",
    netkinds.NodeUrl: "`http://ADDRESS:PORT`",
    netkinds.PeerUrls: "list of `http://ADDRESS:PORT`",
    netkinds.RouterId: "IPv4 address",
    netkinds.Subnets: "list of networks",
    netkinds.Symbol: "name in BIRD",
    netkinds.Symbols: "list of names in BIRD",
    netkinds.VipList: "list of IP addresses",
    policykinds.FailbackKind: '"auto", "manual", or "hold:" and a duration',
    policykinds.KeyFiles: "list of paths",
    policykinds.MemberNames: "list of IP addresses or absolute names",
    policykinds.Name: "domain name",
    policykinds.Owner: "name in the zone",
    policykinds.PoolType: '"A", "AAAA" or "CNAME"',
    policykinds.Quorum: "number of members, or a fraction below 1",
    policykinds.Regex: "regular expression (RE2)",
    policykinds.ScopeKind: '"local", or "quorum:N/M"',
    policykinds.SelectKind: '"all", "first", "one", "weighted", "sticky", or "some:N"',
    policykinds.StatusCodes: "list of status codes and ranges",
    policykinds.Tiers: "list of lists of members",
    policykinds.Ttl: "seconds, or a duration",
    policykinds.TypeName: "record type",
    policykinds.Weights: "table of members, each with a number from 0 to 1000",
    references.References: "list of pools and members",
    transfers.Algorithm: '"hmac-sha256", "hmac-sha384" or "hmac-sha512"',
    transfers.KeyName: "name of a key",
    transfers.RecordTypes: "list of record types",
}


class Written(NamedTuple):
    """What may be written, and why it is bounded (empty: no reason is needed)."""

    type: str
    why: str = ""


def written(kind: ValueKind) -> Written:
    """Return what a user may write for ``kind``; KeyError if nothing says it."""
    match kind:
        case kinds.Count(low, high, why):
            return Written(f"whole number from {low} to {high}", why)
        case kinds.Duration(low, high, why):
            return Written(f'duration from "{low}" to "{high}"', why)
        case kinds.Size(low, high, why):
            return Written(f'size from "{low}" to "{high}"', why)
        case kinds.Text(longest, why):
            return Written(f"string of at most {longest} octets", why)
        case policykinds.FreeText(longest):
            return Written(f"string of at most {longest} characters")
        case kinds.OneOf(words):
            return Written(_either([f'"{word}"' for word in words]))
        case commandkinds.ListedName(home):
            return Written(f"name in `[{home}]`")
        case policykinds.RequestToken(what):
            return Written(f"{what.removeprefix('a ')}, ASCII without blanks")
        case balance.ServiceName(longest):
            return Written(f"name of at most {longest} lower-case letters, digits and -")
    return Written(_TYPES[type(kind)])


def _either(words: list[str]) -> str:
    *others, last = words
    return f"{', '.join(others)} or {last}" if others else last
