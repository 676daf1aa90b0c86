"""Runs builds beside everything else: small ones in a thread, large ones in processes.

Starting a process costs more than a small zone; a large zone in a thread would slow down all
else in this process and leave its memory behind, or end it for want of memory.
Knows nothing of what is in a zone; what it may take, :mod:`weight` tells.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec

from dnsd.build import weight
from dnsd.build.builder import decode_results, encode_jobs
from dnsd.build.pipeline import BuildResult, build_zone, troubled
from dnsd.process import spawn

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from dnsd.build.images import Job

SMALL = 1 << 20
"""Octets of zone files up to which a thread builds them: about a second's work."""

PER_ZONE = 1 << 13
"""Octets of records that cost as much as a zone does however small it is."""

BATCH = 1024
"""Small zones that are built together at most, and whose images share a file."""
BATCH_OCTETS = 1 << 22
"""Octets of their files: their images are in memory together."""
BATCHES_PER_CORE = 4
"""So that no core waits long for another one."""

LONGEST_LINE = 1 << 26
"""Octets of results: findings, and the stamps of as many files as a zone may include."""

ENDS_S = 1.0
"""Seconds that a process which has closed its pipe may take to end."""

NICENESS = 10
"""Of the processes: answers go before new answers."""


def nobody_counts(_built: int) -> None:
    """Take no note of how far a build has come."""


async def build_all(
    jobs: Sequence[Job], note: Callable[[int], None] = nobody_counts
) -> list[BuildResult]:
    """Build all of ``jobs`` on as many cores as that is worth.

    ``note`` is told, after each one, how many are done.
    """
    sizes = {job.file: weight.on_disk(job.file) for job in jobs}
    if _are_small(sizes) and await asyncio.to_thread(_stay_small, [*sizes]):
        return [await asyncio.to_thread(build_zone, job) for job in jobs]
    cores = len(os.sched_getaffinity(0))
    waiting = _batches(jobs, sizes, cores)
    results = _Noted(note)
    lost: list[Job] = []
    async with asyncio.TaskGroup() as group:
        for _ in range(min(cores, len(waiting))):
            group.create_task(_work(waiting, results, lost))
    # Memory that was too little for several at once may do for one after the other.
    while lost:
        await _build_lost(lost, results)
    return results


def _batches(jobs: Sequence[Job], sizes: Mapping[str, int], cores: int) -> list[list[Job]]:
    """Return ``jobs`` as they are to be built together, those that take longest at the end."""
    most = min(BATCH, -(-len(jobs) // (BATCHES_PER_CORE * cores)))
    batches: list[list[Job]] = []
    octets = 0
    for job in sorted(jobs, key=lambda job: sizes[job.file]):
        octets += sizes[job.file]
        if not batches or len(batches[-1]) >= most or octets > BATCH_OCTETS:
            batches.append([])
            octets = sizes[job.file]
        batches[-1].append(job)
    return batches


class _Noted(list[BuildResult]):
    """Results; each time some are added, ``note`` is told how many there are."""

    def __init__(self, note: Callable[[int], None]) -> None:
        super().__init__()
        self._note = note

    def extend(self, results: Iterable[BuildResult], /) -> None:
        super().extend(results)
        self._note(len(self))


async def _work(waiting: list[list[Job]], results: list[BuildResult], lost: list[Job]) -> None:
    """Have one process build what is waiting; with the first that are ``lost`` it has ended."""
    while waiting:
        try:
            process = await _start(waiting[-1][0].memory)
        except OSError:
            lost += itertools.chain.from_iterable(waiting)
            waiting.clear()
            return
        try:
            while waiting:
                jobs = waiting.pop()
                found = await _ask(process, jobs)
                if found is None:
                    await _status(process)
                    lost += jobs
                    break
                results.extend(found)
        finally:
            await _end(process)


async def _build_lost(lost: list[Job], results: list[BuildResult]) -> None:
    """Have a process build what is ``lost``, one after the other, until it has ended as well.

    If it has ended with the first one, the result of that says how.
    """
    try:
        process = await _start(lost[-1].memory)
    except OSError as error:
        sentence = f"cannot start a process to build this zone: {error.strerror}"
        results.extend([troubled(lost.pop(), sentence)])
        return
    is_fresh = True
    try:
        while lost:
            found = await _ask(process, lost[-1:])
            if found is None:
                break
            lost.pop()
            results.extend(found)
            is_fresh = False
        if lost and is_fresh:
            results.extend([_lost(lost.pop(), await _status(process))])
    finally:
        await _end(process)


async def _start(memory: int | None) -> Process:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *spawn.command("dnsd.build.builder"),
        stdin=pipe,
        stdout=pipe,
        env=spawn.environment(),
        pass_fds=() if memory is None else (memory,),
        limit=LONGEST_LINE,
    )
    # From here, because a Python that starts takes a tenth of a second before it could.
    with suppress(ProcessLookupError):
        os.setpriority(os.PRIO_PROCESS, process.pid, NICENESS)
    return process


async def _ask(process: Process, jobs: Sequence[Job]) -> list[BuildResult] | None:
    assert process.stdin
    assert process.stdout
    try:
        process.stdin.write(encode_jobs(jobs))
        await process.stdin.drain()
        line = await process.stdout.readline()
        return decode_results(line) if line.endswith(b"\n") else None
    except (OSError, ValueError, msgspec.DecodeError):
        return None


async def _status(process: Process) -> int:
    """Return how ``process`` ended; if it has not, but talks nonsense, it does now."""
    try:
        # kill() would reap one that is dead already, and how it ended would be lost.
        async with asyncio.timeout(ENDS_S):
            return await process.wait()
    except TimeoutError:
        with suppress(ProcessLookupError):
            process.kill()
        return await process.wait()


async def _end(process: Process) -> None:
    assert process.stdin
    process.stdin.close()
    if process.returncode is None:
        await process.wait()


def _lost(job: Job, status: int) -> BuildResult:
    how = f"was killed by {signal.Signals(-status).name}" if status < 0 else f"ended with {status}"
    hint = " (out of memory?)" if status == -signal.SIGKILL else ""
    return troubled(job, f"the process that built this zone {how}{hint}")


def _are_small(sizes: Mapping[str, int]) -> bool:
    return sum(sizes.values()) + PER_ZONE * len(sizes) < SMALL


def _stay_small(files: Sequence[str]) -> bool:
    """Return whether small files are all that there is to them: a line may make a million."""
    return _are_small({file: weight.of_zone(file) for file in files})
