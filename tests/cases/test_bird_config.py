"""``dnsd bird-config`` and deploy/: BIRD, FRR, systemd and the kernel accept what is in there.

The examples are rendered anew and compared, so none of them can go stale.
"""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from dnsd import cli, config
from dnsd.config.units import parse_duration
from dnsd.control.anycast import kernel
from tests.conftest import needs

DEPLOY = Path(__file__).parents[2] / "deploy"
EXAMPLE = (DEPLOY / "anycast.example.toml").read_text()
UNIT = DEPLOY / "systemd/dnsd.service"
README = (DEPLOY / "README.md").read_text()
LINES = [
    line
    for block in re.findall(r"^```sh\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    for line in block.splitlines()
]
COMMANDS = re.findall(r"^(?:sudo )?dnsd ([^|>\n]+)", "\n".join(LINES), re.MULTILINE)

RENDERED = {
    "bird/node.conf": ["node"],
    "bird/node-bird3.conf": ["node", "--bird", "3"],
    "bird/router.conf": ["router"],
    "bird/router-bird3.conf": ["router", "--bird", "3"],
    "frr/router.conf": ["router", "--frr"],
}
ROUTERS_OWN = re.compile(r"^# {3}(?=router id|protocol)", re.MULTILINE)
"""The comments that show what the rest of a router's bird.conf needs."""

STATE = "define DNSD_DRAIN = false;\n"
PASSWORDS = 'define DNSD_PASSWORD = "a";\ndefine DNSD_PASSWORD_nyc1 = "a";\n'


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(cli.main, ["bird-config", *map(str, arguments)])


@pytest.fixture
def example(tmp_path: Path) -> Path:
    path = tmp_path / "nyc1.toml"
    path.write_text(EXAMPLE)
    return path


def rendered(name: str, example: Path) -> str:
    if name.startswith("frr/"):
        example.write_text(EXAMPLE.replace("ttl_security = true", "ttl_security = false"))
    what, *options = RENDERED[name]
    result = invoke(what, "--config", example, *options)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.mark.parametrize("name", RENDERED)
def test_the_examples_are_what_is_written_today(name: str, example: Path) -> None:
    assert (DEPLOY / name).read_text() == rendered(name, example)


def test_every_example_is_looked_at() -> None:
    found = {f"{path.parent.name}/{path.name}" for path in DEPLOY.glob("*/*.conf")}
    assert found - {"sysctl.d/90-dnsd.conf"} == RENDERED.keys()


# -- the daemons accept it ----------------------------------------------------------------------


def parsed(program: str, text: str, tmp_path: Path) -> str:
    """Return what BIRD says to ``text``, with the files that it includes in their place."""
    (tmp_path / "state.conf").write_text(STATE)
    (tmp_path / "passwords.conf").write_text(PASSWORDS)
    text = text.replace("/etc/bird/dnsd/state.conf", f"{tmp_path}/state.conf")
    text = re.sub(r"/etc/bird/dnsd-passwords?\.conf", f"{tmp_path}/passwords.conf", text)
    assert "/etc" not in text
    path = tmp_path / "bird.conf"
    path.write_text(text)
    done = subprocess.run(
        [program, "-p", "-c", path], capture_output=True, text=True, timeout=30, check=False
    )
    return done.stdout + done.stderr + (f"status {done.returncode}" if done.returncode else "")


def whole(name: str) -> str:
    """Return an example, a router's with what its comments say that it needs besides."""
    text = (DEPLOY / name).read_text()
    if "router" not in name:
        return text
    text, count = ROUTERS_OWN.subn("", text)
    assert count == 5
    return text


@needs("bird")
@pytest.mark.parametrize("name", [name for name in RENDERED if name.startswith("bird/")])
def test_bird_accepts_it(name: str, tmp_path: Path) -> None:
    """BIRD 2 knows all that is written for BIRD 3 but the line that it has no need of."""
    text = whole(name)
    lines = [line for line in text.splitlines() if line.strip() != "authentication md5;"]
    assert (len(lines) < len(text.splitlines())) is ("bird3" in name)
    assert parsed("bird", "\n".join(lines), tmp_path) == ""


@needs("bird")
def test_bird_would_have_said_what_is_wrong(tmp_path: Path) -> None:
    text = whole("bird/node.conf").replace("ttl security on", "ttl security perhaps")
    assert "status 1" in parsed("bird", text, tmp_path)


@pytest.mark.skipif(shutil.which("bird3") is None, reason="no BIRD 3 is here as bird3")
@pytest.mark.parametrize("name", ["bird/node-bird3.conf", "bird/router-bird3.conf"])
def test_bird_3_accepts_it(name: str, tmp_path: Path) -> None:
    assert parsed("bird3", whole(name), tmp_path) == ""


def vtysh(path: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["vtysh", "-C", "-f", path], capture_output=True, text=True, timeout=30, check=False
    )


@needs("vtysh")
def test_frr_accepts_it() -> None:
    done = vtysh(DEPLOY / "frr/router.conf")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@needs("vtysh")
def test_frr_would_have_said_what_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "frr.conf"
    text = (DEPLOY / "frr/router.conf").read_text()
    path.write_text(text.replace("detect-multiplier", "detect-multiplication"))
    assert vtysh(path).returncode != 0


# -- the command --------------------------------------------------------------------------------


def test_several_nodes_of_a_site(example: Path) -> None:
    other = example.with_name("nyc2.toml")
    other.write_text(EXAMPLE.replace("::2", "::3").replace("100.2", "100.3"))
    result = invoke("router", "--config", example, "--config", other, "--passwords", "/srv/p")
    assert result.exit_code == 0, result.output
    assert re.findall(r"^protocol bgp (\w+)", result.stdout, re.MULTILINE) == [
        "nyc1_rtr4",
        "nyc1_rtr6",
        "nyc2_rtr4",
        "nyc2_rtr6",
    ]
    assert 'include "/srv/p";' in result.stdout


def test_problems_are_sentences_with_the_file(example: Path) -> None:
    example.write_text(EXAMPLE.replace("65010", "65001"))
    for what in ("node", "router"):
        result = invoke(what, "--config", example)
        assert (result.exit_code, result.stdout) == (1, "")
        assert result.stderr.startswith(f"dnsd: {example}: [[anycast.neighbor]] rtr4: asn 65001")


def test_a_file_that_is_wrong(example: Path) -> None:
    example.write_text(EXAMPLE.replace("192.0.2.53/32", "192.0.3.53/32"))
    result = invoke("node", "--config", example)
    assert result.exit_code == 1
    assert "192.0.3.53 is in none of the subnets" in result.stderr


def test_two_files_of_one_name(example: Path) -> None:
    result = invoke("router", "--config", example, "--config", example)
    assert result.exit_code == 1
    assert "there is a node named nyc1 already" in result.stderr


def test_frr_and_bird_exclude_each_other(example: Path) -> None:
    assert invoke("router", "--config", example, "--frr", "--bird", "2").exit_code == 2


# -- the rest of deploy/ ------------------------------------------------------------------------


def test_the_example_of_a_node_is_right(example: Path) -> None:
    found = config.load(example).anycast
    assert found.enabled
    assert len(found.vips) == len(found.neighbor) == 2


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit with this Python's dnsd in it, where systemd looks for programs."""
    program = tmp_path / "dnsd"
    program.write_text(f"#!{sys.executable}\nfrom dnsd.cli import main\nmain()\n")
    program.chmod(0o755)
    path = tmp_path / "dnsd.service"
    path.write_text(UNIT.read_text().replace("/opt/dnsd/bin/dnsd", str(program)))
    return path


def systemd_analyze(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = ["systemd-analyze", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@needs("systemd-analyze")
def test_systemd_accepts_the_unit(unit: Path) -> None:
    done = systemd_analyze("verify", "--man=no", unit)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@needs("systemd-analyze")
def test_systemd_would_have_said_what_is_wrong(unit: Path) -> None:
    unit.write_text(unit.read_text().replace("WatchdogSec=10s", "WatchdogSec=often"))
    assert "often" in systemd_analyze("verify", "--man=no", unit).stderr


@needs("systemd-analyze")
def test_the_unit_is_confined(unit: Path) -> None:
    done = systemd_analyze("security", "--offline=true", "--threshold=30", unit)
    assert done.returncode == 0, done.stdout


def service() -> configparser.SectionProxy:
    # DeviceAllow= stands there three times; none of them is asked for.
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[method-assign, assignment]
    parser.read(UNIT)
    return parser["Service"]


def test_a_stop_has_the_time_to_drain(example: Path) -> None:
    anycast = config.load(example).anycast
    patience = parse_duration(service()["TimeoutStopSec"])
    assert patience >= 2 * (anycast.drain_linger + anycast.stop_linger)


def test_the_unit_and_the_example_mean_the_same_places(example: Path) -> None:
    found = config.load(example)
    written = Path(service()["ReadWritePaths"].removeprefix("-"))
    assert found.anycast.bird.state_file.parent == written
    assert found.server.state_directory == Path("/var/lib", service()["StateDirectory"])


def test_the_kernels_settings_leave_nothing_to_advise() -> None:
    text = (DEPLOY / "sysctl.d/90-dnsd.conf").read_text()
    settings = dict(re.findall(r"^(\S+) = (\d+)$", text, re.MULTILINE))

    def read(*name: str) -> int:
        return int(settings.get(".".join(name), 0))

    vips = ("192.0.2.53", "2001:db8:53::53")
    assert kernel.advice(("eth0", "eth1"), vips, read) == ()
    assert kernel.advice(("eth0", "eth1"), vips, lambda *_: 0) != ()


# -- deploy/README.md ---------------------------------------------------------------------------


def test_readme_names_commands() -> None:
    said = {command.split()[0] for command in COMMANDS}
    assert said >= {"check", "bird-config", "anycast", "drain", "undrain", "status", "withdraw"}


@pytest.mark.parametrize("command", sorted(set(COMMANDS)))
def test_readmes_commands_exist_with_their_options(command: str) -> None:
    arguments = re.sub(r'"[^"]*"', "text", command).split()
    result = CliRunner().invoke(cli.main, [*arguments, "--help"])
    assert result.exit_code == 0, result.output


def test_readmes_files_are_there() -> None:
    named = set(re.findall(r"\bdeploy/[\w./-]*\w", README))
    assert named
    assert [name for name in named if not (DEPLOY.parent / name).exists()] == []
