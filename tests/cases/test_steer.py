"""A running node as its operator steers it: what commands show, and how they end."""

from __future__ import annotations

import json

from tests.support import start_dnsd, zone


def test_a_day_with_a_node() -> None:
    zones = {"example.com": zone(3), "broken.example": "broken\n"}
    with start_dnsd(zones) as node:
        config = ("--config", str(node.config))

        listed = node.run("zones", *config).stdout.splitlines()
        assert [line.split()[0] for line in listed] == ["broken.example.", "example.com."]
        assert "  broken, for " in listed[0]
        assert "broken.example.zone:1: error:" in listed[0]
        rows = json.loads(node.run("zones", *config, "--state", "served", "--json").stdout)
        assert [row["serial"] for row in rows] == [3]

        shown = node.run("status", "EXAMPLE.com", *config).stdout
        assert shown.startswith("example.com.  served, serial 3, for ")
        assert f"  file: {node.zones / 'example.com.zone'}\n" in shown
        missing = node.run("status", "example.org", *config)
        assert (missing.returncode, missing.stdout) == (1, "")
        assert "example.org. is not a zone of this node: `dnsd zones` lists them" in missing.stderr

        node.addresses("ns.example.com")
        counted = node.run("stats", *config).stdout
        assert "queries for A " in counted
        assert "responses NOERROR " in counted
        rates = json.loads(node.run("stats", "--during", "50ms", "--json", *config).stdout)
        assert rates["per_second"].keys() == rates["counters"].keys()

        assert node.run("config", "diff", *config).returncode == 0
        text = node.config.read_text().replace('poll = "50ms"', 'poll = "1s"')
        node.config.write_text(text.replace("[server]", '[server]\nnsid = "fra1"'))
        differs = node.run("config", "diff", *config)
        assert differs.returncode == 4
        assert differs.stdout.splitlines() == [
            'server.nsid: nothing in the node, "fra1" in the file; it needs a restart',
            'zones.poll: "50ms" in the node, "1s" in the file; dnsd reload applies it',
        ]
        node.config.write_text("[server]\nnonsense = 1\n")
        unread = node.run("config", "diff", *config)
        assert unread.returncode == 1
        assert f"{node.config}:2: [server] nonsense: " in unread.stderr
        node.config.write_text(text)

        stopped = node.run("stop", *config)
        assert (stopped.returncode, stopped.stdout) == (
            0,
            f"dnsd (pid {node.process.pid}) has ended\n",
        )
        assert node.wait() == 0
        assert node.run("stop", *config).returncode == 3
