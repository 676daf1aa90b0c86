"""A configuration as TOML again: reading it gives the same configuration."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
import tomli_w

from dnsd import config
from dnsd.config import Config
from dnsd.config.written import changed, flat, plain

DEPLOY = Path(__file__).parents[2] / "deploy"
EXAMPLES = ("dnsd.example.toml", "anycast.example.toml", "director.example.toml")

EVERYTHING = """
[server]
listen = "192.0.2.1:53"
nsid = "fra1"
tcp_idle = "1m30s"
udp_receive_buffer = "3MiB"
[zones]
directory = "zones"
shrink = "12.5%"
[[zone]]
name = "Fetched.example"
primaries = [{ address = "192.0.2.7", key = "k", tls = true, tls_name = "ns.example" }]
allow_transfer = [{ network = "192.0.2.0/24" }, { key = "k" }]
[[key]]
name = "k"
secret_file = "k.secret"
[http]
listen = "192.0.2.1:9153"
[failover]
peers = ["http://192.0.2.2:9153", "http://[2001:db8::2]:9153"]
commands = { own = ["/bin/true", "{address}"] }
[failover.hooks]
url = "https://hooks.example/x"
"""


def read(path: Path, text: str) -> Config:
    path.write_text(text)
    return _placeless(config.load(path))


def _placeless(found: Config) -> Config:
    """Return it without the places of its tables in the file, and without the file."""
    tables = {
        name: tuple(msgspec.structs.replace(one, line=0) for one in value)
        if isinstance(value, tuple) and value and "line" in value[0].__struct_fields__
        else value
        for name in Config.__struct_fields__
        for value in [getattr(found, name)]
    }
    return msgspec.structs.replace(found, **{**tables, "path": None})


@pytest.mark.parametrize("example", [*EXAMPLES, "everything"])
def test_what_is_written_reads_the_same(example: str, tmp_path: Path) -> None:
    text = EVERYTHING if example == "everything" else (DEPLOY / example).read_text()
    found = read(tmp_path / "a.toml", text)
    whole = plain(found)
    assert read(tmp_path / "b.toml", tomli_w.dumps(whole)) == found
    short = changed(whole, plain(Config()))
    assert read(tmp_path / "c.toml", tomli_w.dumps(short)) == found
    assert len(short) < len(whole)


def test_only_what_differs_is_told(tmp_path: Path) -> None:
    found = read(tmp_path / "a.toml", EVERYTHING)
    short = dict(flat(changed(plain(found), plain(Config()))))
    assert short["server.tcp_idle"] == "1m30s"
    assert short["zones.shrink"] == "12.5%"
    assert short["failover.commands.own"] == ["/bin/true", "{address}"]
    assert not [key for key in short if key.startswith(("log.", "anycast.", "server.tcp_stall"))]
