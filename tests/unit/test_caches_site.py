"""The complete site: whatever is missing of it makes UNKNOWN, and knowing less never makes SAFE."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

import msgspec
from hypothesis import assume, event, given, settings
from hypothesis import strategies as st

from dnsd.caches.acquainted import KnownNodes, KnownPeer, Retired, Unfound
from dnsd.caches.inquiry import Inquiry
from dnsd.caches.judge import MARGIN_S, Safety, Verdict, judge
from dnsd.caches.report import WEEK_S, LedgerLine, NodeReport, Use
from dnsd.caches.site import HERE, Answered, Sighting, Silent, Site, alone, census
from dnsd.caches.version import CacheQuestion, about_name, about_target, rrset

TARGET = about_target("192.0.2.10")
NAME = about_name("www.example.com", "A")
OLD, NEW = (
    rrset("www.example.com.", "A", [ipaddress.ip_address(address).packed])
    for address in ("192.0.2.10", "192.0.2.11")
)
NOW = 1000.0


def report(
    node: str, *peers: KnownPeer, lines: tuple[LedgerLine, ...] = (), **more: object
) -> NodeReport:
    """What a node says that is well, has a long account, and knows ``peers``."""
    told = {
        "ceiling": 60,
        "instance": f"run of {node}",
        "up": WEEK_S,
        "knows": KnownNodes(peers),
        "kept": 2 * WEEK_S,
        **more,
    }
    return NodeReport(node, lines=lines, **told)  # type: ignore[arg-type]


def seen(address: str, said: NodeReport | str, node: str = "", asked: float = NOW) -> Sighting:
    outcome = Silent(said) if isinstance(said, str) else Answered(said, asked, asked + 0.1)
    return Sighting(address, outcome, node)


def ask(*sightings: Sighting, earlier: tuple[Answered, ...] = (), **more: object) -> Verdict:
    site = Site(sightings, earlier)
    inquiry = Inquiry(question=TARGET, site=site, since=NOW - 1, **more)  # type: ignore[arg-type]
    return judge(inquiry, NOW + 1)


def answered(sighting: Sighting) -> Answered:
    assert isinstance(sighting.outcome, Answered)
    return sighting.outcome


A, B = "http://a:9153", "http://b:9153"
PEER_B = KnownPeer(B, "b")


def test_a_node_of_this_machine_that_cannot_say_its_name_is_missed_and_not_called_dead() -> None:
    verdict = ask(seen(HERE, "control is down and is being restarted"))
    assert verdict.safety == Safety.UNKNOWN
    (missing,) = verdict.missing
    assert str(missing) == (
        "node of this machine has not reported: control is down and is being restarted"
    )


def test_a_site_that_is_whole_is_safe() -> None:
    found = ask(seen(A, report("a", PEER_B)), seen(B, report("b", KnownPeer(A, "a"))))
    assert (found.safety, found.nodes, found.missing) == (Safety.SAFE, ("a", "b"), ())


def test_where_none_was_asked_nothing_is_known() -> None:
    assert ask().safety == Safety.UNKNOWN
    assert ask(fenced=(("a", 0.0),)).safety == Safety.UNKNOWN


def test_a_node_that_is_silent_is_named_with_the_reason_and_what_to_do() -> None:
    found = ask(seen(A, report("a", PEER_B)), seen(B, "no route to host"))
    assert found.safety == Safety.UNKNOWN
    (missing,) = found.missing
    assert (missing.node, missing.reason) == (f"b ({B})", "has not reported: no route to host")
    assert "--fenced-at b=TIME" in missing.remedy


def test_a_node_that_another_one_knows_must_be_asked() -> None:
    """Whatever asks nodes and forgets one is found out."""
    for peer, name in ((PEER_B, "b"), (KnownPeer(B), B)):
        found = ask(seen(A, report("a", peer)))
        assert found.safety == Safety.UNKNOWN
        assert f"node {name} has not been asked, but node a knows it" in found.reasons[0]


def test_a_node_that_does_not_say_whom_it_knows_makes_it_unknown() -> None:
    found = ask(seen(A, report("a", knows=Unfound("it is busy"))))
    assert found.reasons[0] == "node a does not report which nodes it knows: it is busy"
    old = msgspec.json.decode(b'{"node": "a", "kept": 1e7, "lines": []}', type=NodeReport)
    found = ask(seen(A, old))
    assert "its version of dnsd does not report which other nodes it knows" in found.reasons[0]


def test_what_a_node_says_of_itself_leaves_others_out() -> None:
    site = alone(report("a", PEER_B), NOW)
    assert judge(Inquiry(question=TARGET, site=site, since=NOW), NOW).safety == Safety.SAFE


def test_one_node_at_two_addresses_is_one_node() -> None:
    found = ask(seen(A, report("a")), seen(B, report("a")))
    assert (found.safety, found.nodes) == (Safety.SAFE, ("a",))


def test_a_node_in_whose_place_another_one_answers_is_missing() -> None:
    """Even if nobody who answers has ever heard from it."""
    found = ask(seen(A, "no route", "a"), seen(B, report("a"), "b"))
    assert found.safety == Safety.UNKNOWN
    (missing,) = found.missing
    assert (missing.node, missing.reason) == (
        "b",
        f"has not reported: it was at {B}, which is now node a",
    )
    sightings = seen(A, "no route", "a"), seen(B, report("a"), "b")
    assert ask(*sightings, fenced=(("b", 0.0),)).safety == Safety.SAFE


def test_a_node_that_answers_elsewhere_is_not_missing_where_it_is_silent() -> None:
    found = ask(seen(A, report("a", PEER_B)), seen(B, "no route"), seen("http://b2", report("b")))
    assert found.safety == Safety.SAFE


def test_two_nodes_of_one_name_are_named() -> None:
    found = ask(seen(A, report("a")), seen(B, report("a", instance="another")))
    assert found.reasons[0] == (
        "node a is the name of two nodes; give each its own [server] server_id"
    )
    # Without an instance it cannot be told.
    found = ask(seen(A, report("a", instance="")), seen(B, report("a", instance="")))
    assert "is reached at several addresses, and its version of dnsd" in found.reasons[0]


def test_two_nodes_of_one_name_of_which_one_can_be_asked_are_named_by_who_hears_the_other() -> None:
    twin = KnownPeer(B, "a2", instance="another", ago=0.5)
    found = ask(seen(A, report("a", twin)), seen("http://a2", report("a2")), seen(B, "no route"))
    assert "node a reaches another one at http://b:9153" in found.reasons[0]


def test_a_node_that_was_started_again_is_one_node() -> None:
    before = answered(seen(A, report("a", instance="before"), asked=NOW - 30))
    assert ask(seen(A, report("a", up=20.0)), earlier=(before,)).safety == Safety.SAFE
    # One that is older than what it is said to have replaced stands beside it.
    assert ask(seen(A, report("a", up=40.0)), earlier=(before,)).safety == Safety.UNKNOWN
    assert ask(seen(A, report("a", up=None)), earlier=(before,)).safety == Safety.UNKNOWN


def test_a_node_that_comes_and_goes_behind_one_address_stands_beside_another() -> None:
    runs = [report("a", instance="one", up=60.0), report("a", instance="two", up=10.0)]
    earlier = [answered(seen(A, runs[at], asked=NOW - 9 + at)) for at in (0, 1)]
    assert ask(seen(A, runs[0]), earlier=tuple(earlier)).safety == Safety.UNKNOWN


def test_a_node_that_has_answered_must_go_on_answering() -> None:
    before = answered(seen(B, report("b"), asked=NOW - 30))
    found = ask(seen(A, report("a")), earlier=(before,))
    assert "node b reported before, but does not respond now" in found.reasons[0]
    found = ask(seen(A, report("a")), earlier=(before,), fenced=(("b", NOW - 20),))
    assert (found.safety, found.until) == (Safety.WAIT, NOW - 20 + 60 + MARGIN_S)


def test_a_node_that_was_known_once_must_be_asked() -> None:
    """Who knew it may have been started again without its memory."""
    before = answered(seen(A, report("a", PEER_B, instance="before"), asked=NOW - 30))
    found = ask(seen(A, report("a", up=20.0)), earlier=(before,))
    assert found.reasons[0] == f"node b has not been asked, but node a knows it ({B})"


def test_of_several_times_of_death_the_latest_counts() -> None:
    """Each of them may be the one that somebody knows better."""
    both = (("b", NOW - 20), ("b", NOW - 900))
    here, dead = report("a", PEER_B), seen(B, "no route")
    for fenced in (both, both[::-1]):
        found = ask(seen(A, here), dead, fenced=fenced)
        assert found.until == NOW - 20 + 60 + MARGIN_S
    for order in ((20.0, 900.0), (900.0, 20.0)):
        retired = [seen(A, report("a", PEER_B)), dead]
        for url, ago in zip((A, "http://c"), order, strict=True):
            knows = KnownNodes((PEER_B,), (Retired("b", ago),))
            retired.append(seen(url, report(url[-1], knows=knows)))
        found = ask(*retired[1:])
        assert found.until == NOW + 0.1 - 20 + 60 + MARGIN_S
    mixed = report("a", knows=KnownNodes((PEER_B,), (Retired("b", 900.0),)))
    assert ask(seen(A, mixed), dead, fenced=both[:1]).until == NOW - 20 + 60 + MARGIN_S


def test_a_node_that_was_renamed_is_missed_under_its_old_name() -> None:
    found = ask(seen(A, report("a", PEER_B)), seen(B, report("b2")))
    assert found.missing[0].node == "b"
    assert "which is now node b2" in found.reasons[0]
    fenced = ask(seen(A, report("a", PEER_B)), seen(B, report("b2")), fenced=(("b", 1.0),))
    assert fenced.safety == Safety.SAFE


def test_a_fence_is_by_name_or_by_url() -> None:
    for called in ("b", B):
        dead = (seen(A, report("a", PEER_B)), seen(B, "no route"))
        assert ask(*dead, fenced=((called, 1.0),)).safety == Safety.SAFE
        assert ask(*dead, fenced=((called, NOW - 10),)).safety == Safety.WAIT
    assert ask(*dead, fenced=(("bb", 1.0),)).safety == Safety.UNKNOWN


def test_a_node_that_was_retired_is_fenced() -> None:
    here = report("a", knows=KnownNodes((PEER_B,), (Retired("b", 70.0),)))
    assert ask(seen(A, here), seen(B, "no route")).safety == Safety.SAFE
    here = report("a", knows=KnownNodes((PEER_B,), (Retired("b", 30.0),)))
    assert ask(seen(A, here), seen(B, "no route")).safety == Safety.WAIT


def test_a_fence_is_not_believed_when_another_node_hears_the_dead_one() -> None:
    here = report("a", KnownPeer(B, "b", "run of b", 0.3))
    found = ask(seen(A, here), seen(B, "no route"), fenced=(("b", NOW - 80),))
    assert "node b was declared dead, but node a has heard from it since" in found.reasons[0]


def test_a_node_without_a_name_is_missing() -> None:
    assert ask(seen(A, report(""))).safety == Safety.UNKNOWN


# -- laws -------------------------------------------------------------------------------------

NAMES = ("a", "b", "c")


LINES = st.builds(
    LedgerLine,
    st.sampled_from((OLD, NEW)),
    st.sampled_from((-WEEK_S, -200.0, -50.0, -4.0, 20.0)),
    st.sampled_from((None, 0.0, 80.0, 300.0)),
    st.sampled_from((5, 60)),
    st.sampled_from((Use.IDLE, *Use)),
)
PEERS = st.builds(
    KnownPeer, st.sampled_from([f"http://{name}" for name in NAMES]), st.sampled_from(("", *NAMES))
)
RETIRED = st.builds(Retired, st.sampled_from(NAMES), st.just(80.0))
KNOWS = st.one_of(
    st.just(Unfound("why")),
    st.builds(
        KnownNodes, st.lists(PEERS, max_size=2).map(tuple), st.lists(RETIRED, max_size=1).map(tuple)
    ),
)
TROUBLES: st.SearchStrategy[tuple[str, object]] = st.one_of(
    st.tuples(st.just("knows"), KNOWS),
    st.tuples(st.just("lines"), st.lists(LINES, max_size=2).map(tuple)),
    st.tuples(st.just("ceiling"), st.sampled_from((None, 10))),
    st.tuples(st.just("kept"), st.sampled_from((20.0, 80.0))),
    st.tuples(st.just("instance"), st.sampled_from(("", "another"))),
    st.tuples(st.just("node"), st.sampled_from(("", *NAMES))),
    st.tuples(st.just("asked"), st.just(NOW - 2)),
    st.tuples(st.just("silent"), st.booleans()),
)


@st.composite
def sites(draw: st.DrawFn) -> Site:
    """Up to three nodes that know each other, and up to two things that are wrong with them."""
    names = NAMES[: draw(st.integers(1, 3))]
    wrong: dict[str, dict[str, object]] = {name: {} for name in names}
    for what, how in draw(st.lists(TROUBLES, max_size=2)):
        wrong[draw(st.sampled_from(names))][what] = how
    return Site(tuple(_sighting(name, names, wrong[name]) for name in names))


def _sighting(name: str, names: Sequence[str], wrong: dict[str, object]) -> Sighting:
    if "silent" in wrong:
        return seen(f"http://{name}", "no route", name if wrong["silent"] else "")
    peers = (KnownPeer(f"http://{other}", other) for other in names if other != name)
    said = report(name, *peers, lines=(LedgerLine(OLD, -80.0, 140.0, 60, Use.IDLE),))
    asked = NOW - 2 if wrong.pop("asked", None) else NOW
    return seen(f"http://{name}", msgspec.structs.replace(said, **wrong), name, asked)


SITES = sites()
QUESTIONS = st.sampled_from((TARGET, NAME))
FENCES = st.lists(st.tuples(st.sampled_from(NAMES), st.just(NOW - 80)), max_size=1).map(tuple)


def verdict(site: Site, question: CacheQuestion, fenced: Sequence[tuple[str, float]]) -> Verdict:
    inquiry = Inquiry(question=question, site=site, since=NOW - 1, fenced=tuple(fenced))
    found = judge(inquiry, NOW + 1)
    event(found.safety)
    return found


def is_fenced(one: Sighting, site: Site, fenced: Sequence[tuple[str, float]]) -> bool:
    """Return whether a node is said to be dead, by any name: by answering it proves that wrong."""
    answers = [each.outcome for each in site.sightings if isinstance(each.outcome, Answered)]
    known = [each.report.knows for each in answers if isinstance(each.report.knows, KnownNodes)]
    names = {peer.node for knows in known for peer in knows.peers if peer.url == one.address}
    names |= {one.address, one.node}
    if isinstance(one.outcome, Answered):
        names.add(one.outcome.node)
    return not names.isdisjoint(census(site, fenced).fences)


LESS = ("knows", "ceiling", "kept", "instance", "up", "doubt", "node", "ago")


def without(said: NodeReport, what: str) -> NodeReport:
    """Return a report that says less."""
    lines = said.lines
    less: dict[str, dict[str, object]] = {
        "knows": {"knows": Unfound("lost")},
        "ceiling": {"ceiling": None},
        "kept": {"kept": 0.0},
        "instance": {"instance": ""},
        "up": {"up": None},
        "doubt": {"doubt": "the disk is full"},
        "node": {"node": ""},
        "ago": {"lines": tuple(msgspec.structs.replace(one, ago=0.0) for one in lines)},
    }
    return msgspec.structs.replace(said, **less[what])


assert settings.default
MANY = settings(max_examples=4 * settings.default.max_examples)  # each takes a millisecond


@MANY
@given(SITES, QUESTIONS, FENCES, st.data())
def test_knowing_less_never_makes_it_safe(
    site: Site, question: CacheQuestion, fenced: Sequence[tuple[str, float]], data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(site.sightings) - 1))
    one = site.sightings[at]
    assume(not is_fenced(one, site, fenced))
    outcomes: list[Answered | Silent] = [Silent("lost")]
    if isinstance(one.outcome, Answered):
        what = data.draw(st.sampled_from(LESS), label="less")
        outcomes.append(
            msgspec.structs.replace(one.outcome, report=without(one.outcome.report, what))
        )
    for outcome in outcomes:
        changed = list(site.sightings)
        changed[at] = msgspec.structs.replace(one, outcome=outcome)
        less = Site(tuple(changed), site.earlier)
        if verdict(less, question, fenced).safety == Safety.SAFE:
            assert verdict(site, question, fenced).safety == Safety.SAFE


@MANY
@given(SITES, QUESTIONS, FENCES, st.data())
def test_a_node_that_is_known_and_not_asked_is_never_safe(
    site: Site, question: CacheQuestion, fenced: Sequence[tuple[str, float]], data: st.DataObject
) -> None:
    """A sighting that is lost is missed as soon as any node knows the node that was there."""
    at = data.draw(st.integers(0, len(site.sightings) - 1))
    lost = site.sightings[at]
    assume(not is_fenced(lost, site, fenced))
    rest = [one for one in site.sightings if one is not lost]
    told = [
        peer
        for one in rest
        if isinstance(one.outcome, Answered) and isinstance(one.outcome.report.knows, KnownNodes)
        for peer in one.outcome.report.knows.peers
        if peer.url == lost.address
    ]
    less = verdict(Site(tuple(rest)), question, fenced)
    if told and less.safety == Safety.SAFE:
        assert verdict(site, question, fenced).safety == Safety.SAFE


@given(SITES, QUESTIONS, FENCES, st.data())
def test_neither_order_nor_repetition_matters(
    site: Site, question: CacheQuestion, fenced: Sequence[tuple[str, float]], data: st.DataObject
) -> None:
    shuffled = data.draw(st.permutations([*site.sightings, *site.sightings]))
    earlier = tuple(one.outcome for one in shuffled if isinstance(one.outcome, Answered))
    expected = verdict(Site(site.sightings, earlier), question, fenced)
    assert verdict(Site(tuple(shuffled), earlier[::-1]), question, fenced) == expected
