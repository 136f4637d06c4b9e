"""The strict reading of one line of the scope feed: limits, errors, and the shape that each field must have.

What belongs here: from bytes to checked values, all or nothing.  What never does: what a message means and in which
order messages may come; `scope_feed` knows that.
"""

import json
from enum import StrEnum
from ipaddress import ip_address, ip_network

from sidecar.core.scopes import Key, PeerClass

MAX_LINE = 8 * 1024 * 1024
"""Longest line read, bytes: 100,000 entries of the longest form fit."""
MAX_ENTRIES = 100_000
"""Most entries held: bounds what a controller that went wrong can make a sidecar hold."""
MAX_NETWORKS = 10_000
"""Most networks of the cluster."""
_MAX_SEQ = 2**53 - 1

_SCOPES = {scope.value: scope for scope in PeerClass}


class Why(StrEnum):
    """Why a feed has ended; the reader connects again after any of them."""

    RESYNC = "resync"
    """The controller asks for it: this reader fell behind, or its stream has lived long enough."""
    GARBAGE = "garbage"
    """A line that is no message of this feed."""
    TOO_LONG = "too_long"
    """A line, or a map, over the limits."""
    ORDER = "order"
    """A delta or heartbeat before a snapshot, or a delta that does not follow the last one."""
    MISMATCH = "mismatch"
    """The state here is not the state there."""


class FeedError(Exception):
    """The feed has ended; `why` from the closed table, `detail` without anything from the line."""

    def __init__(self, why: Why, detail: str) -> None:
        super().__init__(f"{why}: {detail}")
        self.why = why
        self.detail = detail


type Message = dict[str, object]

# Every function below raises FeedError, and none of its texts holds anything of the line.


def garbage(what: str) -> FeedError:
    """The error for a line that is no message."""
    return FeedError(Why.GARBAGE, what)


def parse_line(line: bytes) -> Message:
    """The JSON object of one line, its fields unchecked."""
    if len(line) > MAX_LINE:
        raise FeedError(Why.TOO_LONG, f"a line is longer than {MAX_LINE} bytes")
    try:
        value: object = json.loads(line.decode())
    except (ValueError, RecursionError):
        raise garbage("a line that is no JSON") from None
    if not isinstance(value, dict):
        raise garbage("a line that is no object")
    return value


def shape(message: Message, *names: str) -> None:
    """`message` has exactly these fields, and its type."""
    if message.keys() != {"type", *names}:
        raise garbage("a message with other fields than it should have")


def text_of(message: Message, name: str) -> str:
    """A text that can be written as UTF-8 (JSON can spell half a character)."""
    value = message.get(name)
    if not isinstance(value, str) or (not value.isascii() and _has_surrogate(value)):
        raise garbage(f"`{name}` is no text")
    return value


def _has_surrogate(text: str) -> bool:
    return any("\ud800" <= char <= "\udfff" for char in text)


def integer_of(message: Message, name: str) -> int:
    """A whole number, 0 or more."""
    value = message[name]
    if type(value) is not int or not 0 <= value <= _MAX_SEQ:
        raise garbage(f"`{name}` is no number of its range")
    return value


def list_of(message: Message, name: str, most: int) -> list[object]:
    """A list of at most `most` items."""
    value = message[name]
    if not isinstance(value, list):
        raise garbage(f"`{name}` is no list")
    if len(value) > most:
        raise FeedError(Why.TOO_LONG, f"`{name}` has more than {most} items")
    return value


def agree(message: Message, state: int) -> None:
    """The hash of the message is that of `state`."""
    if message["hash"] != f"{state:016x}":
        raise FeedError(Why.MISMATCH, "the state is not what its hash says")


def scope_of(value: object) -> PeerClass:
    """A class."""
    scope = _SCOPES.get(value) if isinstance(value, str) else None
    if scope is None:
        raise garbage("a class that is none")
    return scope


def network_of(value: object) -> str:
    """A network in compressed form; sidecars look addresses up by their text, so no other form is accepted."""
    if isinstance(value, str):
        try:
            if str(ip_network(value)) == value:
                return value
        except ValueError:
            pass
    raise garbage("a network that is none, or not in compressed form")


def key_of(ip: object, port: object) -> Key:
    """An address with or without a port, or a network."""
    if isinstance(ip, str) and "/" in ip and port is None:
        return network_of(ip), None
    if not isinstance(ip, str) or not (port is None or (type(port) is int and 1 <= port <= 65_535)):
        raise garbage("an entry without an address or with no such port")
    try:
        plain = ip_address(ip).compressed == ip and "%" not in ip
    except ValueError:
        plain = False
    if not plain:
        raise garbage("an address that is none, or not in compressed form")
    return ip, port


def entries_of(message: Message, name: str) -> dict[Key, PeerClass]:
    """Rows of `[ip, port, class]`, none twice."""
    entries = {}
    rows = list_of(message, name, MAX_ENTRIES)
    for row in rows:
        if not isinstance(row, list) or len(row) != 3:
            raise garbage("an entry that is not [ip, port, class]")
        entries[key_of(row[0], row[1])] = scope_of(row[2])
    if len(entries) != len(rows):
        raise garbage(f"`{name}` has an entry twice")
    return entries


def keys_of(message: Message, name: str) -> list[Key]:
    """Rows of `[ip, port]`."""
    keys = []
    for row in list_of(message, name, MAX_ENTRIES):
        if not isinstance(row, list) or len(row) != 2:
            raise garbage("a dropped entry that is not [ip, port]")
        keys.append(key_of(row[0], row[1]))
    return keys
