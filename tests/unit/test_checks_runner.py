"""The runner: real time, but in small pieces, and checks that do as they are told."""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import pytest

from dnsd.checks import runner as module
from dnsd.checks.command import CommandCheck
from dnsd.checks.dns import DnsCheck
from dnsd.checks.http import HttpCheck
from dnsd.checks.limits import limits_in_force
from dnsd.checks.result import Blind, Result, ServiceEndpoint
from dnsd.checks.runner import Runner
from dnsd.checks.stream import Tls
from dnsd.checks.targets import Target, target_of
from dnsd.checks.tcp import TcpCheck
from dnsd.config import CheckLimits, Failover
from dnsd.config.policy import PoolPolicy

PATIENCE = 30
OK = Result(ok=True, detail="", latency=0.001)
BAD = Result(ok=False, detail="is ill", latency=0.001)


@dataclass(frozen=True)
class Scripted:
    """A check that does what ``does`` says."""

    name: str
    does: Callable[[], Awaitable[Result]] = field(compare=False)
    timeout: float = 0.05
    port: int | None = None

    def endpoint(self, address: str) -> ServiceEndpoint | None:
        return None if self.port is None else ServiceEndpoint(address, self.port, None)

    async def run(self, address: str) -> Result:  # noqa: ARG002
        return await self.does()


def target(does: Callable[[], Awaitable[Result]], name: str = "t", **more: float) -> Target:
    values = {"timeout": 0.05, "interval": 0.05, "fast": 0.01, **more}
    check = Scripted(name, does, values["timeout"])
    return Target("192.0.2.1", check, values["interval"], values["fast"])


async def well() -> Result:
    return OK


async def ill() -> Result:
    return BAD


class Told:
    """What a runner has told."""

    def __init__(self) -> None:
        self.results: list[tuple[Target, Result, float, float]] = []
        self.unseen: list[tuple[Target, str]] = []

    def see(self, one: Target, result: Result, began: float, ended: float) -> None:
        self.results.append((one, result, began, ended))

    def miss(self, one: Target, why: str) -> None:
        self.unseen.append((one, why))

    def of(self, one: Target) -> list[Result]:
        return [result for known, result, _, _ in self.results if known == one]


def running(*targets: Target, until: Callable[[Told, Runner], bool]) -> tuple[Told, Runner]:
    """Run the checks of ``targets`` until what was told is enough."""

    async def run() -> tuple[Told, Runner]:
        told = Told()
        runner = Runner(told.see, told.miss, chance=random.Random(1))
        runner.assign(targets)
        task = asyncio.create_task(runner.run())
        try:
            async with asyncio.timeout(PATIENCE):
                while not until(told, runner) and not task.done():
                    await asyncio.sleep(0.005)
        finally:
            task.cancel()
            await asyncio.wait([task])
        if not task.cancelled():
            task.result()
        return told, runner

    return asyncio.run(run())


def test_results_are_told_with_their_times() -> None:
    good, bad = target(well, "good"), target(ill, "bad")
    told, _ = running(
        good, bad, until=lambda told, _: min(len(told.of(good)), len(told.of(bad))) >= 3
    )
    assert set(told.of(good)) == {OK}
    assert set(told.of(bad)) == {BAD}
    assert all(began <= ended for _, _, began, ended in told.results)
    assert told.unseen == []


def test_a_check_that_does_not_end_is_one_failure_and_stops_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "GRACE_S", 0.05)
    release: list[bool] = []

    async def stuck() -> Result:
        while not release:
            try:
                await asyncio.sleep(0.02)
            except asyncio.CancelledError:
                continue  # as no check should
        return OK

    bad, good = target(stuck, "stuck"), target(well, "good")

    def enough(told: Told, _runner: Runner) -> bool:
        if len(told.unseen) >= 2 and len(told.of(good)) >= 5:
            release.append(True)
        return bool(release) and OK in told.of(bad)

    told, _ = running(bad, good, until=enough)
    before = told.of(bad)[: told.of(bad).index(OK)]
    assert [result.detail for result in before] == ["has a check that does not end"]
    assert set(told.unseen) == {(bad, "its last check has not ended yet")}


def test_what_cannot_be_checked_is_no_result() -> None:
    async def blind() -> Result:
        raise Blind("it has no eyes")

    async def wrong() -> Result:
        raise KeyError("x")

    one, two, good = target(blind, "blind"), target(wrong, "wrong"), target(well, "good")
    told, _ = running(
        one, two, good, until=lambda told, _: len(told.unseen) >= 4 and len(told.of(good)) >= 2
    )
    assert {known for known, *_ in told.results} == {good}
    assert set(told.unseen) == {
        (one, "it has no eyes"),
        (two, "its check failed: KeyError: 'x'"),
    }


def test_a_failure_while_this_process_slept_does_not_count() -> None:
    """The server has given up on us, as it may: we were silent for longer than it must wait."""
    asked = []

    async def stalled() -> Result:
        asked.append(True)
        if len(asked) == 2:
            time.sleep(0.5)
            return BAD
        return OK

    one = target(stalled)
    told, _ = running(one, until=lambda told, _: len(told.of(one)) >= 3)
    assert set(told.of(one)) == {OK}
    assert told.unseen == [(one, "this process was too busy to check it")]


def test_a_suspect_is_checked_in_its_fast_interval() -> None:
    one = target(well, interval=1000.0, fast=0.01)

    async def run() -> list[float]:
        told = Told()
        runner = Runner(told.see, told.miss)
        runner.assign([one])
        task = asyncio.create_task(runner.run())
        async with asyncio.timeout(PATIENCE):
            while not told.results:
                await asyncio.sleep(0.005)
            runner.hurry(one)
            while len(told.results) < 6:
                await asyncio.sleep(0.005)
            runner.relax(one)
            await asyncio.sleep(0.03)
            number = len(told.results)
            await asyncio.sleep(0.1)
        assert len(told.results) == number
        task.cancel()
        await asyncio.wait([task])
        return [began for _, _, began, _ in told.results]

    assert len(asyncio.run(run())) >= 6


def test_targets_come_and_go() -> None:
    stays, goes, new = target(well, "stays"), target(well, "goes"), target(well, "new")

    async def run() -> None:
        told = Told()
        runner = Runner(told.see, told.miss)
        runner.assign([stays, goes, stays])
        task = asyncio.create_task(runner.run())
        async with asyncio.timeout(PATIENCE):
            while not told.of(stays) or not told.of(goes):
                await asyncio.sleep(0.005)
            runner.assign([stays, new])
            runner.hurry(goes)  # too late, and no harm
            number = len(told.of(goes))
            while len(told.of(stays)) < 5 or not told.of(new):
                await asyncio.sleep(0.005)
            assert len(told.of(goes)) == number
            runner.assign([])
            await asyncio.sleep(0.02)
            number = len(told.results)
            await asyncio.sleep(0.1)
        assert len(told.results) == number
        task.cancel()
        await asyncio.wait([task])

    asyncio.run(run())


def test_a_result_of_a_target_that_is_gone_is_not_told() -> None:
    async def run() -> None:
        told = Told()
        began, go = asyncio.Event(), asyncio.Event()

        async def slow() -> Result:
            began.set()
            await go.wait()
            return OK

        runner = Runner(told.see, told.miss)
        runner.assign([target(slow, timeout=PATIENCE)])
        task = asyncio.create_task(runner.run())
        async with asyncio.timeout(PATIENCE):
            await began.wait()
            runner.assign([])
            go.set()
            await asyncio.sleep(0.05)
        assert told.results == []
        task.cancel()
        await asyncio.wait([task])

    asyncio.run(run())


def test_one_address_is_not_asked_too_much_at_once() -> None:
    now: Counter[str] = Counter()
    most: Counter[str] = Counter()

    async def count() -> Result:
        now["all"] += 1
        most["all"] = max(most["all"], now["all"])
        await asyncio.sleep(0.02)
        now["all"] -= 1
        return OK

    limit = Failover().max_checks_per_address
    many = [target(count, f"t{at}", timeout=PATIENCE) for at in range(4 * limit)]
    told, runner = running(
        *many, until=lambda told, _: len({one for one, *_ in told.results}) == len(many)
    )
    assert most["all"] == limit
    assert runner.behind >= 0
    assert {result for _, result, _, _ in told.results} == {OK}


def test_programs_have_a_limit_of_their_own_and_none_of_the_address() -> None:
    """What a program connects to is not known, so all that it counts for is programs."""
    checks = [CommandCheck(("/bin/sleep", f"0.2{'0' * at}"), PATIENCE) for at in range(6)]
    targets = [Target("192.0.2.1", check, 10.0, 1.0) for check in checks]

    async def run() -> list[tuple[float, float]]:
        told = Told()
        runner = Runner(told.see, told.miss, CheckLimits(total=500, address=1, commands=2))
        runner.assign(targets)
        task = asyncio.create_task(runner.run())
        async with asyncio.timeout(PATIENCE):
            while len(told.results) < len(targets):
                await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.wait([task])
        return [(began, ended) for _, _, began, ended in told.results]

    spans = asyncio.run(run())
    assert max(sum(began <= at < ended for began, ended in spans) for at, _ in spans) == 2


def test_the_limits_leave_descriptors_to_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resource.getrlimit", lambda _which: (100, 100))
    assert limits_in_force(Failover()) == Failover().limits._replace(total=50)
    assert limits_in_force(Failover(max_checks=7)).total == 7


def test_what_the_caller_raises_ends_it() -> None:
    def raising(*_: object) -> None:
        raise RuntimeError("no memory of it")

    async def run() -> None:
        runner = Runner(raising, raising)
        runner.assign([target(well)])
        async with asyncio.timeout(PATIENCE):
            await runner.run()

    with pytest.raises(ExceptionGroup, match="TaskGroup") as found:
        asyncio.run(run())
    assert found.value.subgroup(RuntimeError)


# -- what a policy wants ------------------------------------------------------------------------


FAILOVER = Failover(commands={"x": ("/bin/x", "{port}", "{address}")})


def pool(**keys: object) -> PoolPolicy:
    values = {"name": "www.example.com.", "type": "A", "check": "tcp", "port": 80, **keys}
    return PoolPolicy(**values)  # type: ignore[arg-type]


def test_pools_share_a_check_that_is_the_same() -> None:
    first = target_of(pool(), "192.0.2.1", FAILOVER)
    other = target_of(pool(name="ftp.example.com.", down=5), "192.0.2.1", FAILOVER)
    assert first == other
    assert len({first, other}) == 1
    for change in ({"port": 81}, {"interval": 5.0}, {"timeout": 1.0}, {"source": "192.0.2.9"}):
        assert target_of(pool(**change), "192.0.2.1", FAILOVER) != first
    assert target_of(pool(), "192.0.2.2", FAILOVER) != first


def test_what_a_policy_says_is_checked() -> None:
    def check(**keys: object) -> object:
        found = target_of(pool(port=None, **keys), "192.0.2.1", FAILOVER)
        assert found is not None
        return found.check

    assert target_of(pool(check="none"), "192.0.2.1", FAILOVER) is None
    assert target_of(pool(), "192.0.2.1", FAILOVER) == Target(
        "192.0.2.1", TcpCheck(80, 2.0), 10.0, 1.0
    )
    assert check(check="http") == HttpCheck(80, "/", "www.example.com", 2.0)
    assert check(check="https", tls_expiry=60.0) == HttpCheck(
        443, "/", "www.example.com", 2.0, tls=Tls("www.example.com", True, 60.0)
    )
    secure = check(check="https", host="app.example.com:8443", tls_verify=False)
    assert isinstance(secure, HttpCheck)
    assert (secure.host, secure.tls) == ("app.example.com:8443", Tls("app.example.com", False))
    assert check(check="command", command="x", parameters={"port": "80"}) == CommandCheck(
        ("/bin/x", "80", "{address}"), 2.0
    )
    asked = check(check="dns", query="example.com.")
    assert isinstance(asked, DnsCheck)
    assert (str(asked.question), asked.port, asked.question.authority) == (
        "example.com SOA",
        53,
        False,
    )


@pytest.mark.parametrize(
    ("command", "parameters", "says"),
    [
        ("y", {}, "y is not in [failover.commands] of the configuration (which has x): list it "),
        ("x", {}, "x needs port: give it in parameters"),
        (
            "x",
            {"port": "1", "address": "192.0.2.9", "user": "root"},
            "x takes no parameter address, user (it takes: port)",
        ),
    ],
)
def test_a_policy_runs_nothing_but_what_the_configuration_lists(
    command: str, parameters: dict[str, str], says: str
) -> None:
    with pytest.raises(ValueError, match="^" + re.escape(says)):
        target_of(
            pool(port=None, check="command", command=command, parameters=parameters),
            "192.0.2.1",
            FAILOVER,
        )


@pytest.mark.parametrize(
    ("address", "networks", "says"),
    [
        ("192.0.2.1", ["192.0.2.0/24"], ""),
        ("127.0.0.1", [], ""),
        ("10.0.0.1", [], ""),
        ("2001:db8::1", [], ""),
        ("::ffff:10.0.0.1", ["10.0.0.0/8"], ""),
        ("169.254.169.254", ["169.254.169.254/32"], ""),
        ("169.254.169.254", [], "169.254.169.254 is a link-local address, as metadata services "),
        ("::ffff:169.254.169.254", [], "::ffff:169.254.169.254 is a link-local address"),
        ("fe80::1", [], "fe80::1 is a link-local address"),
        ("ff02::1", [], "ff02::1 is a multicast address"),
        ("0.0.0.0", [], "0.0.0.0 is the unspecified address"),
        ("127.0.0.1", ["192.0.2.0/24", "::/0"], "127.0.0.1 is outside the networks in "),
        ("::ffff:127.0.0.1", ["::/0"], "::ffff:127.0.0.1 is outside the networks in "),
    ],
)
def test_no_check_leaves_the_networks_it_may_go_to(
    address: str, networks: list[str], says: str
) -> None:
    failover = Failover(check_networks=tuple(networks))
    if not says:
        assert target_of(pool(), address, failover)
        return
    with pytest.raises(ValueError, match="^" + re.escape(says)):
        target_of(pool(), address, failover)
    assert target_of(pool(check="none"), address, failover) is None


def test_the_host_of_another_port_names_it() -> None:
    found = target_of(pool(check="http", port=8080), "192.0.2.1", FAILOVER)
    assert found is not None
    assert isinstance(found.check, HttpCheck)
    assert found.check.host == "www.example.com:8080"
