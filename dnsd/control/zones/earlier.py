"""The images that an earlier run has left: to be used again, or when a zone cannot be loaded now.

Knows names and metadata of images; what is served, and what is to become of a zone, is decided
by the caller. They are there for the first load only: what it does not need is deleted. Images
that were in memory, and that the disk has taken at last, are there for the next one.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from dnsd.build import images
from dnsd.build.pipeline import BuildResult, result_of
from dnsd.config import RECEIVED
from dnsd.errors import ImageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from dnsd.build.images import Job, Meta
    from dnsd.image.stock import Stock


class Earlier:
    """The image files in ``stock`` as they were at the start, by zone."""

    def __init__(self, stock: Stock) -> None:
        self._stock = stock
        self._names = images.by_stem(stock)
        self._known = frozenset(self._names)
        self._new: set[str] = set()

    def add(self, origin: str, name: str) -> None:
        """Take in that there is an image file ``name`` of the zone ``origin`` now."""
        self._names.setdefault(images.stem(origin), []).insert(0, name)
        self._new.add(origin)

    def is_new(self, origin: str) -> bool:
        """Return whether an image of the zone ``origin`` has come since the last load."""
        return origin in self._new

    def forget(self, origins: Iterable[str]) -> None:
        """Take the images of the zones ``origins`` for deleted: others are served now."""
        for origin in origins:
            if self._names:
                self._names.pop(images.stem(origin), None)
            self._new.discard(origin)

    def forget_all(self) -> None:
        """Take them all for deleted."""
        self._names = {}
        self._new.clear()

    def had(self, origin: str) -> bool:
        """Return whether there was an image of the zone ``origin``, damaged or not."""
        return bool(self._known) and images.stem(origin) in self._known

    def meta(self, origin: str) -> Meta | None:
        """Return what the zone ``origin`` was when it was last loaded, if that is known."""
        return next((meta for _, meta in self._readable(self._of(origin))), None)

    def reusable(self, jobs: Iterable[Job]) -> list[BuildResult]:
        """Return results of those ``jobs`` whose images are still right."""
        found: list[BuildResult] = []
        if not self._names:
            return found
        with self._stock.held():
            for job in jobs:
                reusable = images.reusable(self._stock, self._of(job.origin), job)
                if reusable is not None:
                    found.append(result_of(*reusable))
        return found

    def in_place_of(self, broken: BuildResult) -> BuildResult:
        """Return ``broken`` with the last good image of the zone, if there is one."""
        for name, meta in self._readable(self._of(broken.origin)):
            if _was_reset(meta, broken):
                continue
            with suppress(ImageError):
                images.check(self._stock, name, meta)
                return msgspec.structs.replace(
                    result_of(name, meta),
                    findings=broken.findings,
                    trouble=broken.trouble,
                    sources=broken.sources,
                    digests=broken.digests,
                    is_stale=True,
                )
        return broken

    def of_zones(self, jobs: Iterable[Job]) -> list[BuildResult]:
        """Return what the zones of ``jobs`` were last, to be served until they are built."""
        empty = (BuildResult(origin=job.origin, sources={job.file: None}) for job in jobs)
        return [one for one in map(self.in_place_of, empty) if one.image is not None]

    def zones(self, files: Mapping[str, Path], directory: Path) -> dict[str, Path]:
        """Return the zones that there were, with their files.

        ``files`` are the zones that there are now. Of those that are gone, only the ones count
        that were files of ``directory``: others are gone from the configuration.
        """
        if not self._names:
            return {}
        present = {images.stem(origin): origin for origin in files}
        found = {present[one]: files[present[one]] for one in self._names.keys() & present.keys()}
        for one in self._names.keys() - present.keys():
            meta = next((meta for _, meta in self._readable(self._names[one])), None)
            if meta is not None and Path(meta.file).parent == directory:
                found[meta.origin] = Path(meta.file)
        return found

    def _of(self, origin: str) -> Sequence[str]:
        """Return the images of the zone ``origin``, newest first."""
        # At the first start there are none, and a hundred thousand stems are a second's work.
        return self._names.get(images.stem(origin), ()) if self._names else ()

    def _readable(self, names: Iterable[str]) -> Iterator[tuple[str, Meta]]:
        """Yield those of the images ``names`` that say what they were made from."""
        for name in names:
            with suppress(ImageError):
                yield name, images.read_meta(self._stock, name)


def _was_reset(meta: Meta, broken: BuildResult) -> bool:
    """Tell whether the zone is fetched into another file than what ``meta`` was made from."""
    was = Path(meta.file)
    return meta.file not in broken.sources and any(
        was.parent == Path(one).parent and was.parent.name == RECEIVED for one in broken.sources
    )
