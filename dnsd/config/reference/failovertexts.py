"""What the keys about failover mean, in the configuration and in policies: a text each."""

from __future__ import annotations

from dnsd.config.hookkinds import HooksConfig
from dnsd.config.model import Failover
from dnsd.config.policy import AliasRule, PoolPolicy, Rules, Signing

TABLES: dict[type, str] = {
    Failover: "The other nodes that vote on members, and what checks of policies may do.",
    HooksConfig: "Who is told of each change of a member, an answer, an order, or the route.",
    Signing: "For a signed zone: the keys that sign answers which the zone file does not have.",
    Rules: "What holds for every pool of this zone that says nothing else. Each key may stand in "
    "a `[[pool]]`, too.",
    PoolPolicy: "An RRset whose members are checked, besides the keys of `[defaults]`.",
    AliasRule: "A name whose A and AAAA records follow the addresses of another name.",
}

KEYS: dict[type, dict[str, str]] = {
    Failover: {
        "peers": "The other nodes, each by its `[http] listen`, for pools with a quorum.",
        "poll": "How often they are asked for their votes.",
        "timeout": "How long a node may take to answer.",
        "commands": "Programs that policies may choose by name: the path and the arguments. "
        "`{address}` is the member's address, other `{name}` are parameters of the policy.",
        "state_files": "State files that policies may choose by name.",
        "tls_ca": "Files of trusted certificates that policies may choose by name.",
        "tls_client": "Files of a client certificate and its key, by name.",
        "check_networks": "The only networks that checks may reach. Without it: all but "
        "link-local and multicast addresses.",
        "max_checks": "Checks that may be under way at once.",
        "max_checks_per_address": "Checks of one address that may be under way at once.",
        "max_commands": "Programs that may run at once.",
    },
    HooksConfig: {
        "url": "It gets each change by POST, as JSON.",
        "secret_file": "A file with a secret of at least 16 octets, which signs requests.",
        "command": "One of `[failover.commands]`. It gets each change on standard input.",
        "timeout": "A change that is not accepted in this time is sent again.",
    },
    Signing: {
        "keys": "Pairs of key files, named without .key and .private, one for each algorithm of "
        "the zone's DNSKEY records.",
    },
    Rules: {
        "check": 'How a member is checked. "none": only orders change it.',
        "port": 'The port. Without it: 80 for "http", 443 for "https" and "tls", 53 for "dns"; '
        '"tcp" and "grpc" need it.',
        "path": '"http", "https": the path to ask for.',
        "host": "The Host field, or gRPC's authority. Without it: the pool's name. `{member}` is "
        "the name of a CNAME's target.",
        "sni": "The name in the TLS handshake. Without it: the host.",
        "expect_status": 'Status codes, or ranges such as "200-299", of which one must come back.',
        "expect_body": "A regular expression (RE2) that must match in the first 64 KiB.",
        "tls_verify": "Whether the certificate must be valid for the name.",
        "tls_expiry": "For how long it must be valid still.",
        "tls_ca": "One of `[failover.tls_ca]`. Without it: the system's authorities.",
        "tls_client": "One of `[failover.tls_client]`, to show to the server.",
        "grpc_service": 'The service whose health is asked for; "": the whole server.',
        "query": '"dns": the name to ask for.',
        "query_type": '"dns": the type to ask for. Any NOERROR will do.',
        "command": 'One of `[failover.commands]`, for "command".',
        "parameters": "Values for the placeholders of the command.",
        "state_file": 'One of `[failover.state_files]`, for "file".',
        "believed": "How long a state in a file counts after it was written.",
        "of": '"calculated": what must be up, such as "db A" or "db A 192.0.2.1".',
        "need": 'How many of `checks` or `of` must be good: "all", "any", a number, or "2 of 3".',
        "source": "The address that checks come from.",
        "checks": "Several checks of each member instead of `check`: at most 8 tables.",
        "interval": "How often a member is checked.",
        "timeout": "How long a check may take.",
        "fast_interval": "How often it is checked after a failure.",
        "down": "So many failures take a member out.",
        "up": "So many successes in a row bring it back.",
        "type": "The type of the records.",
        "ok": "So many successes in a row clear earlier failures, and double a short TTL.",
        "ttl_min": "The shortest TTL, in seconds: when a change may be near, and after one.",
        "failback": 'When a recovered member comes back: "auto", "hold:5m", or "manual".',
        "scope": 'Who decides: this node ("local"), or a majority of nodes ("quorum:2/3").',
        "all_down": "What is answered when too few are up in every tier.",
        "fallback": 'The addresses for `all_down = "fallback"`.',
        "min_up": "How many members of a tier must be up: a number, or a fraction such as 0.5.",
        "tiers": "Lists of members in the order in which they are tried. Members that none names "
        "belong to the first.",
        "select": 'Which of the members that are up an answer has: "all"; "first"; "one"; '
        '"weighted" or "some:2", drawn by weight for each query; "sticky", the same one for a '
        "network.",
        "weights": "The weight of each member; 1 if not named, 0: only if nothing else is up.",
        "hints": 'Address hints in HTTPS and SVCB records that name members: "keep", or "follow" '
        "to leave them out.",
        "rto": "The longest time from a failure until the last cache has forgotten the member.",
        "rto_mode": "What happens to a policy that cannot meet `rto`.",
    },
    PoolPolicy: {
        "name": 'The owner of the RRset; "@" is the zone itself.',
        "members": 'The targets of a CNAME, absolute, the preferred one first. With "A" and '
        '"AAAA" the zone file has the members.',
        "check_addresses": "Where such a target is checked. The others are resolved.",
    },
    AliasRule: {
        "name": 'The name that follows; "@" is the zone itself.',
        "target": "The name that it follows, absolute.",
        "resolver": "Resolvers to ask. Without it: the system's.",
        "networks": "Networks that the addresses must be in. Without it: no private ones.",
        "ttl_min": "The shortest TTL, in seconds.",
        "stale": "How long the last addresses are answered while the target cannot be resolved.",
    },
}
