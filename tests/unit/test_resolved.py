"""What aliases have been resolved to, in the zone that is built: filled in, signed, or refused."""

from __future__ import annotations

import os
from ipaddress import ip_address
from pathlib import Path

import pytest

from dnsd.build import images, resolved
from dnsd.build.images import Job
from dnsd.build.pipeline import BuildResult
from dnsd.build.policycheck import Checked, check_policy
from dnsd.build.resolved import ResolvedRRset
from dnsd.config import Failover, Limits
from dnsd.config.policyfile import read_policy
from dnsd.control.zones.earlier import Earlier
from dnsd.wire.name import from_text
from dnsd.wire.rdata import AAAA, TXT, A
from dnsd.zone.findings import Severity
from dnsd.zone.load import load_text
from dnsd.zone.records import Zone
from tests.building import build_zone
from tests.unit.test_build_signing import validate
from tests.zonekeys import NOW, make_key, signed_text

ORIGIN = "example.com."
KEY = make_key()
TEXT = """\
$TTL 300
@ SOA ns h 1 7200 3600 1209600 60
@ NS ns
@ A 192.0.2.1
@ AAAA 2001:db8::1
@ TXT "stays"
ns A 192.0.2.53
www A 192.0.2.3
cname CNAME ns
status CNAME cdn.example.net.
nothing TXT "no address"
sub NS ns.sub
ns.sub A 192.0.2.54
"""
ALIAS = '[[alias]]\nname = "@"\ntarget = "cdn.example.net."\n'
APEX = from_text(ORIGIN)


def load(text: str = TEXT) -> Zone:
    found = load_text(ORIGIN, text, now=NOW)
    assert found.zone is not None, found.findings
    return found.zone


def checked(policy: str, text: str = TEXT) -> Checked:
    read, problems = read_policy(policy, Path("example.com.toml"), ORIGIN)
    assert read is not None, problems
    return check_policy(read, load(text))


def errors(policy: str, text: str = TEXT) -> list[tuple[str, str]]:
    found = checked(policy, text).findings
    return [(one.code, one.message) for one in found if one.severity is Severity.ERROR]


def entry(*addresses: str, rtype: str = "A", ttl: int = 60, **more: str) -> ResolvedRRset:
    given = {"name": ORIGIN, "target": "cdn.example.net.", **more}
    return ResolvedRRset(type=rtype, addresses=addresses, ttl=ttl, **given)


def filled(tmp_path: Path, *entries: ResolvedRRset, text: str = TEXT, policy: str = ALIAS) -> Zone:
    path = tmp_path / "alias.json"
    path.write_bytes(resolved.encode(entries))
    found = checked(policy, text)
    assert not [one for one in found.findings if one.severity is Severity.ERROR], found.findings
    return resolved.followed(load(text), found.policy, found.signer, path).zone


def addresses(zone: Zone, rtype: int = A, owner: bytes = APEX) -> list[str]:
    return [str(ip_address(one)) for one in zone.at(owner)[rtype].rdatas]


# -- in the zone ----------------------------------------------------------------------------------


def test_what_follows_is_described_with_the_addresses_in_the_zone_file() -> None:
    policy = checked(ALIAS).policy
    assert policy is not None
    found = [(one.type, one.ttl, one.fallback) for one in resolved.describe(policy, load())]
    assert found == [("A", 300, ("192.0.2.1",)), ("AAAA", 300, ("2001:db8::1",))]


@pytest.mark.parametrize(
    ("source", "name"), [("", "cdn.example.net."), ("b.example.net.", "b.example.net.")]
)
def test_it_is_said_which_name_has_the_addresses(tmp_path: Path, source: str, name: str) -> None:
    path = tmp_path / "alias.json"
    path.write_bytes(resolved.encode([entry("198.51.100.1", source=source)]))
    found = checked(ALIAS)
    followed = resolved.followed(load(), found.policy, found.signer, path)
    assert followed.sources == {(ORIGIN, "A"): name}


def test_addresses_take_the_place_of_those_in_the_zone_file(tmp_path: Path) -> None:
    zone = filled(tmp_path, entry("198.51.100.1", "198.51.100.2"))
    assert addresses(zone) == ["198.51.100.1", "198.51.100.2"]
    assert zone.at(APEX)[A].ttl == 60
    assert addresses(zone, AAAA) == ["2001:db8::1"]
    assert TXT in zone.at(APEX)


def test_the_ttl_of_the_zone_file_is_the_longest(tmp_path: Path) -> None:
    zone = filled(tmp_path, entry("198.51.100.1", ttl=3600))
    assert zone.at(APEX)[A].ttl == 300


def test_addresses_of_a_record_that_no_cache_may_keep_are_followed(tmp_path: Path) -> None:
    text = TEXT.replace("@ A", "@ 0 A")
    zone = filled(tmp_path, entry("198.51.100.1", ttl=0), text=text)
    assert addresses(zone) == ["198.51.100.1"]


def test_what_another_target_had_is_not_answered(tmp_path: Path) -> None:
    zone = filled(tmp_path, entry("198.51.100.1", target="other.example.net."))
    assert addresses(zone) == ["192.0.2.1"]


def test_a_type_that_the_zone_file_does_not_have_is_not_made(tmp_path: Path) -> None:
    """A signed zone could not prove it, and other servers would answer NODATA."""
    policy = ALIAS.replace("@", "www")
    zone = filled(
        tmp_path, entry("2001:db8::9", rtype="AAAA", name="www.example.com."), policy=policy
    )
    assert AAAA not in zone.at(from_text("www.example.com."))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[1]",
        resolved.encode([entry("2001:db8::1")]),
        resolved.encode([entry("192.0.2.9", ttl=-1)]),
        resolved.encode([entry()]),
    ],
)
def test_a_damaged_file_is_told_and_the_zone_file_answers(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "alias.json"
    path.write_bytes(content)
    found = checked(ALIAS)
    zone, sources, (finding,) = resolved.followed(load(), found.policy, found.signer, path)
    assert addresses(zone) == ["192.0.2.1"]
    assert not sources
    assert (finding.file, finding.severity) == (str(path), Severity.WARNING)
    assert finding.message.startswith("is not what dnsd has written")


def test_new_addresses_are_signed(tmp_path: Path) -> None:
    name = KEY.write(tmp_path)
    policy = f'[signing]\nkeys = ["{tmp_path / name}"]\n{ALIAS}'
    text = signed_text(TEXT, KEY)
    zone = filled(tmp_path, entry("198.51.100.1"), text=text, policy=policy)
    rrset = zone.at(APEX)[A]
    assert addresses(zone) == ["198.51.100.1"]
    validate(ORIGIN, rrset, zone.signatures[APEX][A], KEY, ttl=60)
    validate(ORIGIN, zone.at(APEX)[AAAA], zone.signatures[APEX][AAAA], KEY)


# -- in a build -----------------------------------------------------------------------------------


class Builds:
    """A zone with a policy, and a state directory."""

    def __init__(self, directory: Path, policy: str = ALIAS) -> None:
        self.file = directory / "example.com.zone"
        self.file.write_text(TEXT)
        self.file.with_suffix(".toml").write_text(policy)
        self.state = directory / "state"
        (self.state / "images").mkdir(parents=True)
        for path in directory.glob("example.com.*"):
            os.utime(path, (1, 1))
        place = str(self.state / "images")
        self.job = Job(origin=ORIGIN, file=str(self.file), limits=Limits(), images=place)

    def build(self) -> BuildResult:
        return build_zone(self.job)

    def write(self, *entries: ResolvedRRset) -> None:
        path = Path(self.job.resolved)
        path.write_bytes(resolved.encode(entries))
        os.utime(path, (1, len(entries)))


def test_the_file_is_a_source_of_the_image(tmp_path: Path) -> None:
    site = Builds(tmp_path)
    first = site.build()
    assert first.image is not None, first.findings
    assert first.sources[site.job.resolved] is None
    assert [(one.rule.name, one.type, one.ttl) for one in first.aliases] == [
        (ORIGIN, "A", 300),
        (ORIGIN, "AAAA", 300),
    ]
    meta = images.read_meta(site.job.stock, first.image)
    assert images.is_current(meta, site.job)
    assert meta.aliases == first.aliases
    site.write(entry("198.51.100.1"))
    assert not images.is_current(meta, site.job)
    second = site.build()
    assert second.image is not None
    assert second.contents.digest != first.contents.digest
    assert (second.serial, second.records) == (first.serial, first.records)
    assert images.is_current(images.read_meta(site.job.stock, second.image), site.job)


def test_an_image_that_is_used_again_has_all_that_a_build_says(tmp_path: Path) -> None:
    site = Builds(tmp_path)
    built = site.build()
    (again,) = Earlier(site.job.stock).reusable([site.job])
    shared = {*images.Meta.__struct_fields__} & {*BuildResult.__struct_fields__}
    assert {"aliases", "pools", "sources"} <= shared
    for field in shared:
        assert getattr(again, field) == getattr(built, field), field


def test_a_zone_without_aliases_does_not_depend_on_the_file(tmp_path: Path) -> None:
    site = Builds(tmp_path, "")
    assert site.job.resolved not in site.build().sources


# -- what is wrong with a policy ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "target", "code", "part"),
    [
        ("nothing", "cdn.example.net.", "alias-missing", "has no A or AAAA records in the zone"),
        ("cname", "cdn.example.net.", "alias-missing", "has a CNAME to ns.example.com. there"),
        ("sub", "cdn.example.net.", "alias-occluded", "delegates that name"),
        ("ns.sub", "cdn.example.net.", "alias-occluded", "delegates that name"),
        ("@", "www.example.com.", "alias-target", "is in the zone itself"),
        ("@", "status.example.com.", "alias-target", 'a pool of type = "CNAME"'),
    ],
)
def test_an_alias_that_cannot_be(name: str, target: str, code: str, part: str) -> None:
    policy = f'[[alias]]\nname = "{name}"\ntarget = "{target}"\n'
    ((found, message),) = errors(policy)
    assert found == code
    assert part in message


def test_a_digest_and_aliases_contradict_each_other() -> None:
    read, problems = read_policy(ALIAS, Path("example.com.toml"), ORIGIN)
    assert read is not None, problems
    assert not check_policy(read, load()).findings
    digested = load(f"{TEXT}@ ZONEMD 1 1 241 {'ab' * 48}\n")
    (finding,) = check_policy(read, digested).findings
    assert (finding.code, finding.severity) == ("alias-digest", Severity.WARNING)


POOL = """
[[pool]]
name = "status"
type = "CNAME"
check = "none"
members = ["cdn.example.net.", "cdn.example.org."]
"""


def test_a_target_may_be_a_pool_of_names() -> None:
    alias = '[[alias]]\nname = "@"\ntarget = "status.example.com."\n'
    assert errors(alias + POOL) == []
    inside = POOL.replace("cdn.example.org.", "www.example.com.")
    ((code, message),) = errors(alias + inside)
    assert (code, "only members elsewhere" in message) == ("alias-target", True)


def test_an_rrset_is_not_a_pool_and_an_alias() -> None:
    pool = '[[pool]]\nname = "@"\ntype = "A"\ncheck = "none"\n'
    assert [code for code, _ in errors(ALIAS + pool)] == ["alias-pool"]


def test_a_signed_zone_needs_its_key() -> None:
    ((code, message),) = errors(ALIAS, signed_text(TEXT, KEY))
    assert code == "alias-signed"
    assert "[signing] keys" in message


def test_a_resolver_is_where_checks_may_go() -> None:
    read, problems = read_policy(
        ALIAS + 'resolver = ["169.254.169.254:53"]', Path("example.com.toml"), ORIGIN
    )
    assert read is not None, problems
    (finding,) = check_policy(read, load(), Failover()).findings
    assert (finding.code, finding.line) == ("alias-resolver", 1)


@pytest.mark.parametrize(
    ("text", "line", "part"),
    [
        ('[[alias]]\nname = "@"\n', 1, "needs the key target"),
        ('[[alias]]\nname = "@"\ntarget = "cdn.example.net"\n', 3, "with a dot at its end"),
        ('[[alias]]\nname = "@"\ntarget = "example.com."\n', 3, "cannot follow itself"),
        (ALIAS + ALIAS, 5, "is an alias already, in line 1"),
        (ALIAS + 'stale = "1s"\n', 4, "1m"),
        (ALIAS + 'resolver = "192.0.2.1"\n', 4, "has no port"),
        (ALIAS + 'networks = ["x"]\n', 4, "'x'"),
        (ALIAS + "ttl = 3\n", 4, "is unknown; the keys here are"),
        ('[[pool]]\nname = "@"\ntype = "ALIAS"\ncheck = "none"\n', 3, "write [[alias]]"),
    ],
)
def test_faults_of_the_file_have_lines(text: str, line: int, part: str) -> None:
    policy, problems = read_policy(text, Path("example.com.toml"), ORIGIN)
    assert policy is None
    (problem,) = problems
    assert problem.line == line
    assert part in problem.sentence
