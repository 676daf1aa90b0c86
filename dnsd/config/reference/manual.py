"""The reference as manual pages: dnsd.toml(5) and dnsd-policy.toml(5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dnsd
from dnsd.config.reference.entries import configuration, policies

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dnsd.config.reference.entries import TableEntry

_INTRO = """\
The file is TOML.  An unknown key is an error.  Relative paths begin at the directory of the file.
A duration is a string with units, from large to small, such as "1h30m" or "50ms".  A size is a
string with KiB, MiB or GiB.  dnsd check reports every fault of a file at once.
"""

_PAGES = {
    "dnsd.toml": ("the configuration of dnsd", configuration),
    "dnsd-policy.toml": ("the policy of a zone, beside its zone file", policies),
}


def manual() -> dict[str, str]:
    """Return the pages in roff, by name; all belong to section 5."""
    return {name: "".join(_page(name, title, tables())) for name, (title, tables) in _PAGES.items()}


def _page(name: str, title: str, tables: tuple[TableEntry, ...]) -> Iterator[str]:
    yield f'.TH "{name.upper()}" "5" "" "dnsd {dnsd.__version__}" "File formats"\n'
    yield f".SH NAME\n{name} \\- {_roff(title)}\n"
    yield f".SH DESCRIPTION\n{_roff(_INTRO)}"
    for table in tables:
        yield f'.SH "{_roff(", ".join(table.headers))}"\n{_roff(table.meaning)}\n'
        for key in table.keys:
            yield f".TP\n.B {key.name}\n{_roff(key.explained)}\n"
    yield ".SH SEE ALSO\n.BR dnsd-check (1),\n.BR dnsd-config-show (1)\n"


def _roff(text: str) -> str:
    """Return ``text`` without Markdown's marks, and with what roff takes for commands escaped."""
    plain = text.replace("\\", "\\e").replace("-", "\\-").replace("`", "").replace('"', "\\(dq")
    return "\n".join(f"\\&{line}" if line[:1] in (".", "'") else line for line in plain.split("\n"))
