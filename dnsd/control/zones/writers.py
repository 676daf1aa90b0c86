"""What can be seen of files: their stamps, and who writes them at the moment.

Asks the kernel (stat, inotify) and judges nothing: :mod:`dnsd.control.zones.watch` does. Where the
kernel cannot tell (a file system of another machine, no inotify), stamps are all there is.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from dnsd.build.stamps import Stamps, observe
from dnsd.config.origins import SUFFIX
from dnsd.control.zones import inotify
from dnsd.control.zones.inotify import Inotify
from dnsd.control.zones.watch import Deed, Sign
from dnsd.process import log

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_CLOSED = inotify.CLOSE_WRITE | inotify.MOVED_TO | inotify.MOVED_FROM | inotify.DELETE


class Writers:
    """Looks at files; between two looks nothing that happens to them is missed."""

    def __init__(self) -> None:
        self._real: dict[str, tuple[int, str]] = {}
        self._inotify: Inotify | None = None
        try:
            self._inotify = Inotify()
        except OSError as error:
            self._without(error)

    def look(self, paths: Iterable[str]) -> tuple[Stamps, list[Sign]]:
        """Return the stamps of ``paths``, and what was done to files beside them since last time.

        The stamps are older than the signs: a change that shows in a stamp has its sign.
        """
        stamps = observe(paths)
        if self._inotify is None:
            return stamps, []
        aliases = self._aliases(stamps)
        try:
            self._inotify.follow(map(os.path.dirname, (*stamps, *aliases)))
        except OSError as error:
            self._inotify.close()
            self._inotify = None
            self._without(error)
            return stamps, []
        return stamps, [*_signs(self._inotify, stamps.keys(), aliases)]

    def _aliases(self, stamps: Stamps) -> dict[str, list[str]]:
        """Return the paths that are links, by where they lead to."""
        real = {}
        for path, one in stamps.items():
            inode = one.inode if one else 0
            known = self._real.get(path)
            # Where a path leads to is not asked again and again, for that it takes long.
            real[path] = known if known and known[0] == inode else (inode, os.path.realpath(path))
        self._real = real
        aliases: dict[str, list[str]] = {}
        for path, (_, end) in real.items():
            if end != path:
                aliases.setdefault(end, []).append(path)
        return aliases

    def _without(self, error: OSError) -> None:
        log.say(
            "watch-blind",
            f"the kernel does not report who writes zone files ({error.strerror}): dnsd loads a "
            f"file when it has not changed for [zones] settle",
        )


def ends(path: str) -> bool:
    """Return whether the last line of the file ends; what cannot be read, the loader tells of."""
    try:
        with Path(path).open("rb") as file:
            file.seek(0, os.SEEK_END)
            if not file.tell():
                return True
            file.seek(-1, os.SEEK_END)
            return file.read(1) == b"\n"
    except OSError:
        return True


def _signs(watched: Inotify, paths: Iterable[str], aliases: dict[str, list[str]]) -> Iterator[Sign]:
    known = set(paths)
    for path, mask in watched.events():
        if mask & inotify.OVERFLOW:
            yield Sign("", Deed.UNKNOWN)
            continue
        deed = Deed.CLOSED if mask & _CLOSED else Deed.WRITTEN
        if path in known or path.endswith(SUFFIX):
            yield Sign(path, deed)
        for alias in aliases.get(path, ()):
            yield Sign(alias, deed)
