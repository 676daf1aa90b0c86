"""What to do about settings of gdnsd that dnsd does not have, and which it does not need."""

from __future__ import annotations

PLUGINS = {
    "geoip": "dnsd does not answer by place: announce one address everywhere ([anycast]), or use a "
    'pool with select = "sticky"',
    "metafo": "write the addresses of all resources as one pool with tiers, in their order",
    "reflect": "dnsd answers from zones only",
    "null": "leave the name out, or write the record 0.0.0.0",
    "extmon": "the path of the helper: dnsd runs commands by itself",
}

LOST = {
    "include_optional_ns": "answers of dnsd are minimal",
    "max_response": "dnsd answers with up to 65,535 octets over TCP",
    "disable_text_autosplit": "write strings of at most 255 octets",
    "edns_client_subnet": "dnsd does not use EDNS client subnet",
    "cookie_key_file": "[server] cookie_secret_file; the secrets are another format (RFC 9018)",
    "any_mitigation": "dnsd answers ANY with one RRset (RFC 8482)",
    "acme_challenge_ttl": "allow updates of _acme-challenge: update in its [[zone]]",
}

MOOT = {
    **dict.fromkeys(
        (
            "run_dir",
            "lock_mem",
            "priority",
            "weaker_security",
            "realtime_stats",
            "threads",
            "tcp_threads",
            "tcp_fastopen",
            "tcp_proxy_pad",
            "tcp_pad",
            "udp_rcvbuf",
            "udp_sndbuf",
            "udp_recv_width",
            "tcp_clients_per_thread",
            "zones_strict_data",
            "zones_strict_startup",
            "zones_rfc1035_auto",
            "zones_rfc1035_auto_interval",
            "plugin_search_path",
            "tcp_backlog",
            "experimental_no_chain",
            "overrides_are_errors",
            "disable_cookies",
        ),
        "dnsd does this by itself",
    ),
}
