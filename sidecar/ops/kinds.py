"""The kinds of values that settings have: how their text is read, and what is allowed, in words.

What belongs here: text to value, one function a kind; a text that is not allowed is a ValueError.  What never does:
which settings there are (settings.py).
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from sidecar.core.fields import listed


@dataclass(frozen=True, slots=True)
class Kind[T]:
    """A kind of value: `parse` raises ValueError for a text that is not `allowed`."""

    allowed: str
    parse: Callable[[str], T]
    many: bool = False
    """In the file this may be a list."""


def _require(condition: bool) -> None:
    if not condition:
        raise ValueError


def _text(text: str) -> str:
    _require(text != "" and text.isprintable())
    return text


def _path(text: str) -> Path:
    return Path(_text(text))


def _flag(text: str) -> bool:
    _require(text in ("true", "false"))
    return text == "true"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an HTTPS server is (RFC 6454): its name is also what its certificate must say."""

    host: str
    port: int

    def __str__(self) -> str:
        return (
            f"https://[{self.host}]:{self.port}" if ":" in self.host else f"https://{self.host}:{self.port}"
        )


def _origin(text: str) -> Origin:
    parts = urlsplit(_text(text))
    port = parts.port  # raises ValueError for what is no port
    _require(parts.scheme == "https" and port != 0)
    _require(parts.path in ("", "/") and not (parts.query or parts.fragment or "@" in parts.netloc))
    _require(parts.hostname is not None and re.fullmatch(r"[a-z0-9.:-]{1,253}", parts.hostname) is not None)
    return Origin(parts.hostname or "", port or 443)


def one_of[E: StrEnum](words: Iterable[E]) -> Kind[E]:
    """One word of an enumeration."""
    table = {word.value: word for word in words}

    def pick(text: str) -> E:
        _require(text in table)
        return table[text]

    return Kind(listed(table), pick)


def whole_from(low: int, high: int) -> Kind[int]:
    """A whole number from `low` to `high`, ASCII digits only."""

    def bounded(text: str) -> int:
        _require(re.fullmatch(r"[0-9]{1,18}", text) is not None and low <= int(text) <= high)
        return int(text)

    return Kind(f"a whole number from {low} to {high}", bounded)


def number_from(low: float) -> Kind[float]:
    """A decimal number of at least `low`; no exponent, no infinity."""

    def bounded(text: str) -> float:
        _require(re.fullmatch(r"[0-9]{1,18}(\.[0-9]{1,9})?", text) is not None and float(text) >= low)
        return float(text)

    return Kind(f"a number, {low:g} or more", bounded)


def several[T](allowed: str, one: Callable[[str], T]) -> Kind[tuple[T, ...]]:
    """At least one value, separated by commas (in the file also a list), none of them twice."""

    def every(text: str) -> tuple[T, ...]:
        values = tuple(one(part.strip()) for part in text.split(","))
        _require(len(set(values)) == len(values))
        return values

    return Kind(allowed, every, many=True)


def some_of(words: tuple[str, ...]) -> Kind[tuple[str, ...]]:
    """Some words of a closed list."""

    def known(text: str) -> str:
        _require(text in words)
        return text

    return several(f"some of {listed(words)}, separated by commas", known)


TEXT = Kind("printable text", _text)
PATH = Kind("a path", _path)
NO_OR_MORE_PATHS = Kind(
    "paths, separated by commas, or nothing",
    lambda text: several("", _path).parse(text) if text else (),
    many=True,
)
FLAG = Kind("true or false", _flag)
PORT = whole_from(1, 65_535)
ADDRESSES = several("different IP addresses, separated by commas", lambda text: str(ip_address(text)))

NO_OR_MORE_ADDRESSES = Kind(
    "IP addresses, separated by commas, or nothing",
    lambda text: ADDRESSES.parse(text) if text else (),
    many=True,
)
ORIGIN = Kind("https://NAME[:PORT]", _origin)
