"""The reference of the configuration and of policies, made from the structs that read them.

    configuration()  the tables of dnsd.toml
    policies()       the tables of a policy beside a zone file
    lines(WORD)      a line for each key and table whose name has a word
    markdown()       deploy/CONFIGURATION.md
    manual()         dnsd.toml(5) and dnsd-policy.toml(5), in roff

Types, bounds and defaults come from the fields; what a key means is a text in the modules here. A
test holds that no key is without one. Only who reads the reference loads this.
"""

from __future__ import annotations

from dnsd.config.reference.entries import KeyEntry, TableEntry, configuration, policies
from dnsd.config.reference.manual import manual
from dnsd.config.reference.markdown import markdown
from dnsd.config.reference.plain import lines

__all__ = ["KeyEntry", "TableEntry", "configuration", "lines", "manual", "markdown", "policies"]
