"""The numbers of Python modules for the native ones: what ``python -m tests.numbers`` writes.

Each is a constant for the compiler, in a ``.pxd`` file beside the module that it is taken from; a
test compares them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from struct import Struct
from textwrap import fill
from types import ModuleType
from zlib import crc32

from dnsd.image import buckets, demand, layout, selection, tap
from dnsd.metrics import counters

ROOT = Path(__file__).parents[1]
WIDTH = 31
"""Bits of what is a constant of an enum, an ``int``; what is longer is a macro."""

HEAD = """# Numbers of {module} for native modules: `python -m tests.numbers` writes them.

cdef enum:
"""

MACRO = '''
cdef extern from *:
    """
    #define {macro} {value:#x}ULL
    """
    const unsigned long long {name} "{macro}"
'''

TABLE = '''
cdef extern from *:
    """
    /* The counter of queries for each type below 512. */
    static const unsigned char dnsd_qtype_counters[512] = {{
{places}
    }};
    """
    const unsigned char QTYPE_COUNTERS "dnsd_qtype_counters"[512]
'''


def numbers(module: ModuleType) -> dict[str, int]:
    """Return the public numbers of ``module`` and of its classes, and the sizes of its structs."""
    return dict(_numbers(vars(module), ""))


def _numbers(names: Mapping[str, object], prefix: str) -> Iterator[tuple[str, int]]:
    for name, value in names.items():
        if not name.isupper() or name.startswith("_"):
            if isinstance(value, type) and value.__module__ == names.get("__name__"):
                yield from _numbers(vars(value), f"{name.upper()}_")
        elif isinstance(value, Struct):
            yield f"{prefix}{name}_SIZE", value.size
        elif isinstance(value, int) and not isinstance(value, bool) and value >> 64 == 0:
            yield f"{prefix}{name}", int(value)


def counter_numbers() -> dict[str, int]:
    """Return where each counter stands, and what tells their list from another one."""
    digest = crc32(" ".join(counters.NAMES).encode()) & 0x7FFFFFFF
    kinds = {f"KIND_{kind.upper()}": number for number, kind in enumerate(counters.KINDS)}
    return (
        {f"C_{name}": index for name, index in counters.INDEX.items()}
        | kinds
        | {
            "LAST_RCODE": counters.RCODES - 1,
            "COUNTERS": counters.SIZE,
            "COUNTERS_DIGEST": digest,
        }
    )


def qtype_counters() -> str:
    """Return the counters of queries by type, as a table for the compiler."""
    counted = [counters.INDEX.get(f"qtype_{n}", counters.INDEX["qtype_other"]) for n in range(512)]
    ends = [n for n in range(512) if n == 511 or counted[n] != counted[n + 1]]
    begins = [0, *(end + 1 for end in ends)]
    places = (
        f"[{begin} ... {end}] = {counted[end]}" if begin < end else f"[{end}] = {counted[end]}"
        for begin, end in zip(begins, ends, strict=False)
    )
    return TABLE.format(
        places=fill(", ".join(places), 90, initial_indent=" " * 8, subsequent_indent=" " * 8)
    )


def declared(module: str, found: Mapping[str, int]) -> str:
    """Return the declarations of the numbers ``found`` in ``module``."""
    text = HEAD.format(module=module)
    for name, value in found.items():
        if value.bit_length() <= WIDTH:
            text += f"    {name} = {value}\n"
    for name, value in found.items():
        if value.bit_length() > WIDTH:
            macro = f"{module.replace('.', '_')}_{name}".upper()
            text += MACRO.format(name=name, macro=macro, value=value)
    return text


def declarations() -> dict[Path, str]:
    """Return what each file of numbers is to be."""
    taken = {module: numbers(module) for module in (layout, selection, buckets, demand, tap)}
    taken[counters] = counter_numbers()
    texts = {
        Path(str(module.__file__)).with_suffix(".pxd"): declared(module.__name__, found)
        for module, found in taken.items()
    }
    texts[Path(counters.__file__).with_suffix(".pxd")] += qtype_counters()
    return texts


if __name__ == "__main__":
    for path, text in declarations().items():
        path.write_text(text)
