"""The kinds of values that annotations have: how their text is read, how it is written again, what is allowed in words.

What belongs here: text to value and back, one kind each; a text that is not allowed is a ValueError.  What never does:
which annotations there are (options.py).

Every kind writes one spelling per value, made of harmless characters: what ends in a command line or a quantity is
never the text that somebody typed.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

type Network = IPv4Network | IPv6Network
type Address = IPv4Address | IPv6Address


@dataclass(frozen=True, slots=True)
class Kind[T]:
    """A kind of value: `parse` raises ValueError for a text that is not `allowed`; `write` is its inverse."""

    allowed: str
    parse: Callable[[str], T]
    write: Callable[[T], str] = str


def _require(condition: bool) -> None:
    if not condition:
        raise ValueError


def one_of[E: StrEnum](words: Iterable[E]) -> Kind[E]:
    """One word of an enumeration."""
    table = {word.value: word for word in words}

    def pick(text: str) -> E:
        _require(text in table)
        return table[text]

    return Kind(_listed(table), pick)


def _listed(words: Iterable[str]) -> str:
    *most, last = words
    return f"{', '.join(most)} or {last}" if most else last


def _flag(text: str) -> bool:
    _require(text in ("true", "false"))
    return text == "true"


def _switch(text: str) -> bool:
    _require(text in ("on", "off"))
    return text == "on"


def whole_from(low: int, high: int) -> Kind[int]:
    """A whole number from `low` to `high`, ASCII digits only."""

    def bounded(text: str) -> int:
        _require(re.fullmatch(r"[0-9]{1,9}", text) is not None and low <= int(text) <= high)
        return int(text)

    return Kind(f"a whole number from {low} to {high}", bounded)


def _several[T](allowed: str, one: Callable[[str], T]) -> Kind[tuple[T, ...]]:
    """At least one value, separated by commas, none of them twice."""

    def every(text: str) -> tuple[T, ...]:
        values = tuple(one(part.strip(" ")) for part in text.split(","))
        _require(len(set(values)) == len(values))
        return values

    return Kind(allowed, every, lambda values: ",".join(str(value) for value in values))


# ---- ports, networks, resolvers ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ports:
    """A port, or the ports from `first` to `last`, both included."""

    first: int
    last: int

    def __contains__(self, port: int) -> bool:
        return self.first <= port <= self.last

    def __str__(self) -> str:
        return f"{self.first}" if self.first == self.last else f"{self.first}-{self.last}"


_PORT = whole_from(1, 65_535)


def _ports(text: str) -> Ports:
    first, dash, last = text.partition("-")
    ports = Ports(_PORT.parse(first), _PORT.parse(last if dash else first))
    _require(ports.first <= ports.last)
    return ports


def _network(text: str) -> Network:
    network = ip_network(text)  # host bits are a ValueError
    _require(network.prefixlen > 0)
    return network


def _resolver(text: str) -> Address:
    address = ip_address(text)
    _require(not (address.is_unspecified or address.is_multicast) and text.isascii())
    return address


NO_RESOLVER: Final = "none"


def _resolvers(text: str) -> tuple[Address, ...]:
    return () if text == NO_RESOLVER else _ADDRESSES.parse(text)


_ADDRESSES = _several("", _resolver)

# ---- Kubernetes quantities ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Quantity:
    """An amount of a resource (resource.Quantity in k8s.io/apimachinery), written as the API server writes it back."""

    amount: Decimal
    """Cores or bytes."""
    text: str

    def __str__(self) -> str:
        return self.text


_MILLI = Decimal("0.001")
_MIB: Final = 2**20
_CPU = re.compile(r"([0-9]{1,6})m|([0-9]{1,3}(?:\.[0-9]{1,3})?)")
_MEMORY = re.compile(r"([0-9]{1,15})(Ki|Mi|Gi|k|M|G|)")
_STEP: Final = {"Ki": 1024, "Mi": 1024**2, "Gi": 1024**3, "": 1, "k": 1000, "M": 1000**2, "G": 1000**3}


def _cpu(text: str) -> Quantity:
    match = _CPU.fullmatch(text)
    if match is None:
        raise ValueError
    milli = int(match[1]) if match[1] else int(Decimal(match[2]) / _MILLI)
    _require(0 < milli < 1_000_000)
    return Quantity(milli * _MILLI, f"{milli}m" if milli % 1000 else f"{milli // 1000}")


def _memory(text: str) -> Quantity:
    match = _MEMORY.fullmatch(text)
    if match is None:
        raise ValueError
    octets = int(match[1]) * _STEP[match[2]]
    _require(octets >= _MIB)  # less is a forgotten unit
    family = ("Gi", "Mi", "Ki", "") if match[2].endswith("i") else ("G", "M", "k", "")
    suffix = next(each for each in family if octets % _STEP[each] == 0)
    return Quantity(Decimal(octets), f"{octets // _STEP[suffix]}{suffix}")


# ---- names -------------------------------------------------------------------------------------------------

_LABEL: Final = r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")


def _name(text: str) -> str:
    _require(len(text) <= 253 and _NAME.fullmatch(text) is not None)
    return text


def all_and_some_of(always: Iterable[str], also: Iterable[str]) -> Kind[tuple[str, ...]]:
    """All of some words and any of others.  Without spaces: the guard compares it with what the proxy is told."""
    must, may = frozenset(always), frozenset(also)

    def pick(text: str) -> tuple[str, ...]:
        words = tuple(text.split(","))
        _require(must <= set(words) <= must | may and len(set(words)) == len(words))
        return words

    allowed = f"all of {', '.join(sorted(must))} and some of {_listed(sorted(may))}, separated by commas without spaces"
    return Kind(allowed, pick, ",".join)


# ---- the kinds ---------------------------------------------------------------------------------------------

FLAG = Kind("true or false", _flag, lambda on: str(on).lower())
SWITCH = Kind("on or off", _switch, lambda on: "on" if on else "off")
PORTS = _several("different ports or ranges FIRST-LAST from 1 to 65535, separated by commas", _ports)
NETWORKS = _several(
    "different networks ADDRESS/PREFIX without host bits, separated by commas, none of them every address",
    _network,
)
RESOLVERS: Kind[tuple[Address, ...]] = Kind(
    f"different IP addresses of DNS servers, separated by commas, or {NO_RESOLVER}",
    _resolvers,
    lambda addresses: ",".join(map(str, addresses)) or NO_RESOLVER,
)
NAME: Kind[str] = Kind("the name of an object in the pod's namespace", _name)
CPU: Kind[Quantity] = Kind("an amount of CPU such as 100m or 0.5, more than 0 and below 1000", _cpu)
MEMORY: Kind[Quantity] = Kind("an amount of memory such as 96Mi or 1Gi, at least 1Mi", _memory)
