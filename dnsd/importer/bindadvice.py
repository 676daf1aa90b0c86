"""What to do about settings of BIND that dnsd does not have, and which it does not need."""

from __future__ import annotations

FETCHED = (
    "it has no primary that can be asked: give its [[zone]] primaries with a key that dnsd uses"
)

_SIGN = (
    "dnsd does not sign zones: keep BIND as the hidden primary that signs, and fetch the signed "
    "zone (primaries), or sign the file before it is served (dnssec-signzone, ldns-signzone)"
)
_RESOLVER = "dnsd only answers for its zones: run a resolver (unbound) at another address"
_SOA = "edit the SOA record at the primary"

TYPES = {
    "hint": "dnsd does not resolve",
    "forward": _RESOLVER,
    "stub": _RESOLVER,
    "static-stub": _RESOLVER,
    "mirror": "fetch the root zone with primaries, if it is to be served",
    "redirect": _RESOLVER,
    "delegation-only": _RESOLVER,
}

LOST = {
    "recursion": _RESOLVER,
    "allow-recursion": _RESOLVER,
    "forwarders": _RESOLVER,
    "forward": _RESOLVER,
    "allow-query": "dnsd answers everyone: keep others away with a firewall",
    "allow-query-on": "list the addresses in [server] listen",
    "blackhole": "keep them away with a firewall",
    "hostname": "[server] server_id is the answer to id.server and hostname.bind",
    "server": "write key, source and port into the peer's entry",
    "dnssec-policy": _SIGN,
    "statistics-channels": "[http] listen: a page, and /metrics for Prometheus",
    "dnstap": "dnsd config reference dnstap",
    "response-policy": _RESOLVER,
    "dlz": "write the zones as zone files, or fetch them",
    "dyndb": "write the zones as zone files, or fetch them",
    "plugin": "dnsd has no plugins",
    "http": "put a proxy such as dnsdist before dnsd",
}

MOOT = {
    **dict.fromkeys(
        (
            "pid-file",
            "session-keyfile",
            "managed-keys-directory",
            "key-directory",
            "dump-file",
            "statistics-file",
            "memstatistics-file",
            "lock-file",
            "geoip-directory",
            "bindkeys-file",
            "secroots-file",
            "recursing-file",
        ),
        "dnsd keeps its state in [server] state_directory",
    ),
    **dict.fromkeys(
        (
            "dnssec-validation",
            "dnssec-enable",
            "trust-anchors",
            "managed-keys",
            "trusted-keys",
            "empty-zones-enable",
            "max-cache-size",
            "allow-query-cache",
            "prefetch",
            "allow-recursion-on",
            "auth-nxdomain",
            "qname-minimization",
        ),
        "it is about resolving, which dnsd does not do",
    ),
    **dict.fromkeys(
        ("minimal-responses", "minimal-any", "check-names", "check-integrity", "check-mx"),
        "dnsd check says what is wrong with a zone; answers are minimal",
    ),
    **dict.fromkeys(
        (
            "ixfr-from-differences",
            "max-journal-size",
            "notify-delay",
            "serial-query-rate",
            "request-ixfr",
            "provide-ixfr",
            "tcp-listen-queue",
            "reuseport",
        ),
        "dnsd does this by itself",
    ),
    **dict.fromkeys(
        (
            *("journal", "max-ixfr-ratio", "multi-master", "try-tcp-refresh", "dialup"),
            *("check-mx-cname", "check-srv-cname", "check-sibling", "check-wildcard"),
            *("check-dup-records", "check-spf", "masterfile-style", "use-alt-transfer-source"),
        ),
        "dnsd does this by itself, or checks it always",
    ),
    "zone-statistics": "dnsd status ZONE, and /metrics",
    "logging": "the log goes to standard error: [log] level",
    "querylog": "dnsd logs no queries; dnsd demand says what is asked",
    "controls": "the admin socket does that",
    "edns-udp-size": "it is about resolving; [server] udp_payload limits answers",
}

ZONE_LOST = {
    "dnssec-policy": _SIGN,
    "auto-dnssec": _SIGN,
    "inline-signing": _SIGN,
    "allow-query": "dnsd answers everyone: keep others away with a firewall",
    "masterfile-format": "write it as text: named-compilezone -f raw -F text",
    "max-refresh-time": _SOA,
    "min-refresh-time": _SOA,
    "max-retry-time": _SOA,
    "min-retry-time": _SOA,
    "forwarders": _RESOLVER,
    "in-view": "run a node for each view",
    "max-transfer-time-in": "[transfers] incoming_time limits all zones",
    "max-records": "[zones.limits] records limits all zones",
}
