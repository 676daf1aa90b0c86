"""The Containerfile fits the rest: what it copies, builds, publishes, and who it runs as."""

from __future__ import annotations

import re
from pathlib import Path

from dnsd import config

ROOT = Path(__file__).parents[2]
CONTAINER = ROOT / "deploy/container"
STEPS = (CONTAINER / "Containerfile").read_text()
PACKAGE = (ROOT / "deploy/debian/build").read_text()


def test_what_is_copied_into_the_image_is_there() -> None:
    copied = re.findall(r"^COPY (?!--from)(\S+) ", STEPS, re.MULTILINE)
    assert copied == [".", "deploy/container/dnsd.toml"]
    assert all((ROOT / path).exists() for path in copied)


def test_the_package_is_built_as_make_deb_does() -> None:
    (recipe,) = re.findall(r"^deb:\n\t(\S+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert f"&& {recipe}\n" in STEPS
    for program in re.findall(r"missing\+=\(([^)]*)\)", PACKAGE):
        assert all(re.search(rf"\b{one}\b", STEPS) for one in program.split()), program


def test_nothing_that_is_built_from_goes_without_its_source() -> None:
    ignored = (ROOT / ".containerignore").read_text().split()
    needed = ("dnsd", "deploy", "zones", "setup.py", "pyproject.toml", "README.md", "LICENSE")
    assert not set(needed) & set(ignored)


def test_the_image_serves_what_it_publishes() -> None:
    given = config.load(CONTAINER / "dnsd.toml")
    ports = {one.port for one in given.server.listen}
    assert {
        int(port)
        for port in re.findall(r"(\d+)/(?:udp|tcp)\b", STEPS.split("EXPOSE")[1].split("\n")[0])
    } == ports
    assert min(ports) > 1023
    assert f"VOLUME {given.server.state_directory}\n" in STEPS
    assert 'ENTRYPOINT ["/usr/bin/dnsd"]' in STEPS
    assert 'ln -s /opt/dnsd/bin/dnsd "$root/usr/bin/dnsd"' in PACKAGE


def test_the_image_is_not_root() -> None:
    assert STEPS.rindex("\nUSER dnsd\n") < STEPS.index("\nENTRYPOINT")
    assert (
        "--group --no-create-home --home /var/lib/dnsd dnsd"
        in (ROOT / "deploy/debian/postinst").read_text()
    )
