"""What the keys of a DNS node mean, but for anycast, failover and transfers: a text each."""

from __future__ import annotations

from dnsd.config.limits import Limits
from dnsd.config.model import Demand, Http, LogConfig, RateLimitConfig, Server, Zones

TABLES: dict[type, str] = {
    Server: "Sockets, processes, the node's identity, and what limits clients.",
    Zones: "Where the zone files are, how they are watched, and how much an edit may remove.",
    Limits: "Limits for each zone file. They are far above the needs of real zones.",
    Http: "The HTTP server for monitoring, for other nodes, and for programs that push states.",
    RateLimitConfig: "How many equal answers over UDP one network gets (response rate limiting).",
    Demand: "A bounded sample of which caches ask for what, for choosing TTLs.",
    LogConfig: "Which events go to standard error, and how they are written.",
}

KEYS: dict[type, dict[str, str]] = {
    Server: {
        "listen": "Addresses and ports for UDP and TCP. Name the addresses that clients ask.",
        "workers": "Worker processes. 0: one for each core.",
        "state_directory": "Where dnsd keeps compiled zones, orders and fetched zones. It must "
        "belong to the user that dnsd runs as, and be no symbolic link.",
        "admin_socket": "The unix socket over which commands reach the running node.",
        "user": "Started as root, dnsd becomes this user. Without it dnsd stays what it is.",
        "group": "Takes the place of the user's first group.",
        "admin_group": "The members of this group may administer the node, too. Without it only "
        "root and the user of dnsd may.",
        "nsid": "The answer to `dig +nsid` (RFC 5001). Without it no answer has one.",
        "server_id": 'The answer to `dig CH TXT id.server` (RFC 4892). "" refuses the question.',
        "version": 'The answer to `dig CH TXT version.bind`. "" refuses the question.',
        "udp_payload": "The largest response over UDP, in octets (RFC 9715).",
        "udp_receive_buffer": "How much the kernel holds for each UDP socket while a worker is "
        "busy. The kernel's own limit is net.core.rmem_max.",
        "tcp_connections": "TCP connections in all. When all are taken, the one that was idle "
        "longest is closed.",
        "tcp_per_source": "TCP connections of one source: an IPv4 address, or an IPv6 /64.",
        "tcp_idle": "A connection without a query is closed after this time.",
        "tcp_message": "A message that has begun must be complete after this time.",
        "tcp_stall": "A client that reads nothing of its answers for this time is cut off.",
        "tcp_unsent": "A client for which this much waits to be read is cut off.",
        "cookie_secret_file": "A file of DNS cookie secrets (RFC 9018), 32 hexadecimal digits on "
        "each line. The first one makes cookies, all are accepted. Without it there are no "
        "cookies.",
        "heartbeat": "How often a worker shows that it is alive.",
        "heartbeat_miss": "A worker that misses so many heartbeats is killed and replaced.",
    },
    Zones: {
        "directory": "Each file NAME.zone here is the zone NAME; @.zone or root.zone is the root. "
        "Hidden files and subdirectories are ignored.",
        "include": "Further directories from which $INCLUDE may take files.",
        "watch": "Whether a changed zone file is loaded by itself. If not, `dnsd reload` does.",
        "poll": "How often changes are found that the kernel does not report, such as those on a "
        "network file system.",
        "settle": "A changed file must not change for this time before it is loaded; ten times "
        "as long if its last line does not end.",
        "shrink": "An edit that removes more than this share of a zone's records or pools is "
        "refused, until `dnsd reload --force ZONE`.",
        "vanish": "If more than this share of all zones vanishes within ten minutes, they are "
        "kept, until `dnsd reload --force`.",
        "policy_grace": "A zone whose policy file is missing keeps its pools for this time.",
        "ready_within": "A node that starts waits so long for all zones before it is ready and "
        "announces its VIPs.",
    },
    Limits: {
        "file_octets": "Size of one file.",
        "entry_octets": "Text of one record.",
        "include_depth": "How deep $INCLUDE may be nested.",
        "include_files": "$INCLUDE lines of a zone in all.",
        "generate_steps": "Records of one $GENERATE line.",
        "generate_records": "Records of all $GENERATE lines of a zone.",
        "records": "Records of a zone.",
        "records_per_rrset": "Records of one name and type.",
        "records_per_name": "Records of one name.",
        "nsec3_iterations": "A zone with more NSEC3 iterations is refused. Above 150, negative "
        "answers prove nothing anyway (RFC 9276).",
        "findings": "Findings about one zone that are kept.",
        "longest_ttl": "The largest TTL that any of the zones has ever had, on all servers. "
        "`dnsd horizon` relies on it where a node cannot know; a larger TTL is an error.",
    },
    Http: {
        "listen": "Addresses and ports of the HTTP server. It has neither password nor TLS for "
        "reading: use loopback or a network of your own. Without it there is no server.",
        "token_file": "A file with a token of 16 characters or more. Programs that have it may "
        "push states of members (`PUT /members/NAME/TYPE/ADDRESS`).",
    },
    RateLimitConfig: {
        "per_second": "Equal answers a second, and at once, to one network. 0: no limit. TCP and "
        "clients with a valid cookie are never limited.",
        "slip": "One in so many withheld answers is sent truncated, so that a real client asks "
        "over TCP. 1: all of them; 0: none.",
        "ipv4_prefix": "Bits of an IPv4 address that make a network.",
        "ipv6_prefix": "Bits of an IPv6 address that make a network.",
        "exempt": "Networks that are never limited.",
    },
    Demand: {
        "enabled": "Whether each worker samples what caches look up (`dnsd demand`).",
        "window": "How long is counted before counting begins again.",
        "file": "A demand file, with which `dnsd check` and `dnsd rto` compare the zones. Without "
        "it, `dnsd rto` asks the running node.",
        "qps_budget": "Queries a second at the daily peak that the zones may cause. `dnsd check` "
        "reports more.",
    },
    LogConfig: {
        "level": "The lowest level that is written. `dnsd log-level` changes it at run time.",
        "format": '"text" for people, "json" for programs.',
    },
}
