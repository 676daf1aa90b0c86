"""What to do about settings of NSD that dnsd does not have, and which it does not need."""

from __future__ import annotations

FETCHED = (
    "it has no primary that can be asked: give its [[zone]] primaries with a key that dnsd uses"
)

USUAL = {
    "ip-transparent": "no",
    "ip-freebind": "no",
    "do-ip4": "yes",
    "do-ip6": "yes",
    "chroot": "",
    "tcp-query-count": "0",
    "tcp-mss": "0",
    "outgoing-tcp-mss": "0",
    "size-limit-xfr": "0",
}
"""Values that say what dnsd does anyway."""

LOST = {
    "verify": "run dnsd check on zone files; a fetched zone is checked before it is served",
    "dnstap": "dnsd config reference dnstap",
    "rrl-whitelist-ratelimit": "list networks in [rate_limit] exempt, or raise per_second",
    "tls-service-key": "put key and certificate into one PEM file: [transfers] tls_listen, "
    "tls_certificate",
    "tls-service-pem": "as tls-service-key",
    "tls-service-ocsp": "dnsd staples nothing",
    "tls-port": "the port of [transfers] tls_listen; dnsd answers queries over UDP and TCP only",
    "tls-cert-bundle": "it goes into tls_ca of primaries with tls = true",
    "chroot": "systemd confines dnsd: deploy/systemd/dnsd.service",
    "ip-freebind": "announce the address by dnsd ([anycast]), or set net.ipv4.ip_nonlocal_bind",
    "ip-transparent": "as ip-freebind",
    "do-ip4": "write only the addresses of IPv6 into [server] listen",
    "do-ip6": "write only the addresses of IPv4 into [server] listen",
    "tcp-query-count": "tcp_idle and tcp_per_source limit connections",
    "tcp-mss": "set the MSS with ip route or nftables",
    "outgoing-tcp-mss": "set the MSS with ip route or nftables",
    "xfrd-tcp-max": "[transfers] incoming",
    "tls-auth-xfr-only": "dnsd does not ask clients for certificates: use a key",
}

MOOT = {
    **dict.fromkeys(
        ("database", "zonelistfile", "xfrdfile", "xfrdir", "pidfile"),
        "dnsd keeps its state in [server] state_directory",
    ),
    **dict.fromkeys(
        ("verbosity", "logfile", "log-only-syslog", "log-time-ascii", "debug-mode"),
        "the log goes to standard error: [log] level",
    ),
    **dict.fromkeys(
        (
            *("reuseport", "rrl-size", "send-buffer-size", "xfrd-reload-timeout"),
            *("tcp-reject-overflow", "xfrd-tcp-pipeline", "cpu-affinity", "xfrd-cpu-affinity"),
            *(f"server-{number}-cpu-affinity" for number in range(1, 257)),
        ),
        "dnsd does this by itself",
    ),
    "zonefiles-check": "[zones] watch",
    "zonefiles-write": "fetched zones are kept in the state directory",
    "refuse-any": "dnsd answers ANY with one RRset (RFC 8482)",
    "port": "it is part of [server] listen",
    "minimal-responses": "answers of dnsd are minimal",
    "confine-to-zone": "an answer of dnsd contains one zone and its children here",
    "round-robin": "the order of records is that of resolvers",
    "statistics": "dnsd stats, and /metrics",
    "zone-stats-file": "dnsd stats, and /metrics",
    "username": "dnsd stays the user that it is started as",
    "hide-version": "[server] version has it",
    "hide-identity": "[server] server_id has it",
    "answer-cookie": "dnsd answers cookies where it has cookie_secret_file",
    "cookie-secret-file": "there are no cookies without it",
    "drop-updates": "dnsd answers updates only in zones that allow them",
    "tls-cert-bundle": "it goes into tls_ca of primaries with tls = true",
}

ZONE_LOST = {
    "size-limit-xfr": "[transfers] incoming_size limits all zones",
    "max-refresh-time": "edit the SOA record at the primary",
    "min-refresh-time": "edit the SOA record at the primary",
    "max-retry-time": "edit the SOA record at the primary",
    "min-retry-time": "edit the SOA record at the primary",
    "min-expire-time": "edit the SOA record at the primary",
    "rrl-whitelist": "list networks in [rate_limit] exempt",
    "allow-query": "dnsd answers everyone: keep others away with a firewall",
    "verify-zone": "a zone that is fetched is checked before it is served",
    "verifier": "a zone that is fetched is checked before it is served",
    "catalog": "write a [[catalog]] with primaries and template, and a [[template]]",
    "catalog-member-pattern": "write a [[template]]",
    "catalog-producer-zone": "write a [[catalog]] with produce = true",
}

ZONE_MOOT = {
    **dict.fromkeys(
        ("store-ixfr", "create-ixfr", "ixfr-number", "ixfr-size"),
        "dnsd keeps differences: [transfers] journal",
    ),
    "zonestats": "dnsd status ZONE, and /metrics",
    "notify-retry": "dnsd repeats a NOTIFY until it is answered",
    "multi-master-check": "dnsd takes the first primary that answers",
    "multi-primary-check": "dnsd takes the first primary that answers",
    "allow-axfr-fallback": "dnsd falls back to AXFR",
    "outgoing-interface": "it is source of each peer",
}
