"""What the keys about zones and their transfers mean: a text each."""

from __future__ import annotations

from dnsd.config.catalogs import CatalogConfig, TemplateConfig
from dnsd.config.model import ZoneFile
from dnsd.config.transfers import (
    AllowedPeer,
    NotifyPeer,
    PrimaryPeer,
    TransferKey,
    TransfersConfig,
    UpdateRight,
)

TABLES: dict[type, str] = {
    ZoneFile: "A zone that lies elsewhere, is fetched, may be updated, or has its own transfers.",
    TransferKey: "A secret shared with other servers (TSIG, RFC 8945).",
    TransfersConfig: "Transfers of all zones whose `[[zone]]` says nothing else, and limits.",
    CatalogConfig: "A catalog zone (RFC 9432) that brings zones, or that this node produces.",
    TemplateConfig: "What holds for zones that catalogs bring.",
    PrimaryPeer: "A server from which the zone is fetched. The first one that answers is taken.",
    NotifyPeer: "A server that is told of new versions (NOTIFY, RFC 1996).",
    AllowedPeer: "A client that may do it. With a network and a key it needs both.",
    UpdateRight: "Who may change what of a zone (RFC 2136). Without `types`: all but SOA and NS.",
}

_SERIAL = (
    'How serials of zone files grow: "file" keeps the file\'s; "increment" adds one with each '
    'change; "unixtime" and "dateserial" (YYYYMMDDnn) follow the clock. Signed zones keep theirs.'
)
_JOURNAL = "How much of a zone's history is kept on disk for IXFR. 0B: none."
_NOTIFY_NS = "Whether the servers in the zone's NS records are notified, too (not the SOA's)."

KEYS: dict[type, dict[str, str]] = {
    ZoneFile: {
        "name": "The name of the zone.",
        "file": "Its zone file. Without it: NAME.zone in `[zones] directory`, or `primaries`.",
        "notify_ns": _NOTIFY_NS,
        "serial": _SERIAL,
        "journal": _JOURNAL,
        "catalog_group": "The zone's group in catalogs that this node produces.",
    },
    TransferKey: {
        "name": "The name of the key, the same on both servers.",
        "algorithm": "The algorithm.",
        "secret_file": "A file with the secret in base64, on one line.",
    },
    PrimaryPeer: {
        "address": "The server's address.",
        "port": "Its port. Without it: 53, or 853 with TLS.",
        "key": "The name of a `[[key]]` that signs.",
        "tls": "Whether the zone is fetched over TLS (RFC 9103).",
        "tls_name": "The name that the server's certificate must have.",
        "tls_ca": "A file of certificates to trust instead of the system's.",
        "source": "The address that dnsd asks from.",
    },
    NotifyPeer: {
        "address": "The server's address.",
        "port": "Its port.",
        "key": "The name of a `[[key]]` that signs.",
        "source": "The address that the message is sent from.",
    },
    AllowedPeer: {
        "network": "Networks that the client must be in.",
        "key": "The name of a `[[key]]` that the client must sign with.",
    },
    UpdateRight: {
        "key": "The name of the `[[key]]` that signs updates.",
        "names": 'Names that may be changed; "@" is the apex.',
        "below": "Names that may be changed with all that is below them.",
        "types": "Types that may be changed.",
    },
    TransfersConfig: {
        "notify_ns": _NOTIFY_NS,
        "serial": _SERIAL,
        "journal": _JOURNAL,
        "tls_listen": "Where transfers over TLS are given out.",
        "tls_certificate": "A PEM file with the certificate and its private key.",
        "requests_per_second": "What one source may ask for: an IPv4 address, or an IPv6 /64.",
        "outgoing": "Transfers to others at once.",
        "outgoing_per_source": "Transfers to one source at once.",
        "outgoing_stall": "A client that reads nothing for this time is cut off.",
        "outgoing_time": "A client that is not done after this time is cut off.",
        "incoming": "Transfers from primaries at once.",
        "incoming_size": "The largest transfer from a primary.",
        "incoming_stall": "A primary that sends nothing for this time is left.",
        "incoming_time": "A primary that is not done after this time is left.",
    },
    CatalogConfig: {
        "name": "The name of the catalog zone.",
        "template": "The `[[template]]` of members without a group of `groups`.",
        "groups": 'The templates of groups: `{ group = "template" }`.',
        "vanish": "If more than this share of the catalog's zones would go at once, they are kept.",
        "produce": "Whether this node makes the catalog of its own zones.",
        "group": "The group of members in a produced catalog.",
        "exclude": "Zones that a produced catalog leaves out.",
        "notify_ns": _NOTIFY_NS,
        "serial": _SERIAL,
        "journal": _JOURNAL,
    },
    TemplateConfig: {
        "name": "The name by which a catalog refers to it.",
        "directory": "Each zone is a file NAME.zone here, unless it has `primaries`.",
        "notify_ns": _NOTIFY_NS,
        "serial": _SERIAL,
        "journal": _JOURNAL,
    },
}
