"""Searches zones for questions that are asked repeatedly.

Each question searches all images once; afterwards only those that change. While a zone is being
replaced, its old and its new content both count.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dnsd.caches.version import CacheQuestion, Version
    from dnsd.control.horizon.shelf import Shelf, Shelved

    _Zones = dict[str, dict[str, dict[Version, int]]]

MOST_QUESTIONS = 64
"""Questions that are remembered; the oldest is forgotten first."""

_T = TypeVar("_T")


class ServedSearch:
    """Searches ``shelf`` in threads, one search at a time; any thread may ask for what is known."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._lock = threading.Lock()
        self._zones: dict[str, dict[str, Shelved]] = {}
        self._found: dict[CacheQuestion, _Zones] = {}

    def known(self, question: CacheQuestion) -> dict[Version, int] | None:
        """Return what zones have that the question is about; None if a search is needed first."""
        zones = self._found.get(question)
        if zones is None:
            return None
        served: dict[Version, int] = {}
        for images in tuple(zones.values()):
            for found in tuple(images.values()):
                for version, ttl in found.items():
                    served[version] = max(ttl, served.get(version, 0))
        return served

    def search(self, question: CacheQuestion) -> None:
        """Search all zones."""
        with self._lock:
            if question in self._found:
                return
            found: _Zones = {}
            for apex, images in tuple(self._zones.items()):
                for zone in tuple(images.values()):
                    self._look(question, apex, zone, found)
            while len(self._found) >= MOST_QUESTIONS:
                del self._found[next(iter(self._found))]
            self._found[question] = found

    def come(self, zones: Mapping[str, Shelved]) -> None:
        """Search zones (by apex) that are about to be served, beside what they had."""
        with self._lock:
            for apex, zone in zones.items():
                self._zones.setdefault(apex, {})[zone.image] = zone
                for question, found in self._found.items():
                    self._look(question, apex, zone, found)

    def forget_others(self, apex: str, image: str) -> None:
        """Forget what a zone had in other images than ``image``."""
        self._zones[apex] = _only(image, self._zones.get(apex, {}))
        for zones in tuple(self._found.values()):
            if images := zones.get(apex):
                zones[apex] = _only(image, images)

    def _look(self, question: CacheQuestion, apex: str, zone: Shelved, found: _Zones) -> None:
        if served := self._shelf.served(apex, zone, question):
            found.setdefault(apex, {})[zone.image] = served


def _only(image: str, images: Mapping[str, _T]) -> dict[str, _T]:
    return {image: images[image]} if image in images else {}
