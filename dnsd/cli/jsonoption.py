"""The option ``--json`` by itself: those beside it load the configuration."""

from __future__ import annotations

import click

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
"""``--json``, passed as ``as_json: bool``."""
