"""Reading a policy: values, defaults, and every problem at once with its place."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest

from dnsd.config import Config, Server, Zones, origins, received_file
from dnsd.config.policy import Failback, Policy, PoolPolicy, Scope, Signing
from dnsd.config.policyfile import (
    key_files,
    load_policy,
    path_for,
    place_of,
    read_policy,
    strays,
)
from dnsd.config.smallfile import MOST_OCTETS

FILE = Path("/etc/dnsd/zones/example.com.toml")
ORIGIN = "example.com."
WWW = '[[pool]]\nname = "www"\ntype = "A"\n'
"""Three lines; the check is still missing."""
TCP = WWW + 'check = "tcp"\nport = 80\n'
HTTP = WWW + 'check = "http"\n'


def problems(text: str, origin: str = ORIGIN) -> list[str]:
    found, listed = read_policy(text, FILE, origin)
    assert (found is None) == bool(listed)
    return [str(problem) for problem in listed]


def read(text: str, origin: str = ORIGIN) -> Policy:
    found, listed = read_policy(text, FILE, origin)
    assert not listed
    assert found is not None
    return found


def one(text: str, origin: str = ORIGIN) -> PoolPolicy:
    (pool,) = read(text, origin).pools
    return pool


# -- what is read -----------------------------------------------------------------------------


def test_nothing_is_a_policy() -> None:
    assert read("") == Policy(origin=ORIGIN, file=str(FILE))


def test_a_pool_with_nothing_but_what_it_needs() -> None:
    lines = {"name": 2, "type": 3, "check": 4, "port": 5}
    expected = PoolPolicy(
        name="www.example.com.", type="A", check="tcp", port=80, line=1, lines=lines
    )
    assert one(TCP) == expected


def test_values() -> None:
    pool = one(
        """
        [[pool]]
        name = "WWW"
        type = "AAAA"
        check = "https"
        port = 8443
        path = "/health?deep=1"
        host = "www.example.org"
        sni = "backend.example.org"
        expect_status = [200, 204]
        expect_body = "^ok$"
        tls_verify = false
        tls_expiry = "7d"
        source = "2001:DB8:0::53"
        interval = "5s"
        timeout = "500ms"
        fast_interval = "250ms"
        down = 2
        ok = 4
        up = 5
        ttl_min = "1m"
        failback = "hold:300s"
        all_down = "fallback"
        fallback = ["2001:db8::f"]
        scope = "quorum:2/3"
        min_up = 0.5
        tiers = [[], ["2001:db8::2"]]
        select = "weighted"
        weights = { "2001:db8:0::1" = 3, "2001:db8::2" = 0 }
        rto = "2m"
        rto_mode = "warn"
        """
    )
    assert (pool.name, pool.type, pool.check) == ("www.example.com.", "AAAA", "https")
    assert (pool.port, pool.path, pool.host) == (8443, "/health?deep=1", "www.example.org")
    assert (pool.sni, pool.tls_verify, pool.tls_expiry) == ("backend.example.org", False, 604800)
    assert (pool.expect_status, pool.expect_body) == ((200, 204), "^ok$")
    assert pool.source == "2001:db8::53"
    assert (pool.interval, pool.timeout, pool.fast_interval) == (5.0, 0.5, 0.25)
    assert (pool.down, pool.ok, pool.up, pool.ttl_min) == (2, 4, 5, 60)
    assert pool.failback == Failback("hold", 300.0)
    assert pool.scope == Scope("quorum", 2, 3)
    assert (pool.all_down, pool.fallback, pool.min_up) == ("fallback", ("2001:db8::f",), 0.5)
    assert pool.tiers == ((), ("2001:db8::2",))
    assert (pool.select, pool.weights) == ("weighted", {"2001:db8::1": 3, "2001:db8::2": 0})
    assert (pool.rto, pool.rto_mode) == (120.0, "warn")
    assert (pool.line, pool.at("name"), pool.at("rto"), pool.at("query")) == (2, 3, 30, 2)


def test_weights_may_be_a_table_below_the_pool() -> None:
    text = HTTP + 'select = "weighted"\n[pool.weights]\n"192.0.2.1" = 2\n' + TCP.replace("www", "x")
    first, second = read(text).pools
    assert first.weights == {"192.0.2.1": 2}
    assert first.at("weights") == 6
    assert second.weights == {}


def test_the_query_of_a_dns_check() -> None:
    pool = one(WWW + 'check = "dns"\nquery = "Example.NET"\nquery_type = "txt"')
    assert (pool.query, pool.query_type) == ("example.net.", "TXT")


def test_a_command_is_named_with_its_parameters() -> None:
    pool = one(
        WWW + 'check = "command"\ncommand = "backend"\nparameters = { port = 80, path = "/x" }'
    )
    assert (pool.command, pool.parameters) == ("backend", {"port": "80", "path": "/x"})


@pytest.mark.parametrize("text", ["local", "quorum:1/1", "quorum:2/2", "quorum:17/32"])
def test_scope(text: str) -> None:
    assert str(one(TCP + f'scope = "{text}"').scope) == text


def test_a_scope_for_all_is_not_for_pools_without_checks() -> None:
    found = read('[defaults]\nscope = "quorum:2/3"\n' + WWW + 'check = "none"').pools
    assert [str(pool.scope) for pool in found] == ["quorum:2/3"]


@pytest.mark.parametrize(
    ("text", "failback", "shown"),
    [
        ("auto", Failback("auto"), "auto"),
        ("manual", Failback("manual"), "manual"),
        ("hold:5m", Failback("hold", 300.0), "hold:5m"),
    ],
)
def test_failback(text: str, failback: Failback, shown: str) -> None:
    pool = one(TCP + f'failback = "{text}"')
    assert pool.failback == failback
    assert str(pool.failback) == shown


@pytest.mark.parametrize(
    ("name", "origin", "expected"),
    [
        ("@", ORIGIN, ORIGIN),
        ("WWW", ORIGIN, "www.example.com."),
        ("a.b", ORIGIN, "a.b.example.com."),
        ("Www.Example.com.", ORIGIN, "www.example.com."),
        ("example.com.", ORIGIN, ORIGIN),
        ("*.dev", ORIGIN, "*.dev.example.com."),
        (r"a\\.b", ORIGIN, r"a\.b.example.com."),
        (r"a\\.", ORIGIN, r"a\..example.com."),
        ("com.", ".", "com."),
        ("com", ".", "com."),
        ("@", ".", "."),
    ],
)
def test_names_are_as_in_zone_files(name: str, origin: str, expected: str) -> None:
    text = f'[[pool]]\nname = "{name}"\ntype = "A"\ncheck = "none"'
    assert one(text, origin).name == expected


# -- defaults ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "key", ["Kx.+013+1", "Kx.+013+1.key", "Kx.+013+1.private", "/etc/dnsd/zones/Kx.+013+1"]
)
def test_keys_are_named_without_their_ends(key: str) -> None:
    signing = read(f'[signing]\n\nkeys = ["{key}"]\n').signing
    assert signing == Signing(keys=("/etc/dnsd/zones/Kx.+013+1",), line=3)
    assert key_files(signing.keys) == [
        "/etc/dnsd/zones/Kx.+013+1.key",
        "/etc/dnsd/zones/Kx.+013+1.private",
    ]


def test_defaults_hold_for_what_a_pool_does_not_say() -> None:
    text = '[defaults]\ncheck = "tcp"\nport = 80\ndown = 5\n' + WWW + "port = 81\n"
    pool = one(text)
    assert (pool.check, pool.port, pool.down) == ("tcp", 81, 5)
    assert (pool.at("check"), pool.at("port"), pool.line) == (2, 8, 5)


def test_defaults_may_be_for_other_pools() -> None:
    text = '[defaults]\ncheck = "http"\npath = "/x"\nfallback = ["192.0.2.9"]\n' + TCP
    assert one(text).check == "tcp"


def test_problems_of_the_defaults_are_told_once_and_alone() -> None:
    text = "[defaults]\nport = 0\nintervall = 1\n" + WWW + 'check = "tcp"\n' + HTTP
    assert problems(text) == [
        f"{FILE}:2: [defaults] port: 0 is out of bounds: from 1 to 65535, because a port has 16 "
        "bits",
        f"{FILE}:3: [defaults] intervall: is unknown; did you mean interval?",
    ]


def test_what_defaults_and_a_pool_say_together_is_told_at_the_pool() -> None:
    text = '[defaults]\nsource = "192.0.2.53"\n' + TCP.replace('"A"', '"AAAA"')
    assert problems(text) == [
        f"{FILE}:3: [[pool]] #1 source: 192.0.2.53 is an IPv4 address, but the pool is of type AAAA"
    ]


# -- problems ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[[pol]]", "1: pol: is unknown; did you mean [[pool]]?"),
        ("[x]", "1: x: is unknown; the tables are [signing], [defaults], [[pool]]"),
        ("[pool]", "1: pool: must be a list of tables: write [[pool]] before each of them"),
        ("[[defaults]]", "1: defaults: must be a table: write [defaults] and its keys below it"),
        ('[defaults]\nname = "x"', "2: [defaults] name: is unknown here; it belongs in [[pool]]"),
        ("x = = 1", "1: is not TOML: invalid value"),
        (WWW, "1: [[pool]] #1: needs the key check"),
        (TCP.replace('type = "A"', ""), "1: [[pool]] #1: needs the key type"),
        (TCP + "intervall = 1", "6: [[pool]] #1 intervall: is unknown; did you mean interval?"),
        (TCP + "line = 3", "6: [[pool]] #1 line: is unknown; "),
        (
            TCP.replace('"A"', '"MX"'),
            '3: [[pool]] #1 type: must be "A" or "AAAA" or "CNAME", not \'MX\'',
        ),
        (TCP.replace("tcp", "ping"), '4: [[pool]] #1 check: must be "tcp" or "tls" or "http" or '),
        (TCP.replace('"www"', "3"), "2: [[pool]] #1 name: must be a name in a string, not a "),
        (TCP.replace("www", "a..b"), "2: [[pool]] #1 name: 'a..b' has an empty label: two dots"),
        (TCP.replace("www", "x" * 64), f"2: [[pool]] #1 name: {'x' * 64!r} has a label of 64 "),
        (
            TCP.replace("www", ".".join(["x" * 60] * 4)),
            "2: [[pool]] #1 name: '" + ".".join(["x" * 60] * 4) + ".example.com.' has 257 octets",
        ),
        (
            TCP.replace("www", "www.example.org."),
            "2: [[pool]] #1 name: www.example.org. is not in the zone example.com.: its policy "
            "stands beside its own zone",
        ),
        (
            TCP.replace("www", r"a\\.example.com."),
            r"2: [[pool]] #1 name: a\.example.com. is not in the zone example.com.: ",
        ),
        ("[signing]\nkey = []", "2: [signing] key: is unknown; did you mean keys?"),
        ("[signing]\nkeys = 3", "2: [signing] keys: must be a list of the keys' files in strings"),
        (
            '[signing]\nkeys = [".key"]',
            "2: [signing] keys: '.key' is not a key: its file is named K",
        ),
        (
            '[signing]\nkeys = ["K.key", "K.private"]',
            "2: [signing] keys: '/etc/dnsd/zones/K' is listed twice",
        ),
        (TCP + TCP, "7: [[pool]] #2 name: www.example.com. A has a policy already, in line 1"),
        # values
        (TCP + "ttl_min = -1", "6: [[pool]] #1 ttl_min: -1 is out of bounds: a TTL is from 0 to "),
        (TCP + "ttl_min = 5.0", "6: [[pool]] #1 ttl_min: must be a TTL: a number of seconds, or "),
        (TCP + "ttl_min = true", "6: [[pool]] #1 ttl_min: must be a TTL: a number of seconds, or "),
        (TCP + 'ttl_min = "1500ms"', "6: [[pool]] #1 ttl_min: '1500ms' is not a TTL: write whole"),
        (TCP + "interval = 10", "6: [[pool]] #1 interval: must be a duration with its unit, such "),
        (TCP + "down = 0", "6: [[pool]] #1 down: 0 is out of bounds: from 1 to 1000, because one "),
        (TCP + 'failback = "later"', '6: [[pool]] #1 failback: must be "auto", "manual", or "hold'),
        (TCP + "failback = true", '6: [[pool]] #1 failback: must be "auto", "manual", or "hold:" '),
        (TCP + 'failback = "hold:9"', "6: [[pool]] #1 failback: '9' is not a duration: write "),
        (TCP + 'failback = "hold:0s"', "6: [[pool]] #1 failback: 0s is out of bounds: from 1s to "),
        (
            TCP + "scope = 2",
            '6: [[pool]] #1 scope: must be "local", or "quorum:2/3": so many nodes',
        ),
        (TCP + 'scope = "all"', '6: [[pool]] #1 scope: must be "local", or "quorum:2/3": so many'),
        (TCP + 'scope = "quorum:2"', '6: [[pool]] #1 scope: must be "local", or "quorum:2/3": so'),
        (
            TCP + 'scope = "quorum:0/0"',
            "6: [[pool]] #1 scope: 'quorum:0/0' is out of bounds: ",
        ),
        (TCP + 'scope = "quorum:20/33"', "6: [[pool]] #1 scope: 'quorum:20/33' is out of bounds: "),
        (TCP + 'scope = "quorum:3/2"', "6: [[pool]] #1 scope: 'quorum:3/2' can never be reached: "),
        (
            TCP + 'scope = "quorum:2/4"',
            "6: [[pool]] #1 scope: 'quorum:2/4' is not a majority: 2 could say that a member is "
            "up, "
            "and 2 others that it is down; it takes 3 of 4 at least",
        ),
        (
            WWW + 'check = "none"\nscope = "quorum:2/3"',
            '5: [[pool]] #1 scope: has no effect with check = "none": there is nothing to agree on',
        ),
        (TCP + "min_up = 0", "6: [[pool]] #1 min_up: must be a number of members from 1, or a "),
        (TCP + "min_up = 1.0", "6: [[pool]] #1 min_up: must be a number of members from 1, or a "),
        (TCP + "min_up = true", "6: [[pool]] #1 min_up: must be a number of members from 1, or a "),
        (TCP + "min_up = nan", "6: [[pool]] #1 min_up: must be a number of members from 1, or a "),
        (HTTP + 'path = "x"', "5: [[pool]] #1 path: 'x' is not a path: it begins with '/'"),
        (HTTP + 'path = "/a b"', "5: [[pool]] #1 path: '/a b' is not a path: ASCII without blanks"),
        (HTTP + 'host = ""', "5: [[pool]] #1 host: '' is not a host name: ASCII without blanks"),
        (
            HTTP + 'host = "a\\r\\nX: y"',
            r"5: [[pool]] #1 host: 'a\r\nX: y' is not a host name: ASCII without blanks",
        ),
        (
            HTTP + "expect_status = []",
            "5: [[pool]] #1 expect_status: needs at least one status code",
        ),
        (HTTP + "expect_status = [99]", "5: [[pool]] #1 expect_status: 99 is out of bounds: from "),
        (
            HTTP + 'expect_body = "("',
            "5: [[pool]] #1 expect_body: '(': not a regular expression: missing )",
        ),
        (TCP + 'source = "x"', "6: [[pool]] #1 source: 'x' is not an IP address"),
        (
            TCP + 'command = ["/bin/sh", "-c", "id"]',
            "6: [[pool]] #1 command: must be the name of a command that [failover.commands] of the "
            "configuration lists, not a list",
        ),
        (
            TCP + 'command = "/bin/sh"',
            "6: [[pool]] #1 command: '/bin/sh' is not a valid name: use up to ",
        ),
        (TCP + "parameters = 1", "6: [[pool]] #1 parameters: must be a table, such as "),
        (
            TCP + 'parameters = { port = "-x" }',
            "6: [[pool]] #1 parameters: port: '-x' is not allowed: up to 255 letters, digits and ",
        ),
        (TCP + 'parameters = { a = "b c" }', "6: [[pool]] #1 parameters: a: 'b c' is not allowed"),
        (TCP + "parameters = { a = true }", "6: [[pool]] #1 parameters: a: must be a text or a "),
        (TCP + 'query_type = "A B"', "6: [[pool]] #1 query_type: 'A B' is not the name of a type"),
        (TCP + "weights = 3", "6: [[pool]] #1 weights: must be a table, such as "),
        (TCP + 'weights = { "x" = 1 }', "6: [[pool]] #1 weights: 'x' is neither an IP address"),
        (
            TCP + 'weights = { "192.0.2.1" = 1001 }',
            "6: [[pool]] #1 weights: 192.0.2.1: 1001 is out of bounds: from 0 to 1000, because ",
        ),
        (
            TCP.replace('"A"', '"AAAA"') + 'weights = { "::1" = 1, "0::1" = 1 }',
            "6: [[pool]] #1 weights: '0::1' is listed twice",
        ),
        (TCP + 'tiers = ["192.0.2.1"]', "6: [[pool]] #1 tiers: must be a list of tiers, each a "),
        (TCP + 'tiers = "192.0.2.1"', "6: [[pool]] #1 tiers: must be a list of tiers, each a list"),
        (TCP + 'tiers = [["192.0.2.1"], []]', "6: [[pool]] #1 tiers: only the first tier may be "),
        (
            TCP + 'tiers = [["192.0.2.1"], ["192.0.2.1"]]',
            "6: [[pool]] #1 tiers: 192.0.2.1 cannot be in two tiers",
        ),
        (
            TCP + 'all_down = "fallback"\nfallback = ["fe80::1%eth0"]',
            "7: [[pool]] #1 fallback: 'fe80::1%eth0' has a zone index, which no record can have",
        ),
        (
            TCP + 'all_down = "fallback"\nfallback = ["192.0.2.9", "192.0.2.9"]',
            "7: [[pool]] #1 fallback: '192.0.2.9' is listed twice",
        ),
    ],
)
def test_a_problem(text: str, problem: str) -> None:
    (found,) = problems(text)
    assert found.startswith(f"{FILE}:{problem}")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (WWW + 'check = "tcp"', '1: [[pool]] #1 port: check = "tcp" needs the port to connect to'),
        (WWW + 'check = "dns"', '1: [[pool]] #1 query: check = "dns" needs the name to ask for'),
        (WWW + 'check = "command"', '1: [[pool]] #1 command: check = "command" needs the name of '),
        (
            HTTP.replace("www", "*.dev"),
            "1: [[pool]] #1 host: *.dev.example.com. cannot be queried: say which ",
        ),
        (TCP + 'path = "/x"', '6: [[pool]] #1 path: has no effect with check = "tcp": remove it'),
        (HTTP + 'sni = "x"', '5: [[pool]] #1 sni: has no effect with check = "http": remove it'),
        (
            TCP + 'interval = "1s"',
            "1: [[pool]] #1 timeout: 2s is longer than the interval of 1s: a check must end "
            "before the next one begins",
        ),
        (
            TCP + 'fast_interval = "11s"',
            "6: [[pool]] #1 fast_interval: 11s is longer than the interval of 10s: a suspect ",
        ),
        (
            TCP + 'all_down = "fallback"',
            '1: [[pool]] #1 fallback: all_down = "fallback" needs the addresses to answer with',
        ),
        (
            TCP + 'fallback = ["192.0.2.9"]',
            '6: [[pool]] #1 fallback: has no effect with all_down = "all": all_down = "fallback" ',
        ),
        (
            TCP + 'all_down = "fallback"\nfallback = ["2001:db8::9"]',
            "7: [[pool]] #1 fallback: 2001:db8::9 is an IPv6 address, but the pool is of type A",
        ),
        (TCP + 'tiers = [["192.0.2.1"]]', "6: [[pool]] #1 tiers: one tier is the same as none: "),
        (
            TCP + 'select = "some"',
            '6: [[pool]] #1 select: must be "all", "first", "one", "weighted", "sticky", or '
            '"some:" and a number, such as "some:2", not \'some\'',
        ),
        (
            TCP + 'select = "some:0"',
            "6: [[pool]] #1 select: 'some:0' is out of bounds: from 1 to 32 can be answered",
        ),
        (
            TCP + "select = 2",
            '6: [[pool]] #1 select: must be "all", "first", "one", "weighted", "sticky", ',
        ),
        (
            TCP + 'select = "one"\nweights = { "192.0.2.1" = 2 }',
            '7: [[pool]] #1 weights: have no effect with select = "one": "weighted" needs them',
        ),
        (
            TCP + 'tiers = [[], ["::1"]]',
            "6: [[pool]] #1 tiers: ::1 is an IPv6 address, but the pool is of type A",
        ),
    ],
)
def test_what_does_not_go_together(text: str, problem: str) -> None:
    (found,) = problems(text)
    assert found.startswith(f"{FILE}:{problem}")


def test_without_checks_their_keys_may_stay() -> None:
    pool = one(WWW + 'check = "none"\nport = 80\npath = "/x"\ninterval = "1s"\n')
    assert pool.check == "none"


def test_a_and_aaaa_of_a_name_are_two_pools() -> None:
    assert len(read(TCP + TCP.replace('"A"', '"AAAA"')).pools) == 2


def test_every_problem_at_once() -> None:
    text = TCP + "colour = 1\n" + WWW + HTTP.replace("www", "ftp") + 'path = ""\nsni = "x"\n'
    assert [problem.split(": ")[:2] for problem in problems(text)] == [
        [f"{FILE}:6", "[[pool]] #1 colour"],
        [f"{FILE}:7", "[[pool]] #2"],
        [f"{FILE}:14", "[[pool]] #3 path"],
    ]


def test_a_fault_of_one_pool_hides_none_of_another() -> None:
    text = TCP + "colour = 1\n" + HTTP.replace("www", "ftp") + 'sni = "x"\n'
    assert [problem.split(": ")[1] for problem in problems(text)] == [
        "[[pool]] #1 colour",
        "[[pool]] #2 sni",
    ]


# -- files ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("zone", "policy"),
    [
        ("/z/example.com.zone", "/z/example.com.toml"),
        ("/z/@.zone", "/z/@.toml"),
        ("/z/example.com", "/z/example.com.toml"),
        ("/z/org-example.db", "/z/org-example.db.toml"),
    ],
)
def test_where_a_policy_is(zone: str, policy: str) -> None:
    assert path_for(Path(zone)) == Path(policy)


def test_loading(tmp_path: Path) -> None:
    file = tmp_path / "example.com.toml"
    assert load_policy(file, ORIGIN) == (None, ())
    file.write_text(TCP)
    policy, found = load_policy(file, ORIGIN)
    assert not found
    assert policy is not None
    assert policy.file == str(file)


def test_a_link_that_leads_nowhere_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "example.com.toml").symlink_to("nothing")
    policy, (problem,) = load_policy(tmp_path / "example.com.toml", ORIGIN)
    assert policy is None
    assert problem.message == "cannot read the policy: No such file or directory"


def test_a_policy_that_is_not_utf_8(tmp_path: Path) -> None:
    (tmp_path / "example.com.toml").write_bytes(b"[[pool]]\nname = '\xff'\n")
    _, (problem,) = load_policy(tmp_path / "example.com.toml", ORIGIN)
    assert (problem.line, problem.message) == (2, "is not UTF-8, which TOML must be")


def test_strays(tmp_path: Path) -> None:
    for name in ("a.toml", "b.toml", "c.db.toml", ".d.toml", "e.tom"):
        (tmp_path / name).touch()
    (tmp_path / "f.toml").mkdir()
    known = [path_for(tmp_path / "a.zone"), path_for(tmp_path / "c.db")]
    assert strays(tmp_path, known) == [tmp_path / "b.toml"]
    assert strays(tmp_path / "none", known) == []


@pytest.mark.parametrize(
    ("origin", "policy"), [("example.com.", "example.com.toml"), (".", "@.toml")]
)
def test_the_policy_of_a_zone_that_is_fetched_stands_with_those_of_zone_files(
    tmp_path: Path, origin: str, policy: str
) -> None:
    server = Server(state_directory=tmp_path / "state")
    given = Config(server=server, zones=Zones(directory=tmp_path / "zones"))
    fetched = received_file(given, origin)
    assert place_of(given, origin, fetched) == tmp_path / "zones" / policy
    beside = tmp_path / "elsewhere" / fetched.name
    assert place_of(given, origin, beside) == path_for(beside)
    nowhere = Config(server=server)
    assert place_of(nowhere, origin, fetched) == path_for(fetched)


@pytest.mark.parametrize(
    ("name", "origin", "within"),
    [
        ("www.example.com.", "example.com.", True),
        ("example.com.", "example.com.", True),
        ("xexample.com.", "example.com.", False),
        (r"x\.example.com.", "example.com.", False),
        ("com.", "example.com.", False),
        ("com.", ".", True),
    ],
)
def test_within(name: str, origin: str, within: bool) -> None:
    assert origins.is_within(name, origin) is within


# -- files that are none ----------------------------------------------------------------------


def test_a_pipe_or_a_flood_in_place_of_a_policy_is_a_problem_and_keeps_no_loader(
    tmp_path: Path,
) -> None:
    file = tmp_path / "example.com.toml"
    os.mkfifo(file)
    found, (problem,) = load_policy(file, ORIGIN)
    assert found is None
    assert str(problem) == f"{file}: cannot read the policy: it is not a regular file"
    file.unlink()
    file.write_bytes(b"#" * (MOST_OCTETS + 1))
    _, (problem,) = load_policy(file, ORIGIN)
    assert "it is larger than 1048576 octets" in problem.sentence
    file.write_bytes(b"#" * MOST_OCTETS)
    assert load_policy(file, ORIGIN)[0] is not None


def test_toml_that_is_nested_without_end() -> None:
    assert problems(f"x = {'[' * 10_000}") == [f"{FILE}: is nested too deeply: no key needs that"]


def test_what_a_pool_may_have_is_found_out_once_for_all_pools(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[object] = []
    real = msgspec.structs.fields

    def fields(struct: type[msgspec.Struct]) -> tuple[msgspec.structs.FieldInfo, ...]:
        asked.append(struct)
        return real(struct)

    monkeypatch.setattr(msgspec.structs, "fields", fields)
    assert len(problems("[[pool]]\n" * 50)) == 150
    assert len(asked) == len(set(asked)) <= 10


@pytest.mark.parametrize(
    ("select", "take", "is_weighted", "is_sticky"),
    [
        ("all", None, False, False),
        ("one", 1, False, False),
        ("weighted", 1, True, False),
        ("some:1", 1, True, False),
        ("some:12", 12, True, False),
        ("sticky", 1, True, True),
    ],
)
def test_select(select: str, take: int | None, is_weighted: bool, is_sticky: bool) -> None:
    (pool,) = read(TCP + f'select = "{select}"').pools
    assert (pool.select, pool.take) == (select, take)
    assert (pool.is_weighted, pool.is_sticky) == (is_weighted, is_sticky)
