"""``dnsd bird-config``: what BIRD on a node, and a site's router, have to be told.

Knows files and options; what is written stands in :mod:`dnsd.routerconf`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from dnsd import config
from dnsd.cli.output import echo
from dnsd.config import balancerules, paths
from dnsd.errors import ConfigError
from dnsd.routerconf import (
    PASSWORDS,
    Dialect,
    faults,
    node_bird,
    router_bird,
    router_frr,
    site_of,
)

if TYPE_CHECKING:
    from dnsd.config import Anycast

_CONFIG = click.option(
    "--config",
    "files",
    type=click.Path(path_type=Path),
    envvar="DNSD_CONFIG",
    multiple=True,
    required=True,
    metavar="FILE",
    help="The configuration of each node of the site; it may be repeated.",
)
_BIRD = click.option(
    "--bird",
    type=click.Choice([dialect.value for dialect in Dialect]),
    help=f"The major version of BIRD; {Dialect.BIRD2} by default.",
)


@click.group("bird-config")
def bird_config() -> None:
    """Write the configuration of a node's BIRD, or of a site's router.

    Both are made of the nodes' own configuration ([anycast] and the tables below it), and let
    through exactly the addresses that it names. deploy/README.md goes through it step by step.
    """


@bird_config.command()
@click.option(
    "--config",
    "file",
    type=click.Path(path_type=Path),
    envvar="DNSD_CONFIG",
    default=paths.configuration,
    required=True,
    metavar="FILE",
    help=f"The node's configuration; by default $DNSD_CONFIG, or {paths.CONFIGURATION} if there.",
)
@_BIRD
def node(file: Path, bird: str | None) -> None:
    """Print the whole bird.conf of a node."""
    echo(node_bird(_anycast(file), Dialect(bird or Dialect.BIRD2)), nl=False)


@bird_config.command()
@_CONFIG
@click.option(
    "--neighbor",
    "neighbors",
    multiple=True,
    metavar="NAME",
    help="The [[anycast.neighbor]] that is this router, where nodes have several routers.",
)
@_BIRD
@click.option("--frr", is_flag=True, help="The router runs FRR, not BIRD.")
@click.option(
    "--passwords",
    type=click.Path(path_type=Path),
    default=PASSWORDS,
    show_default=True,
    metavar="FILE",
    help="Where the router's BIRD finds the passwords of its nodes.",
)
def router(
    files: tuple[Path, ...],
    neighbors: tuple[str, ...],
    bird: str | None,
    frr: bool,
    passwords: Path,
) -> None:
    """Print what a site's router must have in its configuration about its nodes.

    A node is called by the name of its file: name the files after the nodes.
    """
    if frr and bird is not None:
        raise click.UsageError("--frr and --bird exclude each other: the router runs one of them")
    site = site_of(_nodes(files), neighbors)
    dialect = Dialect(bird or Dialect.BIRD2)
    echo(router_frr(site) if frr else router_bird(site, dialect, passwords), nl=False)


def _nodes(files: tuple[Path, ...]) -> dict[str, Anycast]:
    nodes: dict[str, Anycast] = {}
    for file in files:
        if file.stem in nodes:
            raise ConfigError(
                [f"{file}: there is a node named {file.stem} already: name the files after nodes"]
            )
        nodes[file.stem] = _anycast(file)
    return nodes


def _anycast(file: Path) -> Anycast:
    """Return what ``file`` says about anycast; ConfigError if it says too little."""
    anycast = balancerules.announced(config.load(file))
    if problems := faults(anycast):
        raise ConfigError([f"{file}: {problem}" for problem in problems])
    return anycast
