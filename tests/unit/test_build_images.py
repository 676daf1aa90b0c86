"""From a zone file to an image file, in a thread or in processes; images that are used again."""

from __future__ import annotations

import asyncio
import errno
import io
import os
import random
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from dnsd import compile as compiler
from dnsd.build import builders, images, pace
from dnsd.build.builder import encode_jobs
from dnsd.build.builders import build_all
from dnsd.build.images import Job
from dnsd.build.pipeline import MOST_FINDINGS, BuildResult, worst
from dnsd.build.stamps import stamp
from dnsd.config import Limits
from dnsd.config.policyfile import path_for
from dnsd.errors import ImageError
from dnsd.image import store
from dnsd.image.stock import Stock
from dnsd.image.store import Image
from dnsd.versions import recordfile
from dnsd.zone import load
from dnsd.zone.findings import Finding, Severity
from dnsd.zone.load import load_zone
from dnsd.zone.records import Zone
from dnsd.zone.sources import _up_to, digest_of
from dnsd.zone.stored import version_of
from tests.building import build_zone
from tests.support import zone

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


@pytest.fixture
def job(tmp_path: Path) -> Job:
    (tmp_path / "images").mkdir()
    return make_job(tmp_path, "example.com.", zone(1, "www A 192.0.2.1"))


def make_job(directory: Path, origin: str, text: str) -> Job:
    file = directory / f"{origin}zone"
    file.write_text(text)
    os.utime(file, (1, 1))  # long ago, so that its stamp can be relied on
    return Job(origin=origin, file=str(file), limits=Limits(), images=str(directory / "images"))


def test_a_record_file_that_was_just_received_is_not_built_twice(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A text may be written to again in the same tick; a record file is only ever replaced."""
    text = load_zone(job.origin, Path(job.file)).zone
    assert text is not None
    monkeypatch.setattr("dnsd.build.pipeline.time.time_ns", lambda: 5_000_000_000)
    os.utime(job.file, (5, 5))
    assert build_zone(job).sources[job.file] != stamp(job.file), "it is looked at again"
    recordfile.write(Path(job.file), version_of(text))
    os.utime(job.file, (5, 5))
    result = build_zone(job)
    assert (result.serial, result.records) == (1, 4)
    assert result.sources[job.file] == stamp(job.file)


def test_a_zone_becomes_an_image_that_says_where_it_comes_from(job: Job) -> None:
    result = build_zone(job)
    assert result.image
    assert (result.origin, result.serial, result.records) == ("example.com.", 1, 4)
    policy = job.file.removesuffix("zone") + "toml"
    assert result.sources == {job.file: stamp(job.file), policy: None}
    path = Path(job.images, result.image)
    image = Image.open(path)
    assert (image.apex, image.serial) == (b"\x07example\x03com\x00", 1)
    image.close()
    meta = images.read_meta(job.stock, result.image)
    assert (meta.origin, meta.file, meta.serial, meta.records) == (
        "example.com.",
        job.file,
        1,
        4,
    )
    assert meta.sources == result.sources


def test_a_broken_zone_has_findings_and_no_image(job: Job) -> None:
    Path(job.file).write_text("@ SOA too few\n")
    result = build_zone(job)
    assert result.image is None
    assert any(finding.severity == Severity.ERROR for finding in result.findings)
    assert job.file in result.sources
    assert list(Path(job.images).iterdir()) == []


def test_a_file_that_is_missing_is_a_finding_and_watched_for(job: Job) -> None:
    Path(job.file).unlink()
    result = build_zone(job)
    assert result.image is None
    assert result.findings
    assert result.sources == {job.file: None, str(path_for(Path(job.file))): None}


def test_an_included_file_is_a_source_even_before_it_exists(job: Job) -> None:
    Path(job.file).write_text(zone(1, "$INCLUDE hosts"))
    included = str(Path(job.file).parent / "hosts")
    assert build_zone(job).sources.get(included, "not watched") is None
    Path(included).write_text("www A 192.0.2.1\n")
    assert build_zone(job).sources[included]


SCRIPT = """
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, (512 << 20, 512 << 20))
from pathlib import Path
from dnsd.zone.load import load_zone
print(load_zone("example.com.", Path(sys.argv[1])).findings)
"""


def test_a_small_file_needs_little_memory_whatever_the_limit_is(job: Job) -> None:
    """What is asked for in one read is allocated: the limit is 1 GiB."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, job.file], capture_output=True, text=True, check=True
    )
    assert done.stdout == "()\n"


@pytest.mark.parametrize(("limit", "fits"), [(99_999, False), (100_000, True), (1 << 20, True)])
@pytest.mark.parametrize("told", [0, 1, 99_999, 100_000, 200_000])
def test_a_file_that_grows_while_it_is_read_is_read_whole(
    limit: int, fits: bool, told: int
) -> None:
    data = random.Random(1).randbytes(100_000)
    got = _up_to(limit, io.BytesIO(data), told)
    assert got == data if fits else len(got) == limit + 1


@pytest.mark.parametrize("policy", ["", '[defaults]\ncheck = "tcp"\nport = 1\n', "# nothing"])
def test_a_policy_without_pools_makes_none(job: Job, policy: str) -> None:
    path_for(Path(job.file)).write_text(policy)
    result = build_zone(job)
    assert result.image, result.findings
    assert (result.findings, result.pools) == ((), ())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$TTL 60\na.www A 192.0.2.1\n", {"missing-soa", "missing-ns"}),
        (zone(1).replace("@", "example.com"), {"soa-not-apex"}),  # the dot is missing
        ("", {"missing-soa", "missing-ns"}),
    ],
)
def test_a_zone_without_a_record_at_its_apex(job: Job, text: str, expected: set[str]) -> None:
    Path(job.file).write_text(text)
    path_for(Path(job.file)).write_text('[[pool]]\nname = "ns"\ntype = "A"\ncheck = "none"\n')
    found = build_zone(job).findings
    assert {one.code for one in found if one.severity == Severity.ERROR} == expected


def test_a_result_tells_the_octets_of_every_source(job: Job, tmp_path: Path) -> None:
    file, other = Path(job.file), tmp_path / "elsewhere"
    other.mkdir()
    (other / "hosts").write_text("www A 192.0.2.1\n")
    file.write_text(zone(1, f"$INCLUDE {other}/hosts"))
    job = msgspec.structs.replace(job, include=(str(other),))
    path_for(file).write_text("# nothing")
    first = build_zone(job)
    assert first.image, first.findings
    assert (
        first.digests.keys()
        == first.sources.keys()
        == {
            job.file,
            f"{other}/hosts",
            str(path_for(file)),
        }
    )
    path_for(file).write_text("# no more")
    second = build_zone(job)
    assert second.text == first.text, "a policy is no part of it"
    assert second.digests != first.digests
    (other / "hosts").write_text("www A 192.0.2.2\n")
    assert build_zone(job).text != first.text
    assert second.image
    meta = images.read_meta(job.stock, second.image)
    assert (meta.digests, meta.text, meta.include) == (second.digests, second.text, job.include)
    assert not images.is_current(meta, msgspec.structs.replace(job, include=()))


def test_what_the_compiler_cannot_do_is_a_finding(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_large(*_: object) -> bytes:
        raise ImageError("the zone is too large")

    monkeypatch.setattr(compiler, "build", too_large)
    (finding,) = build_zone(job).findings
    assert str(finding) == f"{job.file}:1: error: the zone is too large [image]"


def test_a_bug_breaks_one_zone_and_is_told(
    job: Job, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def bug(*_: object) -> None:
        raise KeyError("x")

    monkeypatch.setattr(load, "load_zone", bug)
    result = build_zone(job)
    assert result.image is None
    assert result.findings[0].code == "internal"
    assert result.sources == {job.file: stamp(job.file)}
    assert "Traceback" in capsys.readouterr().err


def short_of_descriptors(monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
    """No descriptor is left for ``file``."""

    def short(system: Callable[..., Any]) -> Callable[..., Any]:
        def opened(path: object, *arguments: Any, **named: Any) -> Any:
            if str(path) == str(file):
                raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
            return system(path, *arguments, **named)

        return opened

    monkeypatch.setattr(os, "open", short(os.open))
    monkeypatch.setattr(io, "open", short(io.open))


@pytest.mark.parametrize("name", ["{job}", "included", "{policy}", "Kx.key", "{resolved}"])
def test_a_file_for_which_there_is_no_descriptor_is_no_fault_of_the_zone(
    job: Job, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    file = Path(job.file)
    file.write_text(zone(1, "$INCLUDE included", "www A 192.0.2.1"))
    file.with_name("included").write_text("x A 192.0.2.1\n")
    policy = '[signing]\nkeys = ["Kx"]\n' if name == "Kx.key" else ""
    if name == "{resolved}":
        policy = '[[alias]]\nname = "www"\ntarget = "a.other."\n'
    job.policy_file.write_text(policy)
    names = {"job": file.name, "policy": job.policy_file.name, "resolved": job.resolved}
    found = file.parent / name.format(**names)
    with monkeypatch.context() as patched:
        short_of_descriptors(patched, found)
        result = build_zone(job)
        assert digest_of(found, 999) == "", "whoever compares it sees a change"
    assert (result.image, result.findings) == (None, ())
    assert "Too many open files" in result.trouble
    assert str(found) in result.trouble


@pytest.mark.parametrize(
    ("error", "trouble"),
    [
        (OSError(errno.EMFILE, "Too many open files", "load.py"), "cannot build this zone: Too"),
        (ImportError("x.so: cannot open shared object file"), "failed on this zone: ImportError"),
        (MemoryError(), "failed on this zone: MemoryError"),
    ],
)
def test_a_module_that_cannot_be_loaded_now_is_no_fault_of_the_zone(
    job: Job, monkeypatch: pytest.MonkeyPatch, error: Exception, trouble: str
) -> None:
    def lazily(*_: object, **_named: object) -> None:
        raise error

    monkeypatch.setattr(load, "load_zone", lazily)
    result = build_zone(job)
    assert (result.image, result.findings) == (None, ())
    assert trouble in result.trouble


def test_of_many_findings_the_errors_are_kept() -> None:
    warnings = [Finding("f", n, Severity.WARNING, "w", "c") for n in range(500)]
    error = Finding("f", 501, Severity.ERROR, "e", "c")
    kept = worst((*warnings, error))
    assert len(kept) == MOST_FINDINGS
    assert kept[0] == error
    assert worst((warnings[0],)) == (warnings[0],)


# -- images that are used again ---------------------------------------------------------------


def reuse(job: Job) -> str | None:
    names = images.by_stem(job.stock).get(images.stem(job.origin), ())
    found = images.reusable(job.stock, names, job)
    return found[0] if found else None


def test_an_image_of_an_unchanged_zone_is_used_again(job: Job) -> None:
    result = build_zone(job)
    assert reuse(job) == result.image
    newer = build_zone(job)
    assert newer.image != result.image
    assert reuse(job) == newer.image


@pytest.mark.parametrize(
    "change",
    [
        "text",
        "time",
        "gone",
        "file",
        "limits",
        "builder",
        "damage",
        "cut",
        "meta",
    ],
)
def test_an_image_is_not_used_after_any_change(
    job: Job, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    result = build_zone(job)
    assert result.image
    path, file = Path(job.images, result.image), Path(job.file)
    if change == "text":
        file.write_text(zone(2))
    elif change == "time":
        os.utime(file, (2, 2))
    elif change == "gone":
        file.unlink()
    elif change == "file":
        other = file.rename(file.with_name("other"))
        job = Job(origin=job.origin, file=str(other), limits=job.limits, images=job.images)
    elif change == "limits":
        limits = Limits(include_depth=1)
        job = Job(origin=job.origin, file=job.file, limits=limits, images=job.images)
    elif change == "builder":
        monkeypatch.setattr(images, "builder", lambda: "another")
    elif change == "damage":
        octets = bytearray(path.read_bytes())
        octets[200] ^= 1
        path.write_bytes(octets)
    elif change == "cut":
        path.write_bytes(path.read_bytes()[:-1])
    else:
        path.write_bytes(compiler.build(_zone_of(job), b"no meta"))
    assert reuse(job) is None


@pytest.mark.parametrize(("event", "verified"), [("none", 0), ("boot", 1), ("touch", 1)])
def test_an_image_is_read_again_only_if_it_may_have_suffered(
    job: Job, monkeypatch: pytest.MonkeyPatch, event: str, verified: int
) -> None:
    result = build_zone(job)
    assert result.image
    if event == "boot":
        monkeypatch.setattr(images, "boot", lambda: "another")
    elif event == "touch":
        os.utime(Path(job.images, result.image))
    read: list[Path] = []
    monkeypatch.setattr(store, "verify", read.append)
    assert reuse(job) == result.image
    assert len(read) == verified


def _zone_of(job: Job) -> Zone:
    loaded = load.load_zone(job.origin, Path(job.file)).zone
    assert loaded
    return loaded


def test_a_file_changed_as_it_was_read_is_built_again(job: Job) -> None:
    os.utime(job.file)
    build_zone(job)
    assert reuse(job) is None


def test_zones_with_like_names_are_not_mixed_up(tmp_path: Path) -> None:
    origins = ["a.b.", "a_b.", r"a\.b.", "a/b.", ".", "x" * 63 + "." + "y" * 63 + "." + "z" * 63]
    assert len({images.stem(origin) for origin in origins}) == len(origins)
    for origin in origins:
        name = images.new_name(origin)
        assert "/" not in name
        assert len(name) < 200
        assert name != images.new_name(origin)
        (tmp_path / name).touch()
        assert images.by_stem(Stock(tmp_path))[images.stem(origin)] == [name]
        (tmp_path / name).unlink()


def test_what_is_no_image_is_not_listed(tmp_path: Path) -> None:
    for name in (".a-1.2.img.77.tmp", "README", "lost+found"):
        (tmp_path / name).touch()
    assert images.by_stem(Stock(tmp_path)) == {}


# -- many at once -----------------------------------------------------------------------------


def test_small_zones_are_built_without_starting_a_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(builders, "_start", None)
    results = build_many(tmp_path, 3)
    assert [result.serial for result in results] == [0, 1, 2]


@pytest.mark.parametrize("line", ["$GENERATE 1-99 h$ A 192.0.2.$", "$include more"])
def test_a_small_file_that_asks_for_much_is_built_in_a_process(tmp_path: Path, line: str) -> None:
    (tmp_path / "more").write_text("more A 192.0.2.1\n" + ";" * 4000)
    (tmp_path / "images").mkdir()
    jobs = [
        make_job(tmp_path, "a.", zone(1)),
        make_job(tmp_path, "b.", f"{zone(2)}{line}\n"),
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(builders, "SMALL", builders.PER_ZONE * 2 + 3000)
        patch.setattr(builders, "build_zones", None)
        results = built(jobs)
    assert sorted(result.serial for result in results) == [1, 2]


def test_a_large_policy_is_checked_in_a_process(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    job = make_job(tmp_path, "a.", zone(1))
    path_for(Path(job.file)).write_text("[[pool]]\n" * (builders.SMALL // 10))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(builders, "SMALL", builders.PER_ZONE * 2)
        patch.setattr(builders, "build_zones", None)
        (result,) = built([job])
    assert not result.is_loaded
    assert {found.code for found in result.findings} == {"policy"}


def test_much_is_built_in_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(builders, "SMALL", 0)
    results = build_many(tmp_path, 5)
    assert sorted(result.serial for result in results) == list(range(5))
    assert len(list((tmp_path / "images").iterdir())) == 5


def test_a_builder_is_behind_the_answers_before_it_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(builders, "SMALL", 0)
    real = builders._ask
    niceness: list[int] = []

    async def ask(
        process: asyncio.subprocess.Process, jobs: Sequence[Job]
    ) -> list[BuildResult] | None:
        niceness.append(os.getpriority(os.PRIO_PROCESS, process.pid))
        return await real(process, jobs)

    monkeypatch.setattr(builders, "_ask", ask)
    build_many(tmp_path, 1)
    assert niceness == [pace.NICENESS]


def built(jobs: Sequence[Job]) -> list[BuildResult]:
    results: list[BuildResult] = []
    asyncio.run(build_all(jobs, results.extend))
    return results


def build_many(directory: Path, count: int) -> list[BuildResult]:
    (directory / "images").mkdir()
    jobs = [make_job(directory, f"z{number}.", zone(number)) for number in range(count)]
    return built(jobs)


@pytest.mark.parametrize("times", [1, 2])
def test_a_builder_that_is_killed_is_tried_again_and_not_blamed_on_the_zone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    monkeypatch.setattr(builders, "SMALL", 0)
    real = builders._ask
    killed: list[str] = []

    async def ask(
        process: asyncio.subprocess.Process, jobs: Sequence[Job]
    ) -> list[BuildResult] | None:
        origin = jobs[0].origin
        if killed.count(origin) < times and killed in ([], [origin]):
            killed.append(origin)
            process.send_signal(signal.SIGKILL)
            await process.wait()
        return await real(process, jobs)

    monkeypatch.setattr(builders, "_ask", ask)
    results = build_many(tmp_path, 6)
    assert len(results) == 6
    assert len(killed) == times
    lost = [result for result in results if result.image is None]
    if times == 1:
        assert lost == []
        return
    assert [one.origin for one in lost] == killed[:1]
    assert lost[0].trouble == (
        "the process that built this zone was killed by SIGKILL (out of memory?)"
    )
    assert lost[0].findings == ()


def test_a_builder_that_cannot_be_started_is_no_fault_of_the_zones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(builders, "SMALL", 0)

    async def start(_memory: int | None) -> asyncio.subprocess.Process:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(builders, "_start", start)
    results = build_many(tmp_path, 3)
    assert {result.trouble for result in results} == {
        "cannot start a process to build this zone: Too many open files"
    }


def test_an_image_that_cannot_be_written_is_no_fault_of_the_zone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, _image: bytes) -> None:
        raise ImageError(f"cannot write {path}: the disk is full", errno.ENOSPC)

    monkeypatch.setattr(store, "save", full)
    (result,) = build_many(tmp_path, 1)
    assert "the disk is full" in result.trouble
    assert (result.findings, result.image) == ((), None)


def test_a_builder_ends_with_its_input(tmp_path: Path) -> None:
    """Even in the middle of a job: nobody waits for the result."""
    (tmp_path / "images").mkdir()
    records = "\n".join(f"h{number} A 192.0.2.1" for number in range(200_000))
    job = make_job(tmp_path, "large.", zone(1, records))

    async def run() -> int:
        process = await builders._start(None)
        assert process.stdin
        process.stdin.write(encode_jobs([job]))
        await process.stdin.drain()
        process.stdin.close()
        return await process.wait()

    assert asyncio.run(run()) == 0
    assert [path for path in (tmp_path / "images").iterdir() if path.suffix == ".img"] == []
