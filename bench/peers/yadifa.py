"""YADIFA."""

from __future__ import annotations

from bench.peers.base import Peer, Setup, Start, program, version_of

CONFIG = """\
<main>
    daemon off
    chroot off
    user root
    group root
    data-path "{directory}"
    keys-path "{directory}"
    xfr-path "{directory}"
    log-path "{directory}"
    pid-file "{directory}/yadifad.pid"
    listen 127.0.0.1
    port {port}
    max-tcp-queries 255
    thread-count-by-address {workers}
    statistics off
    queries-log-type 0
    allow-query any
</main>
<rrl>
    enabled false
</rrl>
<channels>
    all "all.log" 0644
</channels>
<loggers>
    server EMERG,ALERT,CRIT,ERR all
    zone EMERG,ALERT,CRIT,ERR all
</loggers>
<zone>
    type primary
    domain "{origin}"
    file "{zone}"
    maintain-dnssec off
    no-master-updates on
</zone>
"""


def _version() -> str:
    return version_of(Start(["yadifad", "-V"]), r"yadifad? (\S+)")


def _prepare(setup: Setup) -> Start:
    config = setup.directory / "yadifad.conf"
    config.write_text(
        CONFIG.format(
            port=setup.port,
            directory=setup.directory,
            origin=setup.origin.rstrip("."),
            zone=setup.zone,
            workers=setup.workers,
        )
    )
    return Start([program("yadifad"), "-c", str(config)])


PEER = Peer("yadifa", _version, _prepare, note="thread-count-by-address 1, no RRL", reload=None)
