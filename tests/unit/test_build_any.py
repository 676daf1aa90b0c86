"""Whatever stands in a zone file and its policy, a build ends with findings or an image."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from dnsd.build.images import Job
from dnsd.config import Limits
from dnsd.config.policyfile import path_for
from dnsd.zone.findings import Severity
from tests.building import build_zone
from tests.support import zone

owners = st.sampled_from(
    ("@", "www", "*", "a.b", "sub", "ns", "example.com", "example.com.", "example.org.", "..", "")
)
data = st.sampled_from(
    (
        "A 192.0.2.1",
        "A 192.0.2.2",
        "AAAA 2001:db8::1",
        "NS ns",
        "CNAME www",
        "DNAME example.org.",
        "TXT x",
        "A no-address",
        "SOA ns h 1 2 3 4 5",
        "DNSKEY 256 3 13 AAAA",
        "NSEC www A",
        "NSEC3 1 0 0 - AAAA A",
        "RRSIG A 13 2 60 20300101000000 20200101000000 1 example.com. AAAA",
    )
)
records = st.lists(st.tuples(owners, data).map(" ".join), max_size=8)
texts = st.one_of(records.map("\n".join), records.map(lambda found: zone(1, *found)))

values = st.sampled_from(
    ("", '"www"', '"A"', '"AAAA"', '"http"', '"none"', '"dns"', '"@"', '"*"', "1", "0", "true",
     "[]", "[[]]", '["192.0.2.1"]', '[["192.0.2.1"]]', '"10s"', '"nodata"', '"fallback"', '"one"',
     "{}", '"quorum:2/3"', "-1", "1e400", "nan", "1979-05-27")
)  # fmt: skip
keys = st.sampled_from(
    ("name", "type", "check", "port", "rto", "tiers", "weights", "fallback", "all_down", "select",
     "scope", "min_up", "ttl_min", "interval", "query", "query_type", "keys", "unknown")
)  # fmt: skip
lines = st.lists(st.tuples(keys, values).map(" = ".join), max_size=5).map("\n".join)
pools = st.tuples(
    st.sampled_from(('name = "www"\ntype = "A"', 'name = "*"\ntype = "AAAA"', "")), lines
).map("\n".join)
tables = st.tuples(
    st.sampled_from(("[[pool]]", "[[pool]]", "[defaults]", "[signing]", "[pool]", "")), pools
).map("\n".join)
policies = st.lists(tables, max_size=3).map("\n".join)


@settings(max_examples=60, deadline=None)
@given(text=texts, policy=policies)
def test_a_build_never_fails_on_what_is_in_the_files(text: str, policy: str) -> None:
    with TemporaryDirectory() as directory:
        file = Path(directory, "example.com.zone")
        file.write_text(text)
        path_for(file).write_text(policy)
        job = Job(origin="example.com.", file=str(file), limits=Limits(), images=directory)
        result = build_zone(job)
    codes = {one.code for one in result.findings}
    assert "internal" not in codes, result.findings
    has_error = any(one.severity is Severity.ERROR for one in result.findings)
    assert has_error == (result.image is None)
