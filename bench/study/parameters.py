"""The parameters of a study, declared once: options, bounds, what ``--short`` means, JSON, words.

    @dataclass(frozen=True, kw_only=True)
    class Parameters:
        seconds: float = parameter(4.0, "How long each load lasts.", unit="s", least=0.5, short=1.0)

A value out of bounds is one sentence with the option, the value and the bound.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeVar

import click
import msgspec

from bench.study.errors import StudyError
from dnsd.config.units import format_duration, parse_duration

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from dataclasses import Field


class Declared(Protocol):
    """A frozen dataclass whose fields were made by :func:`parameter`."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]


DeclaredT = TypeVar("DeclaredT", bound=Declared)


@dataclass(frozen=True, kw_only=True)
class Nothing:
    """The parameters of a study that has none."""


@dataclass(frozen=True, slots=True)
class Declaration:
    """What is known of one parameter besides its name and default; see :func:`parameter`."""

    help: str
    unit: str
    least: float | None
    above: float | None
    most: float | None
    choices: tuple[str, ...]
    type: Any
    read: Callable[[str], Any] | None
    short: Any
    option: str


def parameter(  # noqa: PLR0913 - one for each thing that is declared
    default: Any,
    help: str,
    *,
    unit: str = "",
    least: float | None = None,
    above: float | None = None,
    most: float | None = None,
    choices: Sequence[str] = (),
    type: Any = None,
    read: Callable[[str], Any] | None = None,
    short: Any = None,
    option: str = "",
) -> Any:
    """Declare a parameter. A tuple is given once for each of its values.

    Numbers lie between ``least`` (or above ``above``) and ``most``, in ``unit``. ``read`` makes a
    value of a text, or raises ValueError. ``--short`` replaces the default by ``short``.
    ``option`` names the option if it is not the field's name.
    """
    declared = Declaration(
        help, unit, least, above, most, tuple(choices), type, read, short, option
    )
    return field(default=default, metadata={"declared": declared})


class _Duration(click.ParamType[float]):
    """A duration as dnsd's configuration has it, in seconds: ``90s``, ``2m``."""

    name = "duration"

    def convert(self, value: Any, param: Any, ctx: Any) -> float:
        """Read ``value``."""
        try:
            return value if isinstance(value, int | float) else parse_duration(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


DURATION = _Duration()


def duration(default: float | None, help: str) -> Any:
    """Declare a parameter that is a duration, in seconds."""
    return parameter(default, help, type=DURATION)


def declarations(kind: type[Declared]) -> list[tuple[Field[Any], Declaration]]:
    """Return the fields of ``kind`` with what was declared of them."""
    return [(each, each.metadata["declared"]) for each in fields(kind)]


def options(kind: type[Declared]) -> list[click.Parameter]:
    """Return the options of a command with these parameters."""
    return [_option(each, declared) for each, declared in declarations(kind)]


def _name(each: Field[Any], declared: Declaration) -> str:
    return "--" + (declared.option or each.name.replace("_", "-"))


def _option(each: Field[Any], declared: Declaration) -> click.Option:
    default, name = each.default, _name(each, declared)
    words = declared.help + _bounds(declared)
    if isinstance(default, bool):
        both = f"{name}/--no-{name[2:]}" if default else name
        return click.Option([both, each.name], is_flag=True, default=default, help=words)
    many = isinstance(default, tuple)
    return click.Option(
        [name, each.name],
        type=_type(default, declared),
        multiple=many,
        default=default,
        show_default=_shown(default, declared),
        help=words,
    )


def _shown(default: Any, declared: Declaration) -> str | bool:
    if declared.type is DURATION and default is not None:
        return format_duration(default)
    return default is not None and default != ()


def _type(default: Any, declared: Declaration) -> Any:
    if declared.choices:
        return click.Choice(declared.choices)
    if declared.type is Path:
        return click.Path(exists=True, path_type=Path)
    if declared.type is not None:
        return declared.type
    sample = default[0] if isinstance(default, tuple) and default else default
    return type(sample) if isinstance(sample, int | float) else str


def _bounds(declared: Declaration) -> str:
    unit = f" {declared.unit}" if declared.unit else ""
    low = declared.least if declared.above is None else declared.above
    words = [] if low is None else [f"{'above' if declared.above is not None else 'from'} {low:g}"]
    words += [] if declared.most is None else [f"to {declared.most:g}"]
    return f" [{' '.join(words)}{unit}]" if words else f" [{declared.unit}]" if unit else ""


def build(kind: type[DeclaredT], given: Mapping[str, Any], usual: set[str]) -> DeclaredT:
    """Return the parameters that were ``given``; those in ``usual`` become what is short.

    StudyError if one is out of bounds.
    """
    found = dict(given)
    for each, declared in declarations(kind):
        if each.name in usual and declared.short is not None:
            found[each.name] = declared.short
        found[each.name] = _read(_name(each, declared), declared, found[each.name])
    return kind(**found)


def _read(name: str, declared: Declaration, value: Any) -> Any:
    """Return ``value`` as it is meant, or raise StudyError."""
    if isinstance(value, tuple):
        return tuple(_read(name, declared, one) for one in value)
    if declared.read is not None and isinstance(value, str):
        try:
            return declared.read(value)
        except ValueError as error:
            raise StudyError(f"{name} {value}: {error}") from None
    if isinstance(value, int | float) and not isinstance(value, bool):
        _bounded(name, declared, value)
    return value


def _bounded(name: str, declared: Declaration, value: float) -> None:
    unit = f" {declared.unit}" if declared.unit else ""
    if not math.isfinite(value):
        raise StudyError(f"{name} {value}: it must be a finite number{unit and f' of{unit}'}")
    if declared.least is not None and value < declared.least:
        raise StudyError(f"{name} {value:g}: it must be at least {declared.least:g}{unit}")
    if declared.above is not None and value <= declared.above:
        raise StudyError(f"{name} {value:g}: it must be more than {declared.above:g}{unit}")
    if declared.most is not None and value > declared.most:
        raise StudyError(f"{name} {value:g}: it must be at most {declared.most:g}{unit}")


def plain(parameters: Declared) -> dict[str, Any]:
    """Return ``parameters`` as JSON has them."""
    found: dict[str, Any] = msgspec.to_builtins(_dict(parameters), enc_hook=str)
    return found


def words(parameters: Declared) -> dict[str, str]:
    """Return ``parameters`` as a report tells them: ``seconds``: ``4 s``."""
    found = {}
    for each, declared in declarations(type(parameters)):
        value = getattr(parameters, each.name)
        if value is not None and value != ():
            unit = f" {declared.unit}" if declared.unit else ""
            told = format_duration(value) if declared.type is DURATION else _words(value) + unit
            found[each.name.replace("_", " ")] = told
    return found


def _words(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple | frozenset):
        return ", ".join(map(_words, value))
    return f"{value:,}" if isinstance(value, int) else f"{value}"


def _dict(parameters: Declared) -> dict[str, Any]:
    return {each.name: getattr(parameters, each.name) for each in fields(parameters)}
