"""The scope feed: what stands on the wire, what a reader makes of it, and that nothing wrong is ever half believed."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.core import feed_shape, scope_feed
from sidecar.core.policy_text import version
from sidecar.core.scope_feed import (
    Alive,
    FeedError,
    Lines,
    NewMap,
    NewPolicy,
    ScopeFeed,
    Why,
    encode_delta,
    encode_heartbeat,
    encode_lookup,
    encode_policy,
    encode_resync,
    encode_snapshot,
    next_hash,
    read_lookup,
    state_hash,
)
from sidecar.core.scopes import Key, PeerClass

IN, CONNECTED, OUT = PeerClass.IN_SCOPE, PeerClass.CONNECTED_TO, PeerClass.OUT_OF_SCOPE
EXTERNAL, NODE, UNKNOWN = PeerClass.EXTERNAL, PeerClass.NODE, PeerClass.UNKNOWN

CLUSTER = ("10.244.0.0/16", "fd44::/48")
ENTRIES: dict[Key, PeerClass] = {
    ("10.244.0.5", None): IN,
    ("fd44::5", None): IN,
    ("10.244.0.6", None): OUT,
    ("10.96.0.9", 443): IN,
    ("10.88.0.1", None): NODE,
    ("203.0.113.0/24", None): CONNECTED,
}
STATE = state_hash(CLUSTER, ENTRIES)
POLICY = "apiVersion: cdefence.io/v1\nkind: Policy\n"


def begun() -> ScopeFeed:
    """A feed that holds `ENTRIES` at sequence number 7."""
    feed = ScopeFeed()
    feed.line(encode_snapshot("boot-1", 7, CLUSTER, IN, ENTRIES, STATE))
    return feed


def after(put: dict[Key, PeerClass], drop: tuple[Key, ...] = ()) -> int:
    return next_hash(STATE, {key: ENTRIES.get(key) for key in (*put, *drop)}, put, drop)


def test_what_stands_on_the_wire():
    put, drop = {("10.244.0.7", None): CONNECTED}, (("10.96.0.9", 443),)
    wire = [
        encode_policy(POLICY),
        encode_snapshot(
            "boot-1", 7, ["10.244.0.0/16"], IN, {("10.244.0.5", None): IN, ("10.96.0.9", 443): IN}, 1
        ),
        encode_delta(8, put, drop, 2),
        encode_heartbeat(8, 2, "60103adcabf7", 0),
        encode_resync(),
        encode_lookup("10.244.0.5", None, IN),
    ]
    assert b"".join(wire).decode().splitlines() == [
        r'{"hash":"60103adcabf7","text":"apiVersion: cdefence.io/v1\nkind: Policy\n","type":"policy"}',
        (
            '{"cluster":["10.244.0.0/16"],"epoch":"boot-1","hash":"0000000000000001",'
            '"peers":[["10.244.0.5",null,"in-scope"],["10.96.0.9",443,"in-scope"]],'
            '"self":"in-scope","seq":7,"type":"snapshot"}'
        ),
        (
            '{"drop":[["10.96.0.9",443]],"hash":"0000000000000002","seq":8,'
            '"set":[["10.244.0.7",null,"connected-to"]],"type":"delta"}'
        ),
        '{"age":0,"hash":"0000000000000002","policy":"60103adcabf7","seq":8,"type":"heartbeat"}',
        '{"type":"resync"}',
        '{"ip":"10.244.0.5","port":null,"scope":"in-scope","type":"lookup"}',
    ]


def test_the_hash_of_a_state_is_a_fixed_number():
    """Controllers and sidecars of different versions compare it."""
    assert (
        f"{state_hash(['10.0.0.0/8'], {('10.0.0.1', None): IN, ('10.0.0.2', 80): OUT}):016x}"
        == "311c9d3f0a349c91"
    )


def test_a_conversation():
    feed = ScopeFeed()
    assert feed.line(encode_policy(POLICY)) == NewPolicy(POLICY, version(POLICY))

    first = feed.line(encode_snapshot("boot-1", 7, CLUSTER, IN, ENTRIES, STATE))
    assert isinstance(first, NewMap)
    assert (first.own, first.changed, first.scopes.epoch, feed.epoch) == (IN, None, 7, "boot-1")
    assert first.scopes.classify("10.244.0.5") is IN
    assert first.scopes.classify("10.96.0.9", 443) is IN
    assert first.scopes.classify("10.244.9.9") is UNKNOWN
    assert first.scopes.classify("203.0.113.7") is CONNECTED
    assert first.scopes.classify("198.51.100.1") is EXTERNAL
    assert first.scopes.is_service("10.96.0.9", 443)
    assert not first.scopes.is_service("10.244.0.5", 443)

    put: dict[Key, PeerClass] = {("10.244.0.6", None): IN, ("203.0.113.128/25", None): OUT}
    drop: tuple[Key, ...] = (("10.96.0.9", 443),)
    second = feed.line(encode_delta(8, put, drop, after(put, drop)))
    assert isinstance(second, NewMap)
    assert second.changed == {*put, *drop}
    assert second.scopes.classify("10.244.0.6") is IN
    assert second.scopes.classify("203.0.113.7") is CONNECTED
    assert second.scopes.classify("203.0.113.200") is OUT
    assert second.scopes.classify("10.96.0.9", 443) is EXTERNAL
    assert first.scopes.classify("10.244.0.6") is OUT, "the map before is what it was"

    assert feed.line(encode_heartbeat(8, after(put, drop), version(POLICY), 3)) == Alive(3)
    with pytest.raises(FeedError) as caught:
        feed.line(encode_resync())
    assert caught.value.why is Why.RESYNC


def changed(line: bytes, **fields: object) -> bytes:
    """A line with some fields as given; a field that is `...` is left out."""
    message = json.loads(line) | fields
    return json.dumps({key: value for key, value in message.items() if value is not ...}).encode()


SNAPSHOT = encode_snapshot("boot-2", 9, CLUSTER, IN, ENTRIES, STATE)
DELTA = encode_delta(8, {("10.244.0.7", None): OUT}, (), after({("10.244.0.7", None): OUT}))
HEARTBEAT = encode_heartbeat(7, STATE, "", 0)

WRONG = [
    ("no JSON", b"{", Why.GARBAGE),
    ("nothing", b"", Why.GARBAGE),
    ("no UTF-8", b'{"type":"\xff"}', Why.GARBAGE),
    ("no object", b"[1]", Why.GARBAGE),
    ("nested without end", b"[" * 100_000, Why.GARBAGE),
    ("a number without end", b'{"type":' + b"1" * 10_000 + b"}", Why.GARBAGE),
    ("no type", b"{}", Why.GARBAGE),
    ("a type that is no text", b'{"type":1}', Why.GARBAGE),
    ("no such type", b'{"type":"reset"}', Why.GARBAGE),
    ("not a line of the stream", encode_lookup("10.0.0.1", None, IN), Why.GARBAGE),
    ("a field too many", changed(DELTA, extra=1), Why.GARBAGE),
    ("a field too few", changed(DELTA, drop=...), Why.GARBAGE),
    ("a number that is true", changed(DELTA, seq=True), Why.GARBAGE),
    ("a number below zero", changed(HEARTBEAT, age=-1), Why.GARBAGE),
    ("a number with a point", changed(DELTA, seq=8.0), Why.GARBAGE),
    ("no such class", changed(DELTA, set=[["10.244.0.7", None, "trusted"]]), Why.GARBAGE),
    ("no class at all", changed(DELTA, set=[["10.244.0.7", None]]), Why.GARBAGE),
    ("no address", changed(DELTA, set=[["host", None, "in-scope"]]), Why.GARBAGE),
    ("an address in long form", changed(DELTA, set=[["fd44:0:0::7", None, "in-scope"]]), Why.GARBAGE),
    ("an address with a zone", changed(DELTA, set=[["fe80::1%eth0", None, "in-scope"]]), Why.GARBAGE),
    ("an address that is a number", changed(DELTA, set=[[7, None, "in-scope"]]), Why.GARBAGE),
    ("port 0", changed(DELTA, set=[["10.244.0.7", 0, "in-scope"]]), Why.GARBAGE),
    ("port 65536", changed(DELTA, set=[["10.244.0.7", 65536, "in-scope"]]), Why.GARBAGE),
    ("a port that is text", changed(DELTA, set=[["10.244.0.7", "80", "in-scope"]]), Why.GARBAGE),
    ("a network with a port", changed(DELTA, set=[["10.0.0.0/8", 80, "in-scope"]]), Why.GARBAGE),
    ("a network with host bits", changed(DELTA, set=[["10.0.0.1/8", None, "in-scope"]]), Why.GARBAGE),
    ("an entry twice", changed(DELTA, set=[["10.244.0.7", None, "in-scope"]] * 2), Why.GARBAGE),
    ("a drop of nothing", changed(DELTA, drop=[["10.244.0.99", None]]), Why.GARBAGE),
    ("a drop twice", changed(DELTA, set=[], drop=[["10.244.0.5", None]] * 2), Why.GARBAGE),
    ("set and dropped", changed(DELTA, drop=[["10.244.0.7", None]]), Why.GARBAGE),
    ("half a character", changed(SNAPSHOT, epoch="\ud800"), Why.GARBAGE),
    ("a policy with half a character", b'{"hash":"x","text":"\\ud800","type":"policy"}', Why.GARBAGE),
    ("an own class that is none", changed(SNAPSHOT, self="root"), Why.GARBAGE),
    ("a cluster that is no network", changed(SNAPSHOT, cluster=["10.0.0.1/8"]), Why.GARBAGE),
    ("a delta of before", changed(DELTA, seq=7), Why.ORDER),
    ("a delta too far", changed(DELTA, seq=9), Why.ORDER),
    ("a delta with another hash", changed(DELTA, hash="0" * 16), Why.MISMATCH),
    ("a delta with another entry", changed(DELTA, set=[["10.244.0.7", None, "in-scope"]]), Why.MISMATCH),
    ("a snapshot with another hash", changed(SNAPSHOT, hash="0" * 16), Why.MISMATCH),
    ("a snapshot with another cluster", changed(SNAPSHOT, cluster=[]), Why.MISMATCH),
    ("a hash that is no text", changed(SNAPSHOT, hash=7), Why.MISMATCH),
    ("a heartbeat with another hash", changed(HEARTBEAT, hash="0" * 16), Why.MISMATCH),
    ("a heartbeat ahead", changed(HEARTBEAT, seq=8), Why.MISMATCH),
    ("a heartbeat with another policy", changed(HEARTBEAT, policy="60103adcabf7"), Why.MISMATCH),
    ("a policy that is not its hash", changed(encode_policy(POLICY), text="x"), Why.MISMATCH),
    ("resync", encode_resync(), Why.RESYNC),
]


@pytest.mark.parametrize(("what", "line", "why"), WRONG, ids=[what for what, _, _ in WRONG])
def test_what_ends_a_feed(what, line, why):
    feed = begun()
    with pytest.raises(FeedError) as caught:
        feed.line(line)
    assert caught.value.why is why
    with pytest.raises(FeedError) as again:
        feed.line(HEARTBEAT)
    assert again.value is caught.value, "a feed that has ended stays ended"


@pytest.mark.parametrize("line", [DELTA, HEARTBEAT])
def test_nothing_before_the_first_snapshot(line):
    with pytest.raises(FeedError) as caught:
        ScopeFeed().line(line)
    assert caught.value.why is Why.ORDER


def test_a_snapshot_may_come_again_and_replaces_everything():
    feed = begun()
    entries: dict[Key, PeerClass] = {("10.244.0.6", None): CONNECTED}
    change = feed.line(encode_snapshot("boot-2", 1, [], OUT, entries, state_hash([], entries)))
    assert isinstance(change, NewMap)
    assert (change.own, change.changed, feed.epoch) == (OUT, None, "boot-2")
    assert change.scopes.classify("10.244.0.5") is EXTERNAL
    assert change.scopes.classify("10.244.0.6") is CONNECTED


def test_limits(monkeypatch):
    monkeypatch.setattr(feed_shape, "MAX_LINE", 100)
    with pytest.raises(FeedError, match=r"^too_long: a line is longer than 100 bytes$"):
        ScopeFeed().line(b" " * 101)
    monkeypatch.undo()
    monkeypatch.setattr(feed_shape, "MAX_ENTRIES", 5)
    with pytest.raises(FeedError, match=r"^too_long: `peers` has more than 5 items$"):
        ScopeFeed().line(SNAPSHOT)
    monkeypatch.setattr(scope_feed, "MAX_ENTRIES", 6)
    feed = ScopeFeed()
    monkeypatch.setattr(feed_shape, "MAX_ENTRIES", 6)
    feed.line(encode_snapshot("boot-1", 7, CLUSTER, IN, ENTRIES, STATE))
    with pytest.raises(FeedError, match=r"^too_long: more than 6 entries$"):
        feed.line(DELTA)


def test_a_full_map_fits_a_line():
    longest = '["ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",65535,"out-of-scope"],'
    assert len(longest) * feed_shape.MAX_ENTRIES < feed_shape.MAX_LINE


def test_an_error_tells_nothing_of_the_line():
    with pytest.raises(FeedError) as caught:
        begun().line(changed(DELTA, set=[["4111111111111111", None, "in-scope"]]))
    assert "4111" not in str(caught.value)
    assert caught.value.__cause__ is None or caught.value.__suppress_context__


# --- look-ups

LOOKUPS = [
    (encode_lookup("10.0.0.1", None, IN), True),
    (encode_lookup("10.0.0.2", None, IN), False),
    (encode_lookup("10.0.0.1", 80, IN), False),
    (encode_resync(), False),
    (b'{"error":"no"}', False),
    (b"", False),
]


@pytest.mark.parametrize(("body", "good"), LOOKUPS)
def test_a_lookup_answers_just_the_question(body, good):
    if good:
        assert read_lookup(body, "10.0.0.1", None) is IN
        return
    with pytest.raises(FeedError) as caught:
        read_lookup(body, "10.0.0.1", None)
    assert caught.value.why is Why.GARBAGE


# --- whatever happens, in whatever order

keys = st.one_of(
    st.tuples(st.integers(1, 12).map("10.244.0.{}".format), st.sampled_from([None, 80, 443])),
    st.tuples(st.integers(1, 4).map("203.0.113.{}/32".format), st.none()),
)
scopes = st.sampled_from(PeerClass)
states = st.dictionaries(keys, scopes, max_size=12)


@given(st.lists(states, min_size=1, max_size=8))
def test_a_reader_ends_where_the_controller_is(history):
    held = history[0]
    state = state_hash(CLUSTER, held)
    feed = ScopeFeed()
    change = feed.line(encode_snapshot("b", 0, CLUSTER, IN, held, state))
    for seq, wanted in enumerate(history[1:], 1):
        put = {key: scope for key, scope in wanted.items() if held.get(key) is not scope}
        drop = tuple(held.keys() - wanted.keys())
        state = next_hash(state, {key: held.get(key) for key in (*put, *drop)}, put, drop)
        change = feed.line(encode_delta(seq, put, drop, state))
        held = wanted
        assert state == state_hash(CLUSTER, held), "the running hash is the hash of the state"
    assert feed.line(encode_heartbeat(len(history) - 1, state, "", 0)) == Alive(0)
    assert isinstance(change, NewMap)
    assert sum(change.scopes.counts().values()) == len(held)
    assert all(change.scopes.listed(*key) is scope for key, scope in held.items())


@given(states, st.randoms())
def test_the_hash_needs_no_order(entries, chance):
    rows = list(entries.items())
    chance.shuffle(rows)
    assert state_hash(CLUSTER, dict(rows)) == state_hash(CLUSTER[::-1], entries)


@given(states, states)
def test_different_states_have_different_hashes(one, other):
    assert (state_hash([], one) == state_hash([], other)) == (one == other)


@given(st.data())
def test_a_damaged_line_is_refused_or_harmless(data):
    """Any single byte changed anywhere: either the feed ends, or what it says is what was meant."""
    line = bytearray(data.draw(st.sampled_from([SNAPSHOT, DELTA, HEARTBEAT]))[:-1])
    meant = json.loads(line)
    at = data.draw(st.integers(0, len(line) - 1))
    line[at] = data.draw(st.integers(0, 255))
    try:
        change = begun().line(bytes(line))
    except FeedError:
        return
    told = json.loads(line)
    free = {"epoch", "self", "age"} | ({"seq"} if meant["type"] == "snapshot" else set())
    assert {key for key in meant if meant[key] != told[key]} <= free
    assert not isinstance(change, NewPolicy)


@given(st.lists(st.binary(max_size=20).map(lambda line: line.replace(b"\n", b"")), max_size=6), st.randoms())
def test_lines_come_out_however_the_bytes_come_in(lines, chance):
    stream = b"".join(line + b"\n" for line in lines) + b"rest"
    cutter, found = Lines(), []
    while stream:
        size = chance.randint(1, len(stream))
        found += cutter.feed(stream[:size])
        stream = stream[size:]
    assert found == lines


def test_a_line_that_never_ends(monkeypatch):
    monkeypatch.setattr(scope_feed, "MAX_LINE", 10)
    cutter = Lines()
    assert cutter.feed(b"0123456789") == []
    with pytest.raises(FeedError) as caught:
        cutter.feed(b"0")
    assert caught.value.why is Why.TOO_LONG
