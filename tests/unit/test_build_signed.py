"""A signed zone with pools, from its files to an image, and to what the commands say of it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from dnsd.build import images
from dnsd.build.images import Job
from dnsd.build.stamps import stamp
from dnsd.cli import main
from dnsd.config import Limits
from tests.building import build_zone
from tests.zonekeys import ZoneKey, make_key, signed_text

TEXT = """\
$TTL 300
@ SOA ns h 1 7200 3600 1209600 60
@ NS ns
ns A 192.0.2.53
www A 192.0.2.1
www A 192.0.2.2
"""
KEY = make_key()


@pytest.fixture
def job(tmp_path: Path) -> Job:
    (tmp_path / "images").mkdir()
    zone = tmp_path / "example.com.zone"
    zone.write_text(signed_text(TEXT, KEY))
    policy = f'[signing]\nkeys = ["{KEY.write(tmp_path)}"]\n'
    policy += '[[pool]]\nname = "www"\ntype = "A"\ncheck = "none"\n'
    (tmp_path / "example.com.toml").write_text(policy)
    for path in tmp_path.iterdir():
        os.utime(path, (1, 1))  # long ago, so that its stamp can be relied on
    return Job(
        origin="example.com.",
        file=str(zone),
        limits=Limits(),
        images=str(tmp_path / "images"),
    )


def files(job: Job, key: ZoneKey = KEY) -> list[str]:
    (private,) = Path(job.file).parent.glob(f"*{key.tag:05}.private")
    return [str(private.with_suffix(".key")), str(private)]


def test_its_keys_are_sources_of_the_image(job: Job) -> None:
    result = build_zone(job)
    assert result.image, result.findings
    for file in files(job):
        assert result.sources[file] == stamp(file)
    meta = images.read_meta(job.stock, result.image)
    assert images.is_current(meta, job)
    os.utime(files(job)[1], (2, 2))
    assert not images.is_current(meta, job)


def test_a_key_that_is_missing_is_waited_for(job: Job) -> None:
    _, private = files(job)
    Path(private).unlink()
    result = build_zone(job)
    assert result.image is None
    (finding,) = (one for one in result.findings if one.code == "signing-key")
    assert finding.line == 2
    assert result.sources[private] is None


def check(*arguments: str) -> dict[str, object]:
    found: dict[str, object] = json.loads(
        CliRunner().invoke(main, ["check", "--json", *arguments]).stdout
    )
    return found


def test_dnsd_check_tells_what_is_wrong_with_keys(job: Job) -> None:
    _, private = files(job)
    Path(private).write_text(make_key().private_text())
    found = check(job.file)
    assert found["errors"] == 1
    assert "does not belong to the public key" in json.dumps(found["findings"])


def test_dnsd_explain_shows_the_signature(job: Job) -> None:
    found = CliRunner().invoke(
        main, ["explain", "www.example.com", "A", "--do", "--zone", f"example.com={job.file}"]
    )
    assert found.exit_code == 0
    assert f" RRSIG A 13 3 300 20251009085320 20250615150640 {KEY.tag} example.com. " in " ".join(
        found.stdout.split()
    )


def test_a_zone_that_is_signed_with_one_of_two_listed_keys_is_served(job: Job) -> None:
    other = make_key()
    directory = Path(job.file).parent
    policy = directory / "example.com.toml"
    keys = f'"{KEY.write(directory)}", "{other.write(directory)}"'
    policy.write_text(policy.read_text().replace("keys = [", f"keys = [{keys}]  # ["))
    for key in (KEY, other):
        Path(job.file).write_text(signed_text(TEXT, key))
        result = build_zone(job)
        assert result.image, result.findings
        assert "signing-key" in [one.code for one in result.findings], "the other one is told"
