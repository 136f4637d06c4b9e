"""The hub: everybody who reads ends where the model is, batches are written once, and a slow reader is nobody's problem."""

import asyncio
import json

from hypothesis import given
from hypothesis import strategies as st

from injector import scope_hub
from injector.scope_hub import Hub, Reader
from injector.scope_model import Ground, ScopeModel
from injector.slim import Namespace, Pod
from sidecar.core.policy_text import version
from sidecar.core.scope_feed import Alive, NewMap, NewPolicy, ScopeFeed
from sidecar.core.scopes import PeerClass

IN, OUT = PeerClass.IN_SCOPE, PeerClass.OUT_OF_SCOPE
POLICY = "apiVersion: cdefence.io/v1\nkind: Policy\n"


def pod(uid: str, ip: str, scope: PeerClass = IN) -> Pod:
    return Pod(uid, "pay", uid, (ip,), scope, injected=True)


class Replica:
    """A hub over a model, with a clock and an API server that may be out of reach."""

    def __init__(self) -> None:
        self.now = 0.0
        self.blind = 0.0
        self.model = ScopeModel(Ground(("10.244.0.0/16",)))
        self.model.put_namespace(Namespace("n1", "pay", opted_in=True), 0)
        self.model.put_pod(pod("a", "10.244.0.1"), 0)
        self.hub = Hub(self.model, "boot", lambda: self.blind, lambda: self.now)
        self.hub.publish()


def waiting(reader: Reader) -> list[bytes]:
    """The lines that wait, taken."""

    async def take() -> list[bytes]:
        found = []
        lines = reader.lines()
        while reader._lines:
            found.append(await anext(lines))
        return found

    return asyncio.run(take())


def kinds(reader: Reader) -> list[str]:
    return [json.loads(line)["type"] for line in waiting(reader)]


def test_a_reader_gets_policy_snapshot_and_what_comes():
    replica = Replica()
    replica.hub.set_policy(POLICY)
    reader = replica.hub.join("a", IN)
    replica.model.put_pod(pod("b", "10.244.0.2", OUT), 0)
    replica.hub.publish()
    replica.hub.beat()
    feed = ScopeFeed()
    policy, first, second, beat = (feed.line(line) for line in waiting(reader))
    assert policy == NewPolicy(POLICY, version(POLICY))
    assert isinstance(first, NewMap)
    assert isinstance(second, NewMap)
    assert (first.own, first.scopes.classify("10.244.0.1")) == (IN, IN)
    assert (second.scopes.classify("10.244.0.2"), second.scopes.epoch) == (OUT, 2)
    assert beat == Alive(0)


def test_without_a_policy_none_is_sent_and_the_heartbeat_says_so():
    replica = Replica()
    reader = replica.hub.join("a", IN)
    replica.hub.beat()
    snapshot, beat = map(json.loads, waiting(reader))
    assert (snapshot["type"], beat["policy"]) == ("snapshot", "")


def test_a_policy_is_told_once():
    replica = Replica()
    reader = replica.hub.join("a", IN)
    replica.hub.set_policy(POLICY)
    replica.hub.set_policy(POLICY)
    replica.hub.set_policy(POLICY + "mode: monitor\n")
    assert kinds(reader) == ["snapshot", "policy", "policy"]
    assert replica.hub.policy == version(POLICY + "mode: monitor\n")


def test_the_same_bytes_for_everybody():
    replica = Replica()
    readers = [replica.hub.join("a", scope) for scope in (IN, IN, OUT)]
    replica.model.put_pod(pod("b", "10.244.0.2"), 0)
    replica.hub.publish()
    replica.hub.beat()
    one, same, other = (waiting(reader) for reader in readers)
    assert all(mine is theirs for mine, theirs in zip(one, same, strict=True))
    assert other[0] != one[0], "its own class is another one"
    assert all(mine is theirs for mine, theirs in zip(one[1:], other[1:], strict=True))


def test_nothing_new_is_no_batch():
    replica = Replica()
    reader = replica.hub.join("a", IN)
    replica.hub.publish()
    replica.model.put_pod(pod("b", "10.244.0.2"), 0)
    replica.model.drop_pod(pod("b", "10.244.0.2"), 0)
    replica.hub.publish()
    assert kinds(reader) == ["snapshot"]
    assert replica.hub.counts.batches == 1, "the first, of what was there at the start"


def test_a_reader_that_falls_behind_starts_over_and_holds_up_nobody():
    replica = Replica()
    slow, quick = replica.hub.join("a", IN), replica.hub.join("a", IN)
    for _ in range(scope_hub.QUEUE):
        replica.hub.beat()
        waiting(quick)
    assert (slow.over, quick.over, replica.hub.counts.overflows) == (True, False, 1)
    assert kinds(slow) == ["resync"]
    replica.hub.beat()
    assert (kinds(slow), kinds(quick), replica.hub.counts.overflows) == ([], ["heartbeat"], 1)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 3)), max_size=40))
def test_at_once_or_in_turn_every_line_comes_once_and_in_its_place(story):
    async def told() -> list[bytes]:
        reader, written = Reader("a", 0.0), list[bytes]()
        free = False

        def at_once(line: bytes) -> bool:
            if free:
                written.append(line)
            return free

        async def read() -> None:
            async for line in reader.lines():
                await asyncio.sleep(0)  # as a connection that takes it piece by piece
                written.append(line)

        reader.at_once = at_once
        reading = asyncio.create_task(read())
        for number, (free, turns) in enumerate(story):  # noqa: B007 - `at_once` looks at it
            assert reader.offer(b"%d" % number)
            for _ in range(turns):
                await asyncio.sleep(0)
        while reader._lines or not reader._idle:
            await asyncio.sleep(0)
        reading.cancel()
        return written

    assert asyncio.run(told()) == [b"%d" % number for number in range(len(story))]


def test_a_stream_ends_with_its_time_but_not_while_the_replica_is_blind():
    replica = Replica()
    reader = replica.hub.join("a", IN)
    assert 1800 <= reader.until <= 3600
    replica.now, replica.blind = 3600, 11
    replica.hub.beat()
    assert (reader.over, json.loads(waiting(reader)[-1])["age"]) == (False, 11)
    replica.blind = 0
    replica.hub.beat()
    assert kinds(reader) == ["resync"]
    assert replica.hub.counts.expired == 1


def test_a_stream_ends_with_its_pod():
    replica = Replica()
    reader = replica.hub.join("a", IN)
    replica.model.drop_pod(pod("a", "10.244.0.1"), 0)
    replica.hub.beat()
    assert kinds(reader) == ["resync"]


def test_lifetimes_differ():
    replica = Replica()
    untils = {replica.hub.join("a", IN).until for _ in range(20)}
    assert len(untils) == 20


def test_who_reads():
    replica = Replica()
    one, other = replica.hub.join("a", IN), replica.hub.join("b", IN)
    assert (replica.hub.readers, replica.hub.readers_of("a"), replica.hub.readers_of("x")) == (2, 1, 0)
    replica.hub.leave(one)
    assert (replica.hub.readers, replica.hub.readers_of("a")) == (1, 0)
    replica.hub.open = True
    replica.hub.end_all()
    assert (kinds(other), replica.hub.open) == (["resync"], False)


def test_changes_that_come_together_are_one_batch(monkeypatch):
    monkeypatch.setattr(scope_hub, "WINDOW_S", 0.01)
    monkeypatch.setattr(scope_hub, "HEARTBEAT_S", 0.005)

    async def story() -> list[str]:
        replica = Replica()
        reader = replica.hub.join("a", IN)
        running = asyncio.create_task(replica.hub.run())
        lines, found = reader.lines(), []
        for uid in "bcd":
            replica.model.put_pod(pod(uid, f"10.244.0.{ord(uid)}"), 0)
            replica.hub.poke()
        feed = ScopeFeed()
        while "3" not in found:
            change = feed.line(await anext(lines))
            found.append(str(len(change.changed)) if isinstance(change, NewMap) and change.changed else "")
        assert isinstance(feed.line(await anext(lines)), Alive)
        running.cancel()
        return [each for each in found if each]

    assert asyncio.run(story()) == ["3"]


def test_time_alone_makes_a_batch(monkeypatch):
    monkeypatch.setattr(scope_hub, "WINDOW_S", 0.0)

    async def story() -> None:
        replica = Replica()
        replica.model.put_pod(Pod("b", "pay", "b", ("192.0.2.7",), IN, injected=True), 0)
        replica.model.drop_pod(Pod("b", "pay", "b", ("192.0.2.7",), IN, injected=True), 0)
        replica.hub.publish()
        reader = replica.hub.join("a", IN)
        replica.now = 60.0
        running = asyncio.create_task(replica.hub.run())
        lines = reader.lines()
        snapshot, delta = json.loads(await anext(lines)), json.loads(await anext(lines))
        running.cancel()
        assert ["192.0.2.7", None, "unknown"] in snapshot["peers"]
        assert delta["drop"] == [["192.0.2.7", None]]

    asyncio.run(story())


steps = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.sampled_from("abcd"), st.sampled_from([IN, OUT])),
        st.tuples(st.just("drop"), st.sampled_from("bcd"), st.none()),
        st.tuples(st.sampled_from(["join", "publish", "beat", "policy"]), st.none(), st.none()),
    ),
    max_size=40,
)


@given(steps)
def test_every_reader_is_always_where_the_hub_is(story):
    replica = Replica()
    readers: list[tuple[Reader, ScopeFeed]] = []
    for number, (what, uid, scope) in enumerate(story):
        if what == "put":
            replica.model.put_pod(pod(uid, f"10.244.0.{ord(uid) % 3}", scope), number)
        elif what == "drop":
            replica.model.drop_pod(pod(uid, ""), number)
        elif what == "join":
            readers.append((replica.hub.join("a", IN), ScopeFeed()))
        elif what == "policy":
            replica.hub.set_policy(f"{POLICY}# {number}\n")
        else:
            getattr(replica.hub, what)()
        for reader, feed in readers:
            for line in waiting(reader):
                feed.line(line)  # a FeedError is a reader that is somewhere else
