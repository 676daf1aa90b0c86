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
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from dnsd.build import pace, weight
from dnsd.build.builder import decode_results, encode_jobs
from dnsd.build.pipeline import BuildResult, build_zones, troubled
from dnsd.process import spawn

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import Mapping

    from dnsd.build.images import Job

SMALL = 1 << 20
"""Octets of zone files up to which a thread builds them: about a second's work."""

PER_ZONE = 1 << 13
"""Octets of records that cost as much as a zone does however small it is."""

BATCH = 1024
"""Small zones that are built together at most, and whose images share a file."""
BATCH_OCTETS = 1 << 22
"""Octets of their files: their images are in memory together."""
TOGETHER = 16
"""Of them in a thread: a small zone waits for so few others."""
BATCHES_PER_CORE = 4
"""So that no core waits long for another one."""

LONGEST_LINE = 1 << 26
"""Octets of results: findings, and the stamps of as many files as a zone may include."""

ENDS_S = 1.0
"""Seconds that a process which has closed its pipe may take to end."""


Deliver = Callable[[Sequence[BuildResult]], object]
"""Is called in the event loop with the results of builds, as soon as they are there."""


async def build_all(jobs: Sequence[Job], deliver: Deliver) -> None:
    """Build all of ``jobs`` on as many cores as that is worth; ``deliver`` gets each result once.

    Small zones do not wait for large ones: one process begins with the smallest, the others with
    what takes longest.
    """
    sizes = {job.file: weight.on_disk(job.file, job.policy_path) for job in jobs}
    small = await _small(jobs, sizes)
    cores = len(os.sched_getaffinity(0))
    waiting = deque(_batches([job for job in jobs if job.origin not in small], sizes, cores))
    lost: list[Job] = []
    async with asyncio.TaskGroup() as group:
        group.create_task(_build_here([job for job in jobs if job.origin in small], deliver))
        for number in range(min(cores, len(waiting))):
            take = waiting.pop if number else waiting.popleft
            group.create_task(_work(waiting, take, deliver, lost))
    # Memory that was too little for several at once may do for one after the other.
    while lost:
        await _build_lost(lost, deliver)


async def _small(jobs: Sequence[Job], sizes: Mapping[str, int]) -> frozenset[str]:
    """Return the zones that are so small and few that a thread builds them, beside all others."""
    few = [job for job in jobs if sizes[job.file] + PER_ZONE < SMALL]
    if not few or not _are_small({job.file: sizes[job.file] for job in few}):
        return frozenset()
    weights = await asyncio.to_thread(_weights, few)
    if not _are_small(weights):  # a line may make a million records
        return frozenset()
    return frozenset(job.origin for job in few)


def _weights(jobs: Sequence[Job]) -> dict[str, int]:
    return {job.file: weight.of_zone(Path(job.file), job.policy_file) for job in jobs}


async def _build_here(jobs: Sequence[Job], deliver: Deliver) -> None:
    for at in range(0, len(jobs), TOGETHER):
        deliver(await asyncio.to_thread(build_zones, jobs[at : at + TOGETHER]))


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


async def _work(
    waiting: deque[list[Job]],
    take: Callable[[], list[Job]],
    deliver: Deliver,
    lost: list[Job],
) -> None:
    """Have one process build what is ``waiting``, until it ends: its jobs are ``lost`` then.

    ``take`` takes the next jobs from it.
    """
    while waiting:
        try:
            process = await _start(waiting[0][0].memory)
        except OSError:
            lost += itertools.chain.from_iterable(waiting)
            waiting.clear()
            return
        try:
            # From here, because a Python that starts takes a tenth of a second before it could.
            async with pace.looked_after(process.pid):
                while waiting:
                    jobs = take()
                    found = await _ask(process, jobs)
                    if found is None:
                        await _status(process)
                        lost += jobs
                        break
                    deliver(found)
        finally:
            await _end(process)


async def _build_lost(lost: list[Job], deliver: Deliver) -> None:
    """Have a process build what is ``lost``, one after the other, until it has ended as well.

    If it has ended with the first one, the result of that says how.
    """
    try:
        process = await _start(lost[-1].memory)
    except OSError as error:
        sentence = f"cannot start a process to build this zone: {error.strerror}"
        deliver([troubled(lost.pop(), sentence)])
        return
    is_fresh = True
    try:
        async with pace.looked_after(process.pid):
            while lost:
                found = await _ask(process, lost[-1:])
                if found is None:
                    break
                lost.pop()
                deliver(found)
                is_fresh = False
        if lost and is_fresh:
            deliver([_lost(lost.pop(), await _status(process))])
    finally:
        await _end(process)


async def _start(memory: int | None) -> Process:
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(
        *spawn.command("dnsd.build.builder"),
        stdin=pipe,
        stdout=pipe,
        env=spawn.environment(),
        pass_fds=() if memory is None else (memory,),
        limit=LONGEST_LINE,
    )


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
    """Return the status of ``process``; end it first if it answers nonsense but goes on."""
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
