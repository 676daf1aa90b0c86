"""What the keys for anycast and for a director mean: a text each."""

from __future__ import annotations

from dnsd.config.anycast import (
    Anycast,
    Bgp,
    BirdConfig,
    Neighbor,
    Probe,
    SelfCheckConfig,
    SelfCheckQuery,
)
from dnsd.config.balance import BackendConfig, Balance, Service

TABLES: dict[type, str] = {
    Anycast: "The addresses (VIPs) that the node announces through BIRD while it answers well.",
    SelfCheckConfig: "How the node asks itself on every VIP, over UDP and TCP.",
    SelfCheckQuery: "A question of the self-check. Without any, it asks for the SOA of a zone.",
    Probe: "Another node. Both ask each other; a node drains when two others get no answer.",
    BirdConfig: "How BIRD is reached.",
    Bgp: "What `dnsd bird-config` needs to know of BGP.",
    Neighbor: "A BGP session from this node to a router.",
    Balance: "Settings for all services of a director (`dnsd balance`).",
    Service: "VIPs whose packets a director shares out among backends. Checks have the keys of "
    "`[defaults]` in a policy, from `check` to `up`; only the defaults below differ.",
    BackendConfig: "A machine that serves behind a director.",
}

KEYS: dict[type, dict[str, str]] = {
    Anycast: {
        "enabled": "Whether this node has VIPs. It then needs the right to make interfaces.",
        "interface": "The interface that carries the VIPs. dnsd makes it, and it ends with dnsd.",
        "vips": "The addresses to announce. dnsd listens on port 53 of each.",
        "subnets": "The networks that VIPs must be in. Nothing else is ever announced.",
        "on_unhealthy": 'What wrong answers do: "drain" makes routers prefer other nodes, '
        '"withdraw" removes the route. Silence always withdraws.',
        "heartbeat_miss": "When all workers are silent for this time, the route is withdrawn. It "
        "must be longer than `[server] heartbeat`.",
        "hold_down": "A route that was withdrawn stays away for this time. It doubles, up to 5 "
        "minutes, when it happens again soon.",
        "drain_linger": "A planned stop drains for this time before it withdraws.",
        "stop_linger": "After the withdrawal, queries on their way are answered for this time.",
        "stale_after": "When a zone could not be reloaded for this time, the node drains.",
    },
    SelfCheckConfig: {
        "interval": "How often each VIP is asked. More than 10 VIPs are asked less often.",
        "timeout": "How long an answer may take.",
        "fall": "So many failures in a row make the node unhealthy.",
        "rise": "So many successes in a row make it healthy again.",
    },
    SelfCheckQuery: {
        "name": "The name to ask for.",
        "type": "The type to ask for.",
        "expect": "The records that must come back, as in a zone file. Without it any answer of "
        "NOERROR will do.",
    },
    Probe: {
        "url": "The other node's `[http] listen`.",
        "servers": "Addresses of its own where it answers queries; no VIPs. At most 8.",
    },
    BirdConfig: {
        "ctl": "BIRD's control socket.",
        "client": "The program that talks to BIRD.",
        "protocol": "BIRD's protocol that learns the VIPs from the interface.",
        "sessions": "The BGP protocols that export the VIPs. Without it: all "
        "`[[anycast.neighbor]]`.",
        "state_file": "The file that BIRD includes, in which dnsd says whether to drain.",
        "timeout": "How long BIRD may take to answer.",
    },
    Bgp: {
        "asn": "The AS number of this node.",
        "router_id": "The router ID. Without it: the first IPv4 address of a neighbor's `local`.",
        "password_file": "A file that BIRD includes, with the password of the sessions: `define "
        'DNSD_PASSWORD = "...";`. dnsd never reads it.',
        "hold_time": "A session without BFD ends after this silence.",
        "bfd_interval": "How often BFD sends a packet.",
        "bfd_multiplier": "So many missing BFD packets end a session.",
    },
    Neighbor: {
        "name": "The name of the session in BIRD.",
        "address": "The router's address.",
        "local": "This node's address on the same link, of the same family.",
        "asn": "The router's AS number.",
        "ttl_security": "Whether packets of the session must come from the same link (RFC 5082). "
        "FRR cannot have that together with BFD.",
    },
    Balance: {
        "hash_seed": "The seed of the kernel's hash. Directors with the same seed and backends "
        "choose the same backend for each flow. Choose a number that others cannot guess.",
        "vxlan_vni": "The VNI of tunnels to backends. Backends must have the same.",
        "vxlan_port": "The UDP port of tunnels to backends.",
        "vxlan_device": "The name of the tunnels' devices; 4 or 6 is added.",
        "vxlan_mtu": "Longer packets get `too big`. Without it: what the link leaves.",
    },
    Service: {
        "name": "The name of the service; its interface is vip-NAME.",
        "vips": "The addresses whose packets are forwarded.",
        "protocol": "What is forwarded.",
        "ports": "The ports that are forwarded; none: all.",
        "min_backends": "With fewer backends up, the VIPs are withdrawn.",
        "idle": "A slot moves to another backend that is due when no packet came for this time.",
        "patience": "A slot that is always busy moves after this time, which costs its flows.",
        "slots": "Slots among which flows are shared out. More make finer shares.",
        "interval": "How often a backend is checked.",
        "timeout": "How long a check may take.",
        "fast_interval": "How often a backend is checked after a failure.",
    },
    BackendConfig: {
        "name": "The name of the backend.",
        "address": "Its address, or one for each family.",
        "weight": "Its share of the slots beside the others; 0: none.",
        "via": 'How it gets packets: on a common "link", or in a tunnel ("vxlan").',
    },
}
