"""The counters as Prometheus reads them: names, labels, help (text format 0.0.4).

Pure: values in, text out. What every metric means stands in deploy/prometheus/README.md, which a
test holds to the names here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from dnsd.metrics import counters
from dnsd.metrics.mnemonics import QTYPE_NAMES, rcode_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_HELP = {
    "queries_udp": "Queries over UDP.",
    "queries_tcp": "Queries over TCP.",
    "responses_udp": "Responses over UDP.",
    "responses_tcp": "Responses over TCP.",
    "truncated": "UDP responses that said: ask again over TCP.",
    "edns": "Queries with EDNS.",
    "dnssec_ok": "Queries that asked for DNSSEC records (DO).",
    "cookies_valid": "Queries with a server cookie of ours.",
    "drop_short": "Packets too short for a header: dropped.",
    "drop_response": "Packets that are responses: dropped.",
    "drop_send_blocked": "Responses that the kernel had no room for.",
    "drop_send_error": "Responses that the kernel refused to send for another reason.",
    "drop_send_no_route": "Responses that the kernel has no route for.",
    "drop_send_forbidden": "Responses that a firewall or a route of this machine forbids.",
    "drop_send_late": "Responses not sent: the worker was stopped or starved for too long.",
    "drop_receive_queue": "Queries the kernel dropped because a receive queue was full.",
    "odd_no_question": "Queries without a question.",
    "odd_many_questions": "Queries with several questions.",
    "odd_bad_name": "Queries whose name cannot be read.",
    "odd_records": "Queries with records where none belong.",
    "odd_opcode": "Messages with an opcode that is not served.",
    "odd_notify": "NOTIFY messages.",
    "odd_update": "UPDATE messages.",
    "odd_class": "Queries of a class that is not served.",
    "odd_transfer": "Requests for zone transfers.",
    "odd_edns": "Queries with a broken OPT record.",
    "odd_edns_version": "Queries with another version of EDNS.",
    "odd_cookie": "Queries with a broken cookie.",
    "odd_tsig_key": "Queries signed with a key that is not known (TSIG).",
    "odd_tsig_place": "Queries with TSIG where it does not belong.",
    "odd_meta_type": "Queries for a type that is not a data type.",
    "not_authoritative": "Queries for names outside all zones: refused.",
    "not_ready": "Queries for zones that could not be loaded: SERVFAIL.",
    "chaos": "Queries of class CH.",
    "internal_error": "Queries that dnsd failed on: SERVFAIL, and a fault of dnsd's.",
    "handed_over": "Packets given to the transfer process: transfers, NOTIFY, UPDATE, TSIG.",
    "handed_over_dropped": "Packets for the transfer process that were dropped: it was full.",
    "tcp_accepted": "TCP connections accepted.",
    "tcp_refused_source": "TCP connections refused: their source has too many.",
    "tcp_evicted": "TCP connections closed to make room for others.",
    "tcp_closed_idle": "TCP connections closed because they were idle.",
    "tcp_closed_slow_message": "TCP connections closed in the middle of a slow message.",
    "tcp_closed_bad_length": "TCP connections closed because of an impossible message length.",
    "tcp_reset_unread": "TCP connections reset because answers were not read.",
    "tcp_reset_late": "TCP connections reset because an answer was not delivered in time.",
    "limited": "Answers that rate limits withheld.",
    "limited_slipped": "Answers withheld in whose place a truncated one was sent.",
}
"""What each counter counts that has a metric of its own."""


class MetricFamily(NamedTuple):
    """A metric with all its samples: ``samples`` are (labels, value)."""

    name: str
    kind: str
    help: str
    samples: Sequence[tuple[Mapping[str, str], float]]


def counted(workers: Sequence[counters.Counters]) -> Iterator[MetricFamily]:
    """Yield the counters of ``workers``, each one by worker."""
    for name, text in _HELP.items():
        yield MetricFamily(f"dnsd_{name}_total", "counter", text, _by_worker(workers, {}, name))
    types = {f"qtype_{number}": name for number, name in QTYPE_NAMES.items()}
    yield MetricFamily(
        "dnsd_queries_by_type_total",
        "counter",
        "Queries by the type they ask for.",
        _labelled(workers, "type", {**types, "qtype_other": "other"}),
    )
    yield MetricFamily(
        "dnsd_responses_by_rcode_total",
        "counter",
        "Responses by their code.",
        _labelled(workers, "rcode", {f"rcode_{n}": rcode_name(n) for n in range(counters.RCODES)}),
    )
    yield MetricFamily(
        "dnsd_limited_by_kind_total",
        "counter",
        "Answers that rate limits withheld, by what they said.",
        _labelled(workers, "kind", {f"limited_{kind}": kind for kind in counters.KINDS}),
    )


def text_of(families: Iterable[MetricFamily]) -> str:
    """Return ``families`` in the text format."""
    lines: list[str] = []
    for family in families:
        lines.append(f"# HELP {family.name} {_escaped(family.help)}")
        lines.append(f"# TYPE {family.name} {family.kind}")
        lines += [
            f"{family.name}{_labels(labels)} {_number(value)}" for labels, value in family.samples
        ]
    return "".join(f"{line}\n" for line in lines)


def _labelled(
    workers: Sequence[counters.Counters], label: str, names: Mapping[str, str]
) -> list[tuple[Mapping[str, str], float]]:
    return [
        sample
        for name, value in names.items()
        for sample in _by_worker(workers, {label: value}, name)
    ]


def _by_worker(
    workers: Sequence[counters.Counters], labels: Mapping[str, str], name: str
) -> list[tuple[Mapping[str, str], float]]:
    index = counters.INDEX[name]
    return [
        ({**labels, "worker": str(number)}, cells[index]) for number, cells in enumerate(workers)
    ]


def _labels(labels: Mapping[str, str]) -> str:
    if not labels:
        return ""
    inner = ",".join(
        f'{name}="{_escaped(value).replace(chr(34), chr(92) + chr(34))}"'
        for name, value in labels.items()
    )
    return f"{{{inner}}}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")


def _number(value: float) -> str:
    return str(value) if isinstance(value, int) else repr(float(value))
