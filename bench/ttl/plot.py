"""The picture of ``bench ttl``: what a TTL costs the server and what it costs users."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench.study import picture
from bench.ttl.model import LIMIT
from bench.ttl.profiles import PLAIN

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from bench.ttl.results import Real, Simulated, TtlStudy


def draw(study: TtlStudy) -> Figure:
    """Return the picture: questions in the upper row; users, caches and the server below."""
    drawn = picture.figure(15, 9)
    axes = drawn.subplots(2, 3)
    _simulated(axes[0, 0], study)
    _real(axes[0, 1], study)
    _ratio(axes[0, 2], study)
    _users(axes[1, 0], study)
    _hits(axes[1, 1], study)
    _server(axes[1, 2], study)
    return drawn


def _plain(study: TtlStudy) -> list[Simulated]:
    return [point for point in study.simulated if point.profile == PLAIN]


def _kinds(study: TtlStudy) -> Iterator[tuple[str, list[Real], dict[str, Any]]]:
    """Yield each kind of real resolver with its points and how they are drawn."""
    for index, kind in enumerate(dict.fromkeys(point.kind for point in study.real)):
        style = {"color": picture.COLOURS[index], "marker": picture.MARKERS[index], "label": kind}
        yield kind, [point for point in study.real if point.kind == kind], style


def _rates(axes: Axes, ttls: Iterable[float]) -> None:
    """Make the axes ones of rates against TTLs."""
    picture.log_axis(axes)
    picture.ttl_axis(axes, list(ttls))
    axes.set_ylabel("queries per second")


def _simulated(axes: Axes, study: TtlStudy) -> None:
    for index, name in enumerate(dict.fromkeys(point.profile for point in study.simulated)):
        points = [point for point in study.simulated if point.profile == name]
        axes.plot(
            [point.ttl for point in points],
            [point.rate for point in points],
            picture.MARKERS[index],
            color=picture.COLOURS[index],
            markersize=9 - index,
            fillstyle="none",
            markeredgewidth=1.4,
            label=name,
        )
    ttls = [point.ttl for point in _plain(study)]
    model = [point.expected for point in _plain(study)]
    axes.plot(ttls, model, color=picture.GREY, zorder=1, label="model Σ λ/(1+λT)")
    _rates(axes, ttls)
    axes.set_title(f"{study.population.caches:,} simulated caches")
    axes.legend(loc="lower left")


def _real(axes: Axes, study: TtlStudy) -> None:
    for _, points, style in _kinds(study):
        each = [point.rate / point.resolvers for point in points]
        axes.plot([p.ttl for p in points], each, linestyle="", fillstyle="none", **style)
    first = [point for point in study.real if point.kind == study.real[0].kind]
    ttls = [point.ttl for point in first]
    model = [point.expected / point.resolvers for point in first]
    axes.plot(ttls, model, color=picture.GREY, zorder=1, label="model Σ λ/(1+λT)")
    _rates(axes, ttls)
    axes.set_title("Real resolvers, each one")
    axes.legend(loc="lower left")


def _ratio(axes: Axes, study: TtlStudy) -> None:
    axes.axhline(0, color=picture.GREY)
    for _, points, style in _kinds(study):
        axes.errorbar(
            [point.ttl for point in points],
            [(point.rate / point.expected - 1) * 100 for point in points],
            [LIMIT * point.sigma / point.expected * 100 for point in points],
            capsize=3,
            elinewidth=0.9,
            linewidth=1,
            **style,
        )
    picture.ttl_axis(axes, [float(point.ttl) for point in study.real])
    axes.set_ylabel("queries, % above the model")
    axes.set_title(f"Real resolvers beside the model (bars: {LIMIT:g} σ)")


def _users(axes: Axes, study: TtlStudy) -> None:
    for _, points, style in _kinds(study):
        axes.plot([point.ttl for point in points], [point.mean_ms for point in points], **style)
    plain = _plain(study)
    waits = [point.waited / max(1, point.lookups) * study.trip * 1e3 for point in plain]
    _beside(axes, study, waits)
    axes.set_ylim(bottom=0)
    axes.set_ylabel("mean time of a lookup, ms")
    axes.set_title(f"What users wait, with dnsd {study.trip * 1e3:g} ms away")
    axes.legend(loc="upper right")


def _hits(axes: Axes, study: TtlStudy) -> None:
    for _, points, style in _kinds(study):
        axes.plot([p.ttl for p in points], [p.hit_rate * 100 for p in points], **style)
    _beside(axes, study, [point.hit_rate * 100 for point in _plain(study)])
    axes.set_ylim(0, 102)
    axes.set_ylabel("lookups answered from the cache, %")
    axes.set_title("Hit rate")


def _beside(axes: Axes, study: TtlStudy, values: list[float]) -> None:
    """Add the plain simulated caches' ``values``, whose demand is another one."""
    ttls = [float(point.ttl) for point in _plain(study)]
    label = f"simulated, {PLAIN}"
    axes.plot(ttls, values, "--", color=picture.GREY, label=label)
    picture.ttl_axis(axes, [*ttls, *(float(point.ttl) for point in study.real)])


def _server(axes: Axes, study: TtlStudy) -> None:
    ttls = [float(load.ttl) for load in study.load]
    axes.plot(ttls, [load.cpu * 100 for load in study.load], "o-", color=picture.BLUE, label="CPU")
    idle = study.idle * 100
    axes.axhline(idle, color=picture.BLUE, linestyle=":", label="CPU when nobody asks")
    axes.set_ylim(bottom=0)
    axes.set_ylabel("CPU of dnsd, % of a core")
    axes.spines["right"].set_visible(True)
    rate = axes.twinx()
    rate.grid(visible=False)
    asked = [load.asked / load.seconds for load in study.load]
    rate.plot(ttls, asked, "s--", color=picture.ORANGE, label="queries (right)")
    rate.set_ylim(bottom=0)
    rate.set_ylabel("queries per second")
    picture.ttl_axis(axes, ttls)
    axes.set_title(f"The server's work, {study.speed:g} times as quickly")
    lines = [*axes.get_lines(), *rate.get_lines()]
    axes.legend(lines, [str(line.get_label()) for line in lines], loc="upper right")
