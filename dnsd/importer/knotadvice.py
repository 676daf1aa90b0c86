"""What to do about settings of Knot that dnsd does not have, and which it does not need."""

from __future__ import annotations

FETCHED = (
    "it has no primary that can be asked: give its [[zone]] primaries with a key that dnsd uses"
)

SIGNED = (
    "dnsd does not sign zones: keep Knot as the hidden primary that signs, and fetch the signed "
    "zone (primaries), or sign the file before it is served (kzonesign, ldns-signzone)"
)

SECTIONS = {
    "policy": (True, SIGNED),
    "keystore": (True, SIGNED),
    "submission": (True, SIGNED),
    "dnskey-sync": (True, SIGNED),
    "control": (False, "the admin socket does that"),
    "log": (False, "the log goes to standard error: [log] level"),
    "database": (False, "dnsd keeps its state in [server] state_directory"),
    "statistics": (False, "dnsd stats, and /metrics"),
    "xdp": (True, "dnsd answers through the kernel's sockets"),
    "mod-stats": (False, "dnsd stats, and /metrics"),
    "mod-cookies": (True, "[server] cookie_secret_file"),
    "mod-dnstap": (True, "dnsd config reference dnstap"),
    "mod-geoip": (True, "dnsd does not answer by place: use anycast, or pools that are sticky"),
    "mod-onlinesign": (True, SIGNED),
    "mod-synthrecord": (True, "write the records with $GENERATE"),
    "mod-queryacl": (True, "keep others away with a firewall"),
    "mod-whoami": (True, "dnsd answers from zones only"),
    "mod-dnsproxy": (True, "dnsd forwards nothing"),
}

LOST = {
    "listen-xdp": "dnsd answers through the kernel's sockets",
    "listen-quic": "dnsd answers over UDP and TCP only",
    "listen-tls": "transfers: [transfers] tls_listen; queries: put a proxy before dnsd",
    "cert-file": "put key and certificate into one PEM file: [transfers] tls_certificate",
    "key-file": "put key and certificate into one PEM file: [transfers] tls_certificate",
    "module": "dnsd has no modules; rate limits and cookies are in [rate_limit] and [server]",
    "global-module": "dnsd has no modules; rate limits and cookies are in [rate_limit], [server]",
    "zone-max-ttl": "[zones.limits] longest_ttl limits all zones",
    "zone-max-size": "[transfers] incoming_size limits all zones",
    "refresh-min-interval": "edit the SOA record at the primary",
    "refresh-max-interval": "edit the SOA record at the primary",
    "expire-min-interval": "edit the SOA record at the primary",
    "serial-policy": "a zone that is fetched keeps the serial of its primary",
    "catalog-template": "it stands at the catalog",
    "dnssec-policy": SIGNED,
    "dnssec-validation": "a zone that is fetched is checked before it is served",
    "zonemd-generate": "write the ZONEMD record when the zone is signed; dnsd verifies it",
    "instant-limit": "dnsd limits answers of one kind to one network: [rate_limit] per_second",
    "rate-limit": "[rate_limit] per_second",
    "log-period": "dnsd status shows what is limited",
}

MOOT = {
    **dict.fromkeys(
        ("rundir", "pidfile", "dbus-event", "kaspdb"),
        "dnsd keeps its state in [server] state_directory",
    ),
    **dict.fromkeys(
        (
            "background-workers",
            "tcp-workers",
            "async-start",
            "udp-workers",
            "tcp-reuseport",
            "tcp-fastopen",
            "tcp-io-timeout",
            "tcp-remote-io-timeout",
            "tcp-max-workers",
            "socket-affinity",
            "remote-pool-limit",
            "remote-retry-delay",
            "max-conn-idle",
            "answer-rotation",
            "proxy-allowlist",
            "size",
            "table-size",
        ),
        "dnsd does this by itself",
    ),
    **dict.fromkeys(
        (
            "zonefile-sync",
            "zonefile-load",
            "journal-content",
            "journal-max-usage",
            "journal-max-depth",
            "ixfr-benevolent",
            "ixfr-by-one",
            "ixfr-from-axfr",
            "adjust-threads",
            "semantic-checks",
            "zonemd-verify",
            "reverse-generate",
            "comment",
            "provide-ixfr",
        ),
        "dnsd reads zone files, checks them, and keeps differences by itself",
    ),
}
