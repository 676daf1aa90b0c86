"""What a command gets: defaults, options, the zones of a directory, cookie secrets."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import msgspec
import pytest

import dnsd
from dnsd import config
from dnsd.config import Endpoint, Options
from dnsd.errors import ConfigError

EXAMPLES = Path(__file__).parents[2] / "zones"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    zones = tmp_path / "zones"
    zones.mkdir()
    return zones


def problems_of(path: Path | None, options: Options) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        config.zone_files(config.resolve(path, options))
    return caught.value.problems


# -- defaults ----------------------------------------------------------------------------


def test_default_serves_the_examples_on_loopback() -> None:
    found = config.default()
    assert found.server.listen == (Endpoint("127.0.0.1", 5300), Endpoint("::1", 5300))
    files = config.zone_files(found)
    assert files["example.com."].samefile(EXAMPLES / "example.com.zone")
    assert len(files) == len(list(EXAMPLES.glob("*.zone")))


def test_default_identity() -> None:
    server = config.default().server
    assert server.server_id == socket.gethostname()
    assert server.version == f"dnsd {dnsd.__version__}"
    assert server.nsid is None


def test_without_examples(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("dnsd.config.paths._PACKAGE", tmp_path / "dnsd")
    with pytest.raises(ConfigError, match="the example zones are not installed: name your own"):
        config.default()


def test_examples_inside_an_installed_package(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "dnsd/_zones").mkdir(parents=True)
    monkeypatch.setattr("dnsd.config.paths._PACKAGE", tmp_path / "dnsd")
    assert config.default().zones.directory == tmp_path / "dnsd/_zones"


@pytest.mark.parametrize(
    ("user", "environment", "expected"),
    [
        (0, {"STATE_DIRECTORY": "/var/lib/a:/var/lib/b"}, "/var/lib/a"),
        (1000, {"STATE_DIRECTORY": "/var/lib/a"}, "/var/lib/a"),
        (0, {}, "/var/lib/dnsd"),
        (0, {"XDG_STATE_HOME": "/x"}, "/var/lib/dnsd"),
        (1000, {"XDG_STATE_HOME": "/x"}, "/x/dnsd"),
        (1000, {}, "/home/u/.local/state/dnsd"),
    ],
)
def test_state_directory(
    monkeypatch: pytest.MonkeyPatch, user: int, environment: dict[str, str], expected: str
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: user)
    for name in ("STATE_DIRECTORY", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"HOME": "/home/u", **environment}.items():
        monkeypatch.setenv(name, value)
    server = config.default().server
    assert server.state_directory == Path(expected)
    assert server.admin_socket == Path(expected, "admin.sock")


def test_a_state_directory_too_long_for_a_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", "/" + "x" * 107)
    with pytest.raises(ConfigError, match="the path of a unix socket may have 107"):
        config.default()


# -- options -----------------------------------------------------------------------------


def test_options_over_the_defaults(directory: Path) -> None:
    options = Options(listen=("127.0.0.1:53",), zones=str(directory), workers=3)
    found = config.resolve(None, options)
    assert found.server.listen == (Endpoint("127.0.0.1", 53),)
    assert found.server.workers == 3
    assert found.zones.directory == directory
    assert config.zone_files(found) == {}


def test_one_zone_takes_the_place_of_the_examples() -> None:
    found = config.resolve(None, Options(zone=("Example.ORG=org.db", ".=root.db")))
    assert config.zone_files(found) == {".": Path("root.db"), "example.org.": Path("org.db")}


def test_options_over_a_file(tmp_path: Path, directory: Path) -> None:
    path = tmp_path / "dnsd.toml"
    path.write_text(
        "[server]\nlisten = '127.0.0.1:53'\nworkers = 2\n"
        "[zones]\ndirectory = 'elsewhere'\n[[zone]]\nname = 'a.example'\nfile = 'a'\n"
    )
    found = config.resolve(path, Options(zones=str(directory), zone=("b.example=b",)))
    assert found.server.workers == 2
    assert found.server.listen == (Endpoint("127.0.0.1", 53),)
    assert config.zone_files(found) == {"a.example.": tmp_path / "a", "b.example.": Path("b")}


def test_problems_of_options() -> None:
    options = Options(listen=("::1", "x"), zone=("a", "=b", "a..b=c", "ok=d"), workers=-1)
    with pytest.raises(ConfigError) as caught:
        config.resolve(None, options)
    assert caught.value.problems == (
        "--listen: '::1' must have its IPv6 address in brackets, as in [::1]:53",
        "--listen: 'x' has no port: write x:53",
        "--workers: -1 is out of bounds: from 0 to 256, because each worker is a process, and 0 "
        "means one for each core",
        "--zone: 'a' is not ORIGIN=FILE, as in example.com=zones/example.com.zone",
        "--zone: '=b' is not ORIGIN=FILE, as in example.com=zones/example.com.zone",
        "--zone: 'a..b' has an empty label: two dots in a row, or nothing at all",
    )


def test_options_travel_as_json() -> None:
    options = Options(listen=("127.0.0.1:53",), zones="z", zone=("a=b",), workers=1)
    assert msgspec.json.decode(msgspec.json.encode(options), type=Options) == options


# -- zones -------------------------------------------------------------------------------


def test_the_directory_names_the_zones(directory: Path) -> None:
    names = ["Example.COM.zone", "@.zone", "0\\0471.2.arpa.zone", ".hidden.zone", "x.toml", "zone"]
    for name in names:
        (directory / name).touch()
    (directory / "directory.zone").mkdir()
    assert config.zone_files(config.resolve(None, Options(zones=str(directory)))) == {
        ".": directory / "@.zone",
        "0/1.2.arpa.": directory / "0\\0471.2.arpa.zone",
        "example.com.": directory / "Example.COM.zone",
    }


def test_links_in_the_directory_are_what_they_lead_to(directory: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").touch()
    (tmp_path / "below").mkdir()
    (directory / "file.zone").symlink_to(tmp_path / "elsewhere")
    (directory / "directory.zone").symlink_to(tmp_path / "below")
    (directory / "nowhere.zone").symlink_to(tmp_path / "gone")
    (directory / "itself.zone").symlink_to(directory / "itself.zone")
    found = config.zone_files(config.resolve(None, Options(zones=str(directory))))
    assert [*found] == ["file.", "itself.", "nowhere."]


@pytest.mark.parametrize("last", [61, 62])
def test_a_name_of_255_octets_is_the_longest(last: int) -> None:
    name = ".".join(["X" * 63] * 3 + ["Y" * last])
    option = f"{name}=file"
    if last == 61:
        assert config.parse_zone_option(option).name == f"{name.lower()}."
    else:
        with pytest.raises(ValueError, match="256 octets; a name may have 255"):
            config.parse_zone_option(option)


def test_root_zone_by_another_name(directory: Path) -> None:
    (directory / "root.zone").touch()
    found = config.zone_files(config.resolve(None, Options(zones=str(directory))))
    assert found == {".": directory / "root.zone"}


def odd(found: config.ZoneFiles) -> list[str]:
    assert found.problems == ()
    return [str(problem) for problem in found.odd]


def test_of_two_files_of_one_zone_one_is_served(tmp_path: Path, directory: Path) -> None:
    for name in ("a.example.zone", "A.example.zone", "b.example.zone", "@.zone", "root.zone"):
        (directory / name).touch()
    path = tmp_path / "dnsd.toml"
    listed = "[[zone]]\nname = '\\098.Example'\nfile = 'b.db'\n"
    path.write_text(f"[zones]\ndirectory = 'zones'\n\n{listed}")
    found = config.find_zones(config.resolve(path, Options()))
    assert found.files == {
        ".": directory / "@.zone",
        "a.example.": directory / "a.example.zone",
        "b.example.": tmp_path / "b.db",
    }
    assert odd(found) == [
        f"{directory}/A.example.zone: is not served: the zone a.example. is served from "
        f"{directory}/a.example.zone already; remove or rename one of the two",
        f"{directory}/b.example.zone: is not served: the zone b.example. is served from "
        f"{tmp_path}/b.db already; remove or rename one of the two",
        f"{directory}/root.zone: is not served: the zone . is served from {directory}/@.zone "
        "already; remove or rename one of the two",
    ]


def test_a_zone_that_is_listed_twice(tmp_path: Path) -> None:
    path = tmp_path / "dnsd.toml"
    one = "[[zone]]\nname = 'a.example'\nfile = '{}.db'\n"
    path.write_text(one.format("x") + one.format("y"))
    assert problems_of(path, Options()) == (
        f"{path}:4: the zone a.example. has more than one file: {tmp_path}/x.db and "
        f"{tmp_path}/y.db; keep one of them",
    )


def test_a_file_that_is_not_named_after_a_zone_touches_no_other(directory: Path) -> None:
    names = {
        "a..b": "'a..b' has an empty label",
        "a b": "'a b' has a blank or a control character",
        "copy of x": "'copy of x' has a blank or a control character",
        "l" * 70: "has a label of 70 octets; 63 are allowed",
        "esc\x1b[31m": "has a blank or a control character",
        "b\udcff": "is not ASCII",
    }
    for name in (*names, "x"):
        (directory / f"{name}.zone").touch()
    found = config.find_zones(config.resolve(None, Options(zones=str(directory))))
    assert found.files == {"x.": directory / "x.zone"}
    said = odd(found)
    for name, why in names.items():
        shown = name.replace("\x1b", "\\x1b").replace("\udcff", "\\xff")
        (line,) = (one for one in said if one.startswith(f"{directory}/{shown}.zone: is not"))
        assert why in line
        assert line.isprintable()
    assert len(said) == len(names)


def test_a_directory_that_is_not_there(directory: Path) -> None:
    missing = directory / "none"
    assert problems_of(None, Options(zones=str(missing))) == (
        f"[zones] directory: cannot list {missing}: No such file or directory",
    )


@pytest.mark.parametrize(
    ("name", "origin"),
    [("example.com.zone", "example.com."), ("@.zone", "."), ("root.zone", ".")],
)
def test_origin_of(name: str, origin: str) -> None:
    assert config.origin_of(Path("anywhere", name)) == origin


@pytest.mark.parametrize("name", ["example.com", ".zone", "-"])
def test_origin_of_something_else(name: str) -> None:
    with pytest.raises(ValueError, match="cannot tell the zone"):
        config.origin_of(Path(name))


# -- cookie secrets ----------------------------------------------------------------------


def secrets_in(tmp_path: Path, text: str) -> tuple[bytes, ...]:
    (tmp_path / "secrets").write_bytes(text.encode())
    path = tmp_path / "dnsd.toml"
    path.write_text("server.cookie_secret_file = 'secrets'")
    return config.cookie_secrets(config.load(path))


def test_no_secrets() -> None:
    assert config.cookie_secrets(config.default()) == ()


def test_secrets(tmp_path: Path) -> None:
    text = f"# new\n{'aB' * 16}\n\n{'00' * 16} \n"
    assert secrets_in(tmp_path, text) == (b"\xab" * 16, b"\x00" * 16)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "holds 0 secrets; 1 to 4 are needed"),
        (f"{'00' * 16}\n" * 5, "holds 5 secrets; 1 to 4 are needed"),
        ("# x\nc0ffee\n", "2 is not a cookie secret: write 32 hexadecimal digits"),
        ("ü", "1 is not a cookie secret: write 32 hexadecimal digits"),
    ],
)
def test_secrets_that_are_none(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        secrets_in(tmp_path, text)
    (problem,) = caught.value.problems
    key = f"{tmp_path}/dnsd.toml: [server] cookie_secret_file: {tmp_path}/secrets"
    assert problem.startswith(key)
    assert problem.endswith(message)
    assert "c0ffee" not in problem


def test_secrets_that_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "dnsd.toml"
    path.write_text("server.cookie_secret_file = 'none'")
    with pytest.raises(ConfigError, match=r"cannot read .*/none: No such file or directory"):
        config.cookie_secrets(config.load(path))
