"""What can be seen of files: their stamps, and who writes them at the moment.

Asks the kernel (stat, inotify) and judges nothing: :mod:`dnsd.control.zones.watch` does. Where the
kernel cannot tell (a file system of another machine, no inotify), stamps are all there is.
"""

from __future__ import annotations

import asyncio
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
    from collections.abc import Collection, Iterable, Iterator

_CLOSED = inotify.CLOSE_WRITE | inotify.MOVED_TO | inotify.MOVED_FROM | inotify.DELETE


class Writers:
    """Looks at files; between two looks nothing that happens to them is missed."""

    def __init__(self) -> None:
        self._aliases: dict[str, list[str]] = {}
        self._inotify: Inotify | None = None
        try:
            self._inotify = Inotify()
        except OSError as error:
            self._without(error)

    def look(self, paths: Collection[str]) -> tuple[Stamps, list[Sign]]:
        """Return the stamps of ``paths``, and what was done to files beside them since last time.

        The stamps are older than the signs: a change that shows in a stamp has its sign.
        """
        stamps = observe(paths)
        if self._inotify is None:
            return stamps, []
        self._aliases = _aliases(stamps)
        directories = {path.rpartition("/")[0] for path in stamps}
        try:
            self._inotify.follow(directories.union(map(os.path.dirname, self._aliases)))
        except OSError as error:
            self._inotify.close()
            self._inotify = None
            self._without(error)
            return stamps, []
        return stamps, [*self._signs(stamps)]

    def glance(self, paths: Collection[str], unsettled: Iterable[str]) -> tuple[Stamps, list[Sign]]:
        """Return what was done to files since last time, and the stamps of those and a few more.

        These are ``unsettled``, and the directories of files that have come or gone. A change that
        the kernel does not tell of waits for the next look.
        """
        signs = [] if self._inotify is None else [*self._signs(paths)]
        stamps = observe({*unsettled, *(one.path for one in signs if one.path in paths)})
        odd = [one.path for one in signs if one.path and stamps.get(one.path) is None]
        return stamps | observe(set(map(os.path.dirname, odd)).intersection(paths)), signs

    def is_all_told(self, directories: Iterable[str]) -> bool:
        """Return whether the kernel tells of every change in ``directories``.

        It does on a disk of this machine. What has no disk may be another machine's.
        """
        return self._inotify is not None and all(map(_has_disk, directories))

    async def stirred(self, seconds: float) -> bool:
        """Wait until something is done to files, ``seconds`` at most; return whether it was."""
        if self._inotify is None:
            await asyncio.sleep(seconds)
            return False
        loop = asyncio.get_running_loop()
        stir = asyncio.Event()
        number = self._inotify.fileno()
        loop.add_reader(number, stir.set)
        try:
            async with asyncio.timeout(seconds):
                await stir.wait()
        except TimeoutError:
            return False
        finally:
            loop.remove_reader(number)
        return True

    def _signs(self, paths: Collection[str]) -> Iterator[Sign]:
        assert self._inotify is not None
        for path, mask in self._inotify.events():
            if mask & inotify.OVERFLOW:
                yield Sign("", Deed.UNKNOWN)
                continue
            deed = Deed.CLOSED if mask & _CLOSED else Deed.WRITTEN
            if path in paths or path.endswith(SUFFIX):
                yield Sign(path, deed)
            for alias in self._aliases.get(path, ()):
                yield Sign(alias, deed)

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


def _aliases(stamps: Stamps) -> dict[str, list[str]]:
    """Return the paths that are links, or stand behind one, by where they lead to."""
    ends: dict[str, str] = {}
    aliases: dict[str, list[str]] = {}
    for path, one in stamps.items():
        above, _, name = path.rpartition("/")
        if (end := ends.get(above)) is None:
            end = ends[above] = os.path.realpath(above or "/")
        if one is not None and os.path.islink(path):  # noqa: PTH114 -- a hundred thousand of them
            end = os.path.realpath(path)
        else:
            end = f"{end.rstrip('/')}/{name}"
        if end != path:
            aliases.setdefault(end, []).append(path)
    return aliases


def _has_disk(directory: str) -> bool:
    try:
        return os.major(os.stat(directory).st_dev) != 0  # noqa: PTH116 -- as in stamps
    except OSError:
        return False
