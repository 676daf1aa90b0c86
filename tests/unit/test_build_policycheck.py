"""A policy against its zone: every rule, and what is allowed."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from dnsd.build.policycheck import check_file, check_policy
from dnsd.build.policypools import members_of, rrset_of
from dnsd.config import Endpoint, Failover
from dnsd.config.policyfile import read_policy
from dnsd.zone.findings import Finding, Severity
from dnsd.zone.load import load_text
from dnsd.zone.records import Zone

FILE = Path("example.com.toml")
ORIGIN = "example.com."
ZONE = """\
$TTL 5m
@        SOA   ns hostmaster 1 4h 1h 2w 10m
@        NS    ns
@        NS    ns.example.net.
ns       A     192.0.2.53
ns       A     192.0.2.54
www      A     192.0.2.10
www      A     192.0.2.9
www      A     192.0.2.1
www      AAAA  2001:db8::2
www      AAAA  2001:db8::1
one      A     192.0.2.7
quick 2  A     192.0.2.1
quick 2  A     192.0.2.2
alias    CNAME www
text     TXT   "x"
*.dev    A     192.0.2.20
*.dev    A     192.0.2.21
api.dev  TXT   "x"
a.b.ent  TXT   "x"
sub      NS    ns.sub
ns.sub   A     192.0.2.30
ns.sub   A     192.0.2.31
old      DNAME new
x.old    A     192.0.2.40
"""


def load(text: str = ZONE, origin: str = ORIGIN) -> Zone:
    zone = load_text(origin, text.encode()).zone
    assert zone is not None
    return zone


def pool(name: str, *keys: str, rtype: str = "A") -> str:
    first = ["[[pool]]", f'name = "{name}"', f'type = "{rtype}"']
    if not any(key.startswith("check ") for key in keys):
        first += ['check = "tcp"', "port = 80"]
    return "\n".join([*first, *keys, ""])


def findings(
    policy: str, zone: str = ZONE, origin: str = ORIGIN, failover: Failover | None = None
) -> list[Finding]:
    found, problems = read_policy(policy, FILE, origin)
    assert problems == ()
    assert found is not None
    return check_policy(found, load(zone, origin), failover).findings


@pytest.mark.parametrize(
    "policy",
    [
        "",
        pool("www"),
        pool("www", rtype="AAAA"),
        pool("www", "ttl_min = 300", "min_up = 3"),
        pool("www", "min_up = 0.9", 'tiers = [["192.0.2.1"], ["192.0.2.10"]]'),
        pool("www", "min_up = 2", 'tiers = [[], ["192.0.2.10"]]'),
        pool("www", 'select = "weighted"', 'weights = { "192.0.2.1" = 2 }'),
        pool("www", 'select = "some:2"', 'weights = { "192.0.2.1" = 2 }'),
        pool("www", 'select = "sticky"', 'weights = { "192.0.2.1" = 2 }'),
        pool("www", 'all_down = "fallback"', 'fallback = ["192.0.2.99"]'),
        pool("*.dev"),
        pool("one", 'all_down = "nodata"'),
        pool("www", 'check = "dns"', 'query = "x"', 'query_type = "TYPE65280"'),
        pool("www", 'check = "none"', 'query_type = "NONE"'),
    ],
)
def test_what_is_allowed(policy: str) -> None:
    assert findings(policy) == []


@pytest.mark.parametrize(
    ("policy", "line", "code", "message"),
    [
        (
            pool("x"),
            2,
            "pool-missing",
            "x.example.com. A: name: has no A records in the zone: no such name is there; "
            "add it, or delete this pool",
        ),
        (
            pool("text"),
            2,
            "pool-missing",
            "text.example.com. A: name: has no A records in the zone: add some, or "
            "delete this pool",
        ),
        (
            pool("ent", rtype="AAAA"),
            2,
            "pool-missing",
            "ent.example.com. AAAA: name: has no AAAA records in the zone: no such name is there; "
            "add it, or delete this pool",
        ),
        (
            pool("www.example.com"),
            2,
            "pool-missing",
            "www.example.com.example.com. A: name: has no A records: write a dot at the end of "
            "its name, or leave out the zone's",
        ),
        (
            pool("web.dev"),
            2,
            "pool-missing",
            "web.dev.example.com. A: name: has no A records of its own: if *.dev.example.com. is "
            "meant, give the pool that name",
        ),
        (
            pool("api.dev"),
            2,
            "pool-missing",
            "api.dev.example.com. A: name: has no A records in the zone: add some, or "
            "delete this pool",
        ),
        (
            pool("alias"),
            2,
            "pool-alias",
            "alias.example.com. A: name: is an alias of www.example.com., which has the "
            "addresses: give the pool that name, or "
            'type = "CNAME" and the names that it may lead to',
        ),
        (
            pool("ns.sub"),
            2,
            "pool-glue",
            "ns.sub.example.com. A: name: the zone delegates sub.example.com., so addresses there "
            "are only glue: put the pool into the policy of that zone",
        ),
        (
            pool("sub"),
            2,
            "pool-glue",
            "sub.example.com. A: name: the zone delegates sub.example.com., so addresses there "
            "are only glue: put the pool into the policy of that zone",
        ),
        (
            pool("x.old"),
            2,
            "pool-occluded",
            "x.old.example.com. A: name: old.example.com. has a DNAME, so what is below it is "
            "never answered: give the pool the name that it leads to",
        ),
        (
            pool("www", "min_up = 4"),
            6,
            "pool-min-up",
            "www.example.com. A: min_up: 4 can never be up: there are only 3",
        ),
        (
            pool("www", "min_up = 3", 'tiers = [[], ["192.0.2.1"]]'),
            6,
            "pool-min-up",
            "www.example.com. A: min_up: 3 can never be up: the first tier has only 2",
        ),
        (
            pool("www", 'tiers = [["192.0.2.3"], ["192.0.2.1", "192.0.2.4"]]'),
            6,
            "pool-address",
            "www.example.com. A: tiers: 192.0.2.3, 192.0.2.4 are not among its records "
            "(192.0.2.1, 192.0.2.9, 192.0.2.10)",
        ),
        (
            pool("www", 'select = "weighted"', 'weights = { "192.0.2.3" = 2 }'),
            7,
            "pool-address",
            "www.example.com. A: weights: 192.0.2.3 is not among its records "
            "(192.0.2.1, 192.0.2.9, 192.0.2.10)",
        ),
        (
            pool("www", 'all_down = "fallback"', 'fallback = ["192.0.2.99", "192.0.2.9"]'),
            7,
            "pool-address",
            "www.example.com. A: fallback: 192.0.2.9 is among its records: a fallback is what is "
            "answered instead of them",
        ),
        (
            pool("www", "ttl_min = 301"),
            6,
            "pool-ttl",
            "www.example.com. A: ttl_min: 301 is above the TTL of its records, 300, which is the "
            "longest one (<stdin>:7)",
        ),
        (
            pool("quick"),
            1,
            "pool-ttl",
            "quick.example.com. A: ttl_min: 5 is above the TTL of its records, 2, which is the "
            "longest one (<stdin>:13)",
        ),
        (
            pool("www", 'check = "dns"', 'query = "x"', 'query_type = "AX"'),
            6,
            "pool-check",
            'www.example.com. A: query_type: type "AX" is not a record type, such as A or SOA',
        ),
        (
            pool("www", 'check = "dns"', 'query = "x"', 'query_type = "AXFR"'),
            6,
            "pool-check",
            'www.example.com. A: query_type: type "AXFR" cannot be queried: name one record type',
        ),
    ],
)
def test_an_error(policy: str, line: int, code: str, message: str) -> None:
    assert findings(policy) == [Finding(str(FILE), line, Severity.ERROR, message, code)]


@pytest.mark.parametrize(
    ("policy", "code", "message"),
    [
        (pool("one"), "pool-single", 'has one record, so with all_down = "all" its answer never'),
        (
            pool("www", 'select = "some:3"'),
            "pool-select",
            'select: "some:3" is the same as "all": there are only 3 members',
        ),
        (pool("ns"), "pool-name-server", "name: is a name server of the zone: the addresses of "),
    ],
)
def test_a_warning(policy: str, code: str, message: str) -> None:
    (finding,) = findings(policy)
    assert (finding.severity, finding.code) == (Severity.WARNING, code)
    assert finding.message.partition(" A: ")[2].startswith(message)


# Of the pool www: interval 10 s + timeout 2 s + TTL 300 s + 1 s, as caches count whole
# seconds, + 260 ms until the answer has changed.
@pytest.mark.parametrize("rto", ["313260ms", "6m"])
def test_an_objective_that_is_met(rto: str) -> None:
    assert findings(pool("www", f'rto = "{rto}"')) == []


def test_an_objective_that_is_not_met() -> None:
    (finding,) = findings(pool("www", 'rto = "60s"'))
    assert (finding.line, finding.severity, finding.code) == (6, Severity.ERROR, "pool-rto")
    assert finding.message.startswith(
        "www.example.com. A: rto: the worst case is 5m13s260ms (interval 10s + timeout 2s + "
    )
    assert "over the objective of 1m: it needs a TTL of at most 46, or " in finding.message


def test_an_objective_may_be_a_wish() -> None:
    (finding,) = findings(pool("www", 'rto = "312s"', 'rto_mode = "warn"'))
    assert (finding.severity, finding.code) == (Severity.WARNING, "pool-rto")


def test_an_objective_needs_a_check() -> None:
    (finding,) = findings(pool("www", 'check = "none"', 'rto = "6m"'))
    assert (finding.line, finding.severity, finding.code) == (5, Severity.ERROR, "pool-rto")
    assert finding.message.endswith("sees no failure: give the pool a check")


@pytest.mark.parametrize(("fallbacks", "fits"), [(22, True), (23, False)])
def test_how_many_members_a_pool_may_have(fallbacks: int, fits: bool) -> None:
    records = "".join(f"many A 192.0.2.{100 + number}\n" for number in range(10))
    addresses = ", ".join(f'"198.51.100.{number}"' for number in range(fallbacks))
    policy = pool("many", 'all_down = "fallback"', f"fallback = [{addresses}]")
    found = findings(policy, ZONE + records)
    assert [one.code for one in found] == ([] if fits else ["pool-too-large"])
    if found:
        assert found[0].message == (
            "many.example.com. A: has 10 records and 23 fallback addresses; a pool may have 32 in "
            "all"
        )


def test_many_addresses_are_not_all_named() -> None:
    records = "".join(f"many A 192.0.2.{100 + number}\n" for number in range(9))
    (finding,) = findings(pool("many", 'tiers = [[], ["192.0.2.1"]]'), ZONE + records)
    assert finding.message.endswith("(192.0.2.100, 192.0.2.101, 192.0.2.102, 192.0.2.103, 5 more)")


def test_every_pool_is_checked_and_findings_are_in_order() -> None:
    found = findings(pool("x") + pool("www", "ttl_min = 301", "min_up = 4") + pool("one"))
    assert [(one.line, one.code) for one in found] == [
        (2, "pool-missing"),
        (11, "pool-ttl"),
        (12, "pool-min-up"),
        (13, "pool-single"),
    ]


def test_a_zone_below_a_dname_at_its_apex() -> None:
    (finding,) = findings(pool("www"), ZONE[: ZONE.index("sub")] + "@ DNAME example.org.\n")
    assert finding.code == "pool-occluded"


def test_the_root_zone() -> None:
    zone = "@ 300 SOA ns.example. h. 1 4h 1h 2w 10m\n@ 300 NS ns.example.\nx. 300 A 192.0.2.1\n"
    zone += "x. 300 A 192.0.2.2\n"
    assert findings(pool("x."), zone, ".") == []


def test_members_are_in_canonical_order() -> None:
    policy, _ = read_policy(pool("www") + pool("www", rtype="AAAA"), FILE, ORIGIN)
    assert policy is not None
    found = [(one, rrset_of(one, load())) for one in policy.pools]
    assert [rrset and members_of(one, rrset) for one, rrset in found] == [
        ("192.0.2.1", "192.0.2.9", "192.0.2.10"),
        ("2001:db8::1", "2001:db8::2"),
    ]


# -- several nodes ----------------------------------------------------------------------------

QUORUM = 'scope = "quorum:2/3"'


def others(number: int, **changes: float) -> Failover:
    peers = tuple(Endpoint("192.0.2.54", 9153 + at) for at in range(number))
    return msgspec.structs.replace(Failover(peers=peers), **changes)


def told(policy: str, failover: Failover | None) -> list[str]:
    found = findings(policy, failover=failover)
    assert all((one.code, one.severity) == ("pool-quorum", Severity.WARNING) for one in found)
    return [one.message.partition("A: ")[2] for one in found]


def test_nodes_that_can_agree() -> None:
    assert told(pool("www", QUORUM), others(2)) == []
    assert told(pool("www", QUORUM), None) == []
    assert told(pool("www"), others(0)) == []
    assert told("[defaults]\n" + QUORUM + "\n" + pool("www", 'check = "none"'), others(0)) == []


def test_a_quorum_without_other_nodes() -> None:
    assert told(pool("www", QUORUM), others(0)) == [
        "scope: quorum:2/3 needs 2 other nodes that vote, but [failover] names no peers, so the "
        "nodes can never agree, and no member leaves the answer or comes back"
    ]
    assert told(pool("www", QUORUM), others(1)) == [
        "scope: quorum:2/3 needs 2 other nodes that vote, but [failover] peers names 1"
    ]


def test_votes_that_are_old_when_they_come() -> None:
    assert told(pool("www", QUORUM), others(2, poll=18.0)) == [
        "interval: votes of other nodes may be 31s old and count only for 3 intervals of 10s: "
        "make the interval longer, or [failover] poll and timeout shorter"
    ]


def test_the_votes_of_others_are_part_of_the_objective() -> None:
    """They need 2 s by default; where the configuration is known, what it says."""
    plain, shared = pool("www", 'rto = "315s"'), pool("www", 'rto = "315s"', QUORUM)
    assert findings(plain) == []
    (finding,) = findings(shared)
    assert "the worst case is 5m15s260ms" in finding.message
    assert findings(shared, failover=others(2, poll=0.5, timeout=0.4)) == []


def test_commands_and_addresses_that_checks_may_not_have() -> None:
    ran = pool("www", 'check = "command"', 'command = "backend"')
    (finding,) = findings(ran, failover=Failover())
    assert (finding.line, finding.code, finding.severity) == (5, "pool-command", Severity.ERROR)
    assert "command: backend is not in [failover.commands] of the configuration:" in finding.message
    assert findings(ran, failover=Failover(commands={"backend": ("/bin/x",)})) == []
    narrow = Failover(check_networks=("192.0.2.0/29", "192.0.2.9/32"))
    (finding,) = findings(pool("www"), failover=narrow)
    assert (finding.line, finding.code) == (1, "pool-check-network")
    assert "192.0.2.10 is outside the networks in [failover] check_netw" in finding.message


def test_states_from_outside() -> None:
    read = pool("www", 'check = "file"', 'state_file = "balancer"')
    (finding,) = findings(read, failover=Failover())
    assert (finding.line, finding.code) == (5, "pool-state-file")
    assert "state_file: balancer is not in [failover.state_files]" in finding.message
    narrow = Failover(state_files={"balancer": "/x"}, check_networks=("192.0.2.9/32",))
    assert findings(read, failover=narrow) == [], "nothing is sent to the members"
    assert findings(pool("www", 'check = "pushed"'), failover=narrow) == []


# -- files ------------------------------------------------------------------------------------


def test_a_zone_without_a_policy(tmp_path: Path) -> None:
    assert check_file(ORIGIN, tmp_path / "example.com.toml", load()) == (None, [], None)


def test_problems_become_findings(tmp_path: Path) -> None:
    file = tmp_path / "example.com.toml"
    file.write_text(pool("www", "down = 0"))
    policy, found, _ = check_file(ORIGIN, tmp_path / "example.com.toml", load())
    assert policy is None
    assert [str(one) for one in found] == [
        f"{file}:6: error: [[pool]] #1 down: 0 is out of bounds: from 1 to 1000, because one "
        f"result may be chance, and higher counts take too long [policy]"
    ]


def test_a_policy_without_its_zone(tmp_path: Path) -> None:
    (tmp_path / "example.com.toml").write_text(pool("x"))
    policy, found, _ = check_file(ORIGIN, tmp_path / "example.com.toml", None)
    assert policy is not None
    assert found == []
