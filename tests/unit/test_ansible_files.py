"""The roles for Ansible fit the rest: their variables, how they call dnsd, what they copy."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ANSIBLE = ROOT / "deploy/ansible"


@pytest.mark.parametrize("role", ["dnsd_node", "dnsd_router"])
def test_each_variable_of_a_role_has_a_default_or_is_registered(role: str) -> None:
    texts = [path.read_text() for path in (ANSIBLE / "roles" / role).rglob("*.yml")]
    used = {
        name for text in texts for name in re.findall(r"\b(dnsd_\w+)\b", re.sub(r"#.*", "", text))
    }
    defaults = (ANSIBLE / "roles" / role / "defaults/main.yml").read_text()
    known = set(re.findall(r"^#? ?(dnsd_\w+):", defaults, re.MULTILINE))
    known |= {name for text in texts for name in re.findall(r"register: (dnsd_\w+)", text)}
    of_nodes = {"dnsd_bgp_password"} if role == "dnsd_router" else set()
    assert used - known - of_nodes == set()


def test_roles_call_dnsd_as_it_can_be_called() -> None:
    text = "\n".join(path.read_text() for path in (ANSIBLE / "roles").rglob("tasks/*.yml"))
    assert "bird-config" in text
    assert "check --config %s" in text
    assert (ANSIBLE / "../sysctl.d/90-dnsd.conf").resolve().exists()


def test_the_example_inventory_names_a_package_as_it_is_built() -> None:
    text = (ANSIBLE / "inventory.example.yml").read_text()
    assert re.search(r"dist/dnsd_[\w.~]+_amd64\.deb", text)
    assert tomllib.loads((ROOT / "deploy/anycast.example.toml").read_text())["anycast"]["enabled"]
