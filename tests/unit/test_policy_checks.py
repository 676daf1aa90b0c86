"""Policies with several, calculated, gRPC and TLS checks: how they are read, what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from dnsd.build.policycheck import check_policy, promised
from dnsd.build.promises import Promises, timing_of
from dnsd.checks import targets
from dnsd.checks.calculated import CalculatedCheck
from dnsd.checks.command import CommandCheck
from dnsd.checks.grpc import GrpcCheck
from dnsd.checks.http import HttpCheck
from dnsd.checks.several import SeveralChecks
from dnsd.checks.stream import Tls
from dnsd.checks.tcp import TcpCheck
from dnsd.checks.tls import TlsCheck
from dnsd.config import Failover
from dnsd.config.checkkeys import MOST_CHECKS
from dnsd.config.policy import PoolPolicy
from dnsd.config.policyfile import read_policy
from dnsd.config.references import Reference
from dnsd.zone.findings import Finding, Severity
from dnsd.zone.load import load_text
from tests.certificates import Authority

FILE = Path("example.com.toml")
ORIGIN = "example.com."
ADDRESS = "192.0.2.1"
ZONE = """\
$TTL 1m
@    SOA   ns hostmaster 1 4h 1h 2w 10m
@    NS    ns.example.net.
www  A     192.0.2.1
www  A     192.0.2.2
api  A     192.0.2.1
api  A     192.0.2.2
db   A     192.0.2.9
db   A     192.0.2.10
web  AAAA  2001:db8::1
web  AAAA  2001:db8::2
"""
HEAD = '[[pool]]\nname = "www"\ntype = "A"\n'
DB = '[[pool]]\nname = "db"\ntype = "A"\ncheck = "tcp"\nport = 5432\n'


def read(text: str) -> tuple[PoolPolicy, ...]:
    policy, problems = read_policy(text, FILE, ORIGIN)
    assert problems == ()
    assert policy is not None
    return policy.pools


def problems(text: str) -> list[str]:
    _, found = read_policy(text, FILE, ORIGIN)
    return [str(one) for one in found]


def findings(text: str, failover: Failover | None = None) -> list[Finding]:
    policy, faults = read_policy(text, FILE, ORIGIN)
    assert faults == ()
    assert policy is not None
    zone = load_text(ORIGIN, ZONE.encode()).zone
    assert zone is not None
    return check_policy(policy, zone, failover).findings


def check(text: str, failover: Failover | None = None) -> object:
    """Return the check of the first pool."""
    target = targets.target_of(read(text)[0], ADDRESS, failover or Failover())
    assert target is not None
    return target.check


# -- what they become -------------------------------------------------------------------------


def test_tls() -> None:
    assert check(HEAD + 'check = "tls"') == TlsCheck(443, 2.0, Tls("www.example.com"))
    text = HEAD + 'check = "tls"\nport = 6514\nsni = "log.example.com"\ntls_expiry = "7d"\n'
    text += 'tls_verify = false\ntls_ca = "internal"\ntls_client = "checker"\nsource = "192.0.2.53"'
    files = Failover(tls_ca={"internal": "/ca.pem"}, tls_client={"checker": "/me.pem"})
    tls = Tls("log.example.com", False, 7 * 86400, "/ca.pem", "/me.pem")
    assert check(text, files) == TlsCheck(6514, 2.0, tls, "192.0.2.53")


def test_grpc() -> None:
    asked = check(HEAD + 'check = "grpc"\nport = 50051\ngrpc_service = "my.Service"')
    assert asked == GrpcCheck(50051, "www.example.com:50051", 2.0, "my.Service")
    tls = Tls("api.example.com", protocol="h2")
    asked = check(HEAD + 'check = "grpcs"\nport = 443\nhost = "api.example.com"')
    assert asked == GrpcCheck(443, "api.example.com", 2.0, tls=tls)


def test_several_have_what_the_pool_says_and_their_own() -> None:
    text = HEAD + 'host = "h.example.com"\ntimeout = "1s"\nneed = "2 of 3"\nchecks = [\n'
    text += '{ check = "http", path = "/a", expect_status = "200-204" },\n'
    text += '{ check = "tcp", port = 25, source = "192.0.2.53" },\n'
    text += '{ check = "command", command = "smtp" },\n]'
    asked = check(text, Failover(commands={"smtp": ("/bin/smtp", "{address}")}))
    assert asked == SeveralChecks(
        (
            HttpCheck(80, "/a", "h.example.com", 1.0, (200, 201, 202, 203, 204)),
            TcpCheck(25, 1.0, "192.0.2.53"),
            CommandCheck(("/bin/smtp", "{address}"), 1.0),
        ),
        2,
    )


@pytest.mark.parametrize(
    ("need", "least"), [('"all"', 2), ('"any"', 1), ("1", 1), ("2", 2), ('"1 of 2"', 1)]
)
def test_how_many_are_needed(need: str, least: int) -> None:
    checks = 'checks = [{ check = "tcp", port = 1 }, { check = "tcp", port = 2 }]'
    asked = check(f"{HEAD}need = {need}\n{checks}")
    assert isinstance(asked, SeveralChecks)
    assert asked.need == least


def test_calculated() -> None:
    text = (
        HEAD
        + 'check = "calculated"\nof = ["db A", "API.example.com. A {address}", "@ A"]\nneed = 2'
    )
    asked = check(text)
    assert isinstance(asked, CalculatedCheck)
    assert asked.need == 2
    assert asked.of == (
        Reference("db.example.com.", "A"),
        Reference("api.example.com.", "A", ADDRESS),
        Reference("example.com.", "A"),
    )


def test_one_check_is_in_place_of_several_in_defaults_and_the_other_way_round() -> None:
    several = 'checks = [{ check = "tcp", port = 1 }, { check = "tcp", port = 2 }]\nneed = "any"\n'
    (one,) = read("[defaults]\n" + several + HEAD + 'check = "http"')
    assert (one.check, one.checks, one.need.least) == ("http", (), 0)
    (one,) = read('[defaults]\ncheck = "http"\n' + HEAD + several)
    assert (one.check, len(one.checks), one.need.least) == ("", 2, 1)
    assert one.checked_by == "1 of 2 checks"


# -- what is refused --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ("checks = []", "4: [[pool]] #1 checks: needs at least one check"),
        ('checks = "tcp"', "4: [[pool]] #1 checks: must be a list of tables, such as"),
        ("checks = [{ port = 1 }]", "checks: check 1: needs the key check"),
        ('checks = [{ check = "none" }]', 'check 1: check: "none" cannot be one of several'),
        (
            'checks = [{ check = "http", pth = "/" }]',
            "checks: check 1: pth: is unknown; did you mean path?",
        ),
        ('checks = [{ check = "http", interval = "1s" }]', "check 1: interval: is unknown"),
        ('checks = [{ check = "http", port = 0 }]', "check 1: port: 0 is out of bounds"),
        ('checks = [{ check = "tcp" }]', 'check 1 (tcp): port: check = "tcp" needs the port'),
        (
            'checks = [{ check = "tcp", port = 1, path = "/" }]',
            'check 1 (tcp): path: has no effect with check = "tcp": remove it',
        ),
        (
            'check = "http"\nchecks = [{ check = "tcp", port = 1 }]',
            'checks: conflicts with check = "http": remove one of them',
        ),
        (
            'checks = [{ check = "http" }' + ', { check = "http" }' * MOST_CHECKS + "]",
            f"checks: {MOST_CHECKS + 1} checks; {MOST_CHECKS} are allowed",
        ),
        (
            'need = 2\nchecks = [{ check = "http" }]',
            "need: 2 can never be reached: there are only 1",
        ),
        ('need = "1 of 2"\nchecks = [{ check = "http" }]', "need: 1 of 2: there are 1"),
        ('need = "most"\ncheck = "http"', 'need: must be "all", "any", a number from 1, or "2 of'),
        ('need = 0\ncheck = "http"', 'need: must be "all", "any", a number from 1, or "2 of 3"'),
        ('need = "any"\ncheck = "http"', 'need: has no effect with check = "http": remove it'),
        ('path = "/x"\nchecks = [{ check = "tls" }]', 'path: has no effect with check = "tls"'),
        ('check = "calculated"', 'of: check = "calculated" needs the names or members to look at'),
        (
            'check = "calculated"\nof = ["db"]',
            "of: 'db' is not a reference: write a name",
        ),
        ('check = "calculated"\nof = ["db A x"]', "of: 'x' is neither an IP address nor"),
        ('check = "calculated"\nof = ["db A ::1"]', "::1 cannot be a member of type A"),
        ('check = "calculated"\nof = ["db.example.net. A"]', "is not in the zone example.com."),
        ('check = "calculated"\nof = ["db A"]\nneed = 2', "need: 2 can never be reached"),
        ('check = "grpc"', 'port: check = "grpc" needs the port to connect to'),
        (
            'check = "grpc"\nport = 1\ngrpc_service = "a\\nb"',
            "grpc_service: 'a\\nb' is not text of",
        ),
        ('check = "grpc"\nport = 1\ntls_ca = "x"', 'tls_ca: has no effect with check = "grpc"'),
        ('check = "tls"\ntls_ca = "/etc/ca.pem"', "tls_ca: '/etc/ca.pem' is not a valid name"),
        ('check = "https"\nexpect_body = "(?=ok)"', "'(?=ok)': look-ahead (?=…) is not supported"),
        ('check = "http"\nexpect_status = "2xx"', "'2xx' is not a range of status codes from 100"),
        ('check = "http"\nexpect_status = "300-200"', "'300-200' is not a range of status codes"),
    ],
)
def test_a_problem(keys: str, told: str) -> None:
    found = problems(HEAD + keys)
    assert len(found) == 1, found
    assert told in found[0]
    assert found[0].startswith("example.com.toml:")


def test_a_reference_must_lead_to_a_pool_and_its_member() -> None:
    def calculated(of: str) -> str:
        return HEAD + f'check = "calculated"\nof = ["{of}"]\n' + DB

    assert findings(calculated("db A")) == []
    assert findings(calculated("db A 192.0.2.9")) == []
    (found,) = findings(calculated("api A"))
    assert (found.line, found.code, found.severity) == (5, "pool-calculated", Severity.ERROR)
    assert "of: api.example.com. A has no policy: only pools have a state" in found.message
    (found,) = findings(calculated("db A 192.0.2.1"))
    told = "192.0.2.1 is not a member of db.example.com. A (192.0.2.9, 192.0.2.10)"
    assert told in found.message
    found, _ = findings(calculated("db A {address}"))
    assert "192.0.2.1 is not a member of db" in found.message


def test_what_depends_on_itself_is_refused_with_the_path() -> None:
    def depending(name: str, *of: str) -> str:
        listed = ", ".join(f'"{one} A"' for one in of)
        checks = f'checks = [{{ check = "calculated", of = [{listed}] }}, {{ check = "tls" }}]\n'
        return f'[[pool]]\nname = "{name}"\ntype = "A"\n{checks}'

    text = depending("www", "api") + depending("api", "db") + depending("db", "www", "api")
    www, api, db = findings(text)
    path = "www.example.com. A → api.example.com. A → db.example.com. A → www.example.com. A"
    assert f"checks: depends on itself: {path}: remove one" in www.message
    assert (www.line, api.line, db.line) == (4, 8, 12)
    assert "api.example.com. A → db.example.com. A → api.example.com. A" in api.message
    (found,) = findings(depending("www", "www"))
    assert "depends on itself: www.example.com. A → www.example.com. A" in found.message
    assert findings(depending("www", "api", "db") + depending("api", "db") + DB) == []


def test_a_calculated_check_has_the_time_of_what_it_looks_at() -> None:
    text = HEAD + 'check = "calculated"\nof = ["db A"]\nrto = "1m20s"\n' + DB
    (found,) = findings(text)
    assert found.code == "pool-rto"
    policy, _ = read_policy(text, FILE, ORIGIN)
    assert policy is not None
    zone = load_text(ORIGIN, ZONE.encode()).zone
    assert zone is not None
    www, db = promised(policy, zone)
    promises = Promises([www, db])
    of_db = timing_of(db.policy, Failover())
    later = of_db.detection + of_db.delays
    assert promises.worst(www) == pytest.approx(Promises([www]).worst(www) + later)
    assert findings(text.replace("1m20s", "1m30s")) == []


def test_files_of_the_configuration(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    text = HEAD + 'checks = [{ check = "http" }, { check = "tls", tls_ca = "internal" }]'
    (found,) = findings(text, Failover(tls_ca={"other": "/x"}))
    assert (found.line, found.code, found.severity) == (4, "pool-tls", Severity.ERROR)
    assert "internal is not in [failover.tls_ca] of the configuration (which has other)" in (
        found.message
    )
    (found,) = findings(text, Failover(tls_ca={"internal": str(tmp_path / "missing.pem")}))
    assert (found.severity, "cannot read " in found.message) == (Severity.WARNING, True)
    assert findings(text, Failover(tls_ca={"internal": str(authority.file)})) == []
    assert findings(text) == [], "without a configuration nothing is known of its files"


def test_a_check_that_goes_nowhere_may_be_of_any_member() -> None:
    narrow = Failover(check_networks=("192.0.2.8/29",))
    text = HEAD + 'check = "calculated"\nof = ["db A"]\n' + DB
    assert findings(text, narrow) == []
    assert targets.target_of(read(text)[0], ADDRESS, narrow)
