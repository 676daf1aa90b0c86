"""$GENERATE as BIND understands it: a range, and templates with ``$`` and ``${offset,width,base}``.

Text in, text out; what the text means is the reader's business.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dnsd.zone.names import shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dnsd.zone.scan import Token

_MAX = (1 << 31) - 1
_MAX_WIDTH = 127
_RANGE = re.compile(r"([0-9]{1,10})-([0-9]{1,10})(?:/([0-9]{1,10}))?")
_PART = re.compile(
    r"""
      \\.                                                       # an escape: stays
    | \$\$                                                      # a dollar sign
    | \$(?: \{ ([+-]?[0-9]{1,10}) (?: ,([0-9]{1,3}) (?: ,([doxXnN]) )? )? \} )?
    """,
    re.VERBOSE | re.DOTALL,
)


class BadGenerate(ValueError):
    """A range or template that is wrong; ``str()`` says why and what to do."""


def parse_range(text: str, limit: int) -> range:
    """Return the numbers of ``start-stop[/step]``, stop included; at most ``limit`` of them."""
    found = _RANGE.fullmatch(text)
    start, stop, step = (int(n or 1) for n in found.groups()) if found else (1, 0, 1)
    if not (start <= stop <= _MAX and 0 < step <= _MAX):
        raise BadGenerate(
            f"'{shown(text)}' is not a range for $GENERATE: write START-STOP or START-STOP/STEP"
        )
    numbers = range(start, stop + 1, step)
    if len(numbers) > limit:
        raise BadGenerate(
            f"$GENERATE {text} makes {len(numbers)} records, more than the limit of {limit}: "
            "use a smaller range"
        )
    return numbers


def template_of(data: Sequence[Token]) -> str:
    """Return the data of a $GENERATE as one text; a single quoted string is that text."""
    if len(data) == 1 and data[0].quoted:
        return data[0].text.replace('\\"', '"')
    return " ".join(f'"{token.text}"' if token.quoted else token.text for token in data)


def expand(template: str, number: int) -> str:
    """Return ``template`` with ``number`` put in."""
    return _PART.sub(lambda part: _replace(template, part, number), template)


def _replace(template: str, part: re.Match[str], number: int) -> str:
    text = part[0]
    if text[0] == "\\":
        return text
    if text == "$$":
        return "$"
    if text == "$":
        if template.startswith("{", part.end()):
            raise BadGenerate(
                f"'{shown(template)}' has a wrong modifier: write ${{OFFSET,WIDTH,BASE}} "
                "with a base out of d, o, x, X, n, N"
            )
        return str(number)
    offset, width, base = part.groups()
    return _format(number + int(offset), int(width or 0), base or "d")


def _format(value: int, width: int, base: str) -> str:
    if value < 0 and base != "d":
        raise BadGenerate(f"$GENERATE makes the negative number {value}: use a larger offset")
    if width > _MAX_WIDTH:
        raise BadGenerate(f"the width {width} in $GENERATE is more than {_MAX_WIDTH}")
    if base not in "nN":
        return format(value, f"0{width}{base}")
    return _nibbles(value, width, "x" if base == "n" else "X")


def _nibbles(value: int, width: int, case: str) -> str:
    """Return ``value`` as dotted nibbles, lowest first, at least ``width`` characters long."""
    digits = format(value, case)[::-1]
    digits = digits.ljust((width + 1) // 2, "0")
    text = ".".join(digits)
    # BIND counts dots into the width: an even one ends with a dot.
    return text + "." if width and len(text) < width else text
