"""The scope feed: how the controller tells sidecars who is who, as lines of JSON; both ends of it, without a socket.

What belongs here: the form of each line, written for the controller (`encode_…`) and read for the sidecar (`ScopeFeed`).
What never does: connections, clocks, and who is in which class; the controller's model knows that.

One line is one message, keys sorted, no spaces.  An entry is `[ip, port, class]`; `port` is null for every port, and a
number only for the address of a Service, so a listed port *is* the mark of a Service.  `ip` is an address or a network
(`203.0.113.0/24`) in compressed form.

    {"type":"policy","hash":"<version>","text":"<yaml>"}
    {"type":"snapshot","epoch":"<boot id of the replica>","seq":N,"cluster":["<network>"…],"self":"<class>",
     "peers":[<entry>…],"hash":"…"}
    {"type":"delta","seq":N,"set":[<entry>…],"drop":[[ip,port]…],"hash":"…"}
    {"type":"heartbeat","seq":N,"hash":"…","policy":"<version>","age":<seconds>}
    {"type":"resync"}
    {"type":"lookup","ip":"…","port":null,"scope":"<class>"}    (not on the stream: the answer about one address)

`seq` counts deltas; a snapshot may come at any time and replaces everything.  `hash` is the state the reader must hold
after the line, whatever order things happened in.  A line that is wrong in any way ends the feed before anything of it
is applied: the reader keeps the last map it was given, connects again and starts over.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from hashlib import blake2b
from operator import xor

from sidecar.core.feed_shape import (
    MAX_ENTRIES,
    MAX_LINE,
    MAX_NETWORKS,
    FeedError,
    Message,
    Why,
    agree,
    entries_of,
    integer_of,
    keys_of,
    list_of,
    network_of,
    parse_line,
    scope_of,
    shape,
    text_of,
)
from sidecar.core.policy_text import version as policy_version
from sidecar.core.scopes import Key, PeerClass, ScopeMap

__all__ = [
    "MAX_LINE",
    "Alive",
    "Change",
    "FeedError",
    "Lines",
    "NewMap",
    "NewPolicy",
    "ScopeFeed",
    "Why",
    "encode_delta",
    "encode_heartbeat",
    "encode_lookup",
    "encode_policy",
    "encode_resync",
    "encode_snapshot",
    "next_hash",
    "read_lookup",
    "state_hash",
]


@dataclass(frozen=True, slots=True)
class NewMap:
    """The map has changed."""

    scopes: ScopeMap
    own: PeerClass
    """The class that the controller knows the reader's own pod by."""
    changed: frozenset[Key] | None
    """The entries that were set or dropped; None: any may have changed."""


@dataclass(frozen=True, slots=True)
class NewPolicy:
    """The policy has changed: the text of a policy file, and its version."""

    text: str
    version: str


@dataclass(frozen=True, slots=True)
class Alive:
    """The map that is held is the one that the controller holds.

    `age`: seconds for which the controller itself has not heard from the cluster; 0 when all is well.
    """

    age: int


type Change = NewMap | NewPolicy | Alive


# --- the state that both ends compare


def entry_hash(key: Key, scope: str) -> int:
    """64 bits that stand for one entry."""
    ip, port = key
    text = f"{ip} {'' if port is None else port} {scope}"
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest())


def state_hash(cluster: Iterable[str], entries: Mapping[Key, PeerClass]) -> int:
    """The hash of a whole state: the XOR of all entries, so no order is needed, and a change costs only itself."""
    networks = (entry_hash((net, None), "cluster") for net in cluster)
    return reduce(xor, (entry_hash(key, scope) for key, scope in entries.items()), reduce(xor, networks, 0))


def next_hash(
    state: int, before: Mapping[Key, PeerClass | None], put: Mapping[Key, PeerClass], drop: Iterable[Key]
) -> int:
    """The hash after a delta; `before` has the former class (None: not listed) of everything it touches."""
    for key in (*put, *drop):
        was = before[key]
        if was is not None:
            state ^= entry_hash(key, was)
    return reduce(xor, (entry_hash(key, scope) for key, scope in put.items()), state)


# --- writing


def _line(message: Mapping[str, object]) -> bytes:
    return json.dumps(message, sort_keys=True, separators=(",", ":")).encode() + b"\n"


def _rows(entries: Mapping[Key, PeerClass]) -> list[tuple[str, int | None, str]]:
    return [(ip, port, scope.value) for (ip, port), scope in entries.items()]


def encode_policy(text: str) -> bytes:
    """The policy, as the text of its file."""
    return _line({"type": "policy", "hash": policy_version(text), "text": text})


def encode_snapshot(
    epoch: str, seq: int, cluster: Iterable[str], own: PeerClass, entries: Mapping[Key, PeerClass], state: int
) -> bytes:
    """Everything, for a reader whose pod is of class `own`; `state` is its `state_hash`."""
    return _line(
        {
            "type": "snapshot",
            "epoch": epoch,
            "seq": seq,
            "cluster": list(cluster),
            "self": own.value,
            "peers": _rows(entries),
            "hash": f"{state:016x}",
        }
    )


def encode_delta(seq: int, put: Mapping[Key, PeerClass], drop: Iterable[Key], state: int) -> bytes:
    """What has changed since `seq - 1`; `state` is the hash afterwards."""
    return _line(
        {"type": "delta", "seq": seq, "set": _rows(put), "drop": list(drop), "hash": f"{state:016x}"}
    )


def encode_heartbeat(seq: int, state: int, policy: str, age: int) -> bytes:
    """Where the controller is; `policy` is the version last sent, empty when none was."""
    return _line({"type": "heartbeat", "seq": seq, "hash": f"{state:016x}", "policy": policy, "age": age})


def encode_resync() -> bytes:
    """The last line of a stream that the controller ends."""
    return _line({"type": "resync"})


def encode_lookup(ip: str, port: int | None, scope: PeerClass) -> bytes:
    """The answer about one address."""
    return _line({"type": "lookup", "ip": ip, "port": port, "scope": scope.value})


# --- reading


class Lines:
    """Cuts the bytes of a stream into lines, however they arrive."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that `data` completes, without their ends.

        Raises FeedError (too_long) when a line grows past `MAX_LINE`.
        """
        first, *others = data.split(b"\n")
        self._rest += first
        lines = []
        for piece in others:
            lines.append(bytes(self._rest))
            self._rest = bytearray(piece)
        if len(self._rest) > MAX_LINE or any(len(line) > MAX_LINE for line in lines):
            raise FeedError(Why.TOO_LONG, f"a line is longer than {MAX_LINE} bytes")
        return lines


class ScopeFeed:
    """The reader's end of one stream: a line in, what it changes out.

    After a FeedError it reads nothing more: connect again and make a new one.
    """

    def __init__(self) -> None:
        self._map: ScopeMap | None = None
        self._own = PeerClass.UNKNOWN
        self._entries = 0
        self._state = 0
        self._seq = 0
        self._policy = ""
        self._ended: FeedError | None = None
        self.epoch = ""
        """The boot id of the replica that answers; for the log."""

    def line(self, line: bytes) -> Change:
        """What one line changes.

        Raises FeedError when the feed has ended, with this line or before.
        """
        if self._ended is not None:
            raise self._ended
        try:
            message = parse_line(line)
            handler = _HANDLERS.get(text_of(message, "type"))
            if handler is None:
                raise FeedError(Why.GARBAGE, "a message of no known type")
            return handler(self, message)
        except FeedError as error:
            self._ended = error
            raise

    def _snapshot(self, message: Message) -> Change:
        shape(message, "epoch", "seq", "cluster", "self", "peers", "hash")
        cluster = tuple(network_of(item) for item in list_of(message, "cluster", MAX_NETWORKS))
        entries = entries_of(message, "peers")
        state = state_hash(cluster, entries)
        agree(message, state)
        epoch, seq, own = text_of(message, "epoch"), integer_of(message, "seq"), scope_of(message["self"])
        scopes = ScopeMap.build((), cluster, seq).changed(seq, entries)
        self._map, self._own, self._entries, self._state = scopes, own, len(entries), state
        self.epoch, self._seq = epoch, seq
        return NewMap(scopes, own, None)

    def _delta(self, message: Message) -> Change:
        shape(message, "seq", "set", "drop", "hash")
        held, seq = self._held(), integer_of(message, "seq")
        if seq != self._seq + 1:
            raise FeedError(Why.ORDER, f"delta {seq} after {self._seq}")
        put = entries_of(message, "set")
        drop = keys_of(message, "drop")
        before = {key: held.listed(*key) for key in (*put, *drop)}
        if len(before) != len(put) + len(drop) or any(before[key] is None for key in drop):
            raise FeedError(Why.GARBAGE, "a delta drops what it sets, or what is not there")
        state = next_hash(self._state, before, put, drop)
        agree(message, state)
        entries = self._entries + sum(before[key] is None for key in put) - len(drop)
        if entries > MAX_ENTRIES:
            raise FeedError(Why.TOO_LONG, f"more than {MAX_ENTRIES} entries")
        self._map = held.changed(seq, put, drop)
        self._entries, self._state, self._seq = entries, state, seq
        return NewMap(self._map, self._own, frozenset(before))

    def _policy_text(self, message: Message) -> Change:
        shape(message, "hash", "text")
        text, version = text_of(message, "text"), text_of(message, "hash")
        if policy_version(text) != version:
            raise FeedError(Why.MISMATCH, "the policy is not what its hash says")
        self._policy = version
        return NewPolicy(text, version)

    def _heartbeat(self, message: Message) -> Change:
        shape(message, "seq", "hash", "policy", "age")
        self._held()
        seq, policy, age = integer_of(message, "seq"), message["policy"], integer_of(message, "age")
        agree(message, self._state)
        if seq != self._seq or policy != self._policy:
            raise FeedError(Why.MISMATCH, "the controller is at another map or policy")
        return Alive(age)

    def _resync(self, message: Message) -> Change:
        shape(message)
        raise FeedError(Why.RESYNC, "the controller asks for it")

    def _held(self) -> ScopeMap:
        if self._map is None:
            raise FeedError(Why.ORDER, "no snapshot yet")
        return self._map


_HANDLERS = {
    "snapshot": ScopeFeed._snapshot,
    "delta": ScopeFeed._delta,
    "policy": ScopeFeed._policy_text,
    "heartbeat": ScopeFeed._heartbeat,
    "resync": ScopeFeed._resync,
}


def read_lookup(body: bytes, ip: str, port: int | None) -> PeerClass:
    """The class in an answer about `ip` (compressed form) and `port`.

    Raises FeedError when it is no such answer.
    """
    message = parse_line(body)
    shape(message, "ip", "port", "scope")
    if message["type"] != "lookup" or message["ip"] != ip or message["port"] != port:
        raise FeedError(Why.GARBAGE, "an answer to another question")
    return scope_of(message["scope"])
