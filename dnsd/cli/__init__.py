"""The command line: a group of commands, each loaded only when it is called.

Knows the names of the commands, how errors end them, and nothing of what they do. Exit
status: 0 done, 1 not done (one sentence on standard error says why), 2 wrong usage, 3 no
node is running, 4 a node works in part, or has done it in part: a sentence says which.
"""

from __future__ import annotations

from keyword import iskeyword
from typing import IO, Any

import click

import dnsd
from dnsd.cli import exits
from dnsd.cli.output import echo, finish, prepare
from dnsd.errors import ControlDown, DnsdError, NotRunning, OutputError
from dnsd.process.descriptors import fill_standard
from dnsd.process.start import imported

COMMANDS = {
    "serve": "Serve zones until told to stop.",
    "check": "Check zone files and the configuration.",
    "explain": "Show an answer, and why it is that one.",
    "status": "Show what a running node serves and counts.",
    "zones": "List the zones of a running node.",
    "stats": "Show what a running node has counted, in all or each second.",
    "reload": "Make a running node reload its zones, and wait for it.",
    "zone": "Show zones and their transfers; notify, refresh, fetch again.",
    "config": "Show the configuration, what a reload changes, its keys.",
    "restart": "Restart a running node without losing a query.",
    "upgrade": "Have the installed version take a running node over.",
    "stop": "Stop a running node, as its service manager would.",
    "top": "Show live what a running node is asked, by whom, and how it is.",
    "querylog": "Log the queries of a running node for a while.",
    "log-level": "Show or change from which level on a running node logs.",
    "failover": "Show what pools are answered with, and why; give orders.",
    "rto": "Show how long clients notice a failure, and what shortens it.",
    "demand": "Show what caches look up, for choosing TTLs.",
    "horizon": "Show which answers caches may still hold, and until when.",
    "declare": "Tell a node what it cannot know about caches.",
    "anycast": "Show whether the VIPs are announced, to whom, and why.",
    "drain": "Move clients away from this node, or from a member of pools.",
    "undrain": "Undo a drain.",
    "withdraw": "Withdraw the routes of this node's VIPs.",
    "announce": "Undo a withdrawal.",
    "balance": "Distribute packets for VIPs among backends, as a director.",
    "backend": "Prepare a machine that serves behind a director.",
    "import": "Take over the configuration of NSD, BIND, Knot or gdnsd.",
    "bird-config": "Write the configuration of a node's BIRD, or of a site's router.",
    "version": "Show the version, the hot path, Python, and libraries.",
}
"""Commands in the order of ``--help``; each is the object of its name (a hyphen becomes an
underscore, and one follows a word of Python's) in the module of its name, or in the one that
MODULES says."""

MODULES = dict.fromkeys(("drain", "undrain", "withdraw", "announce"), "orders")


class Failure(click.ClickException):
    """A DnsdError on its way to standard error."""

    exit_code = exits.FAILED

    def show(self, file: IO[Any] | None = None) -> None:  # noqa: ARG002
        """Print each sentence with the name of the program before it."""
        for sentence in self.message.splitlines():
            echo(f"dnsd: {sentence}", err=True)


class NotRunningFailure(Failure):
    """A command that needs a running node found none."""

    exit_code = exits.NOT_RUNNING


class DegradedFailure(Failure):
    """A command found a node of which only a part works."""

    exit_code = exits.DEGRADED


class Commands(click.Group):
    """A group that knows its commands' names and imports one only to run it."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Return the names, in the order of a day's work."""
        return [*COMMANDS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import the command ``cmd_name``."""
        if cmd_name not in COMMANDS:
            return None
        name = cmd_name.replace("-", "_") + "_" * iskeyword(cmd_name)
        module = imported(f"dnsd.cli.{MODULES.get(cmd_name, name)}")
        command = getattr(module, name)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the list of commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([*COMMANDS.items()])

    def main(self, *args: Any, **extra: Any) -> Any:
        """Run the program; output that cannot be written is an error like any other."""
        fill_standard()
        prepare()
        try:
            try:
                return super().main(*args, **extra)
            finally:
                finish()
        except OutputError as error:
            Failure(str(error)).show()
            raise SystemExit(exits.FAILED) from None

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; what dnsd raises on purpose becomes a sentence and an exit status."""
        try:
            return super().invoke(ctx)
        except NotRunning as error:
            raise NotRunningFailure(str(error)) from error
        except ControlDown as error:
            raise DegradedFailure(str(error)) from error
        except DnsdError as error:
            raise Failure(str(error)) from error


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(dnsd.__version__, prog_name="dnsd", message="%(prog)s %(version)s")
def main() -> None:
    """Serve DNS zones with authority, and see why every answer is what it is.

    Zones are ordinary zone files, named after the zone (example.com.zone). To try it:
    "dnsd serve" serves the example zones on 127.0.0.1:5300; ask them with
    "dig @127.0.0.1 -p 5300 www.example.com".

    Exit status: 0 done, 1 not done (a sentence on standard error says why), 2 wrong usage,
    3 no node is running, 4 it works in part, or has done it in part (a sentence says which).
    """
