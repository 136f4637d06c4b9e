"""Exact-data match: is this one of *our* customer numbers?  Sets of keyed hashes; no value is ever in one.

What belongs here: normalising a value, its keyed hash, membership.
What never does: files and keys on disk (exact_file.py).

A hash is HMAC-SHA256 (RFC 2104), cut to 64 bits: of a set of n identifiers, a value that is none of them is taken for one
with odds of n in 1.8e19, which is one in 18 million million for a set of a million.  Identifiers have little entropy: who
has the key can find them by trying, so the key is a secret like the identifiers themselves.
"""

from __future__ import annotations

import hmac
import re
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType

from dlp_patterns.model import Confirmed, Evidence, Pattern

_BYTES = 8
"""Of a hash, that count."""

HASH_DIGITS = 32
"""Fewest hex digits in which a hash is written: an identifier that stands there by mistake is not taken for one."""

MIN_KEY = 16
"""Shortest key, bytes: an HMAC key of 128 bits."""

_HEX = re.compile(r"[0-9a-fA-F]{32,64}")


class Normal(StrEnum):
    """What of a value counts, so that two writings of one identifier are one."""

    ALNUM = "alnum"
    """ASCII letters and digits, in lower case."""
    DIGITS = "digits"
    EXACT = "exact"
    """Every byte as it stands."""


_NOT_ALNUM = bytes(byte for byte in range(256) if not (byte < 128 and chr(byte).isalnum()))
_NOT_DIGITS = bytes(byte for byte in range(256) if not 48 <= byte <= 57)

_NORMAL: Mapping[Normal, Callable[[bytes], bytes]] = MappingProxyType(
    {
        Normal.ALNUM: lambda value: value.translate(None, _NOT_ALNUM).lower(),
        Normal.DIGITS: lambda value: value.translate(None, _NOT_DIGITS),
        Normal.EXACT: lambda value: value,
    }
)


def normal(value: bytes, how: Normal = Normal.ALNUM) -> bytes:
    """What of `value` counts."""
    return _NORMAL[how](value)


def keyed(key: bytes, value: bytes) -> int:
    """The keyed hash of a normal value."""
    return int.from_bytes(hmac.digest(key, value, "sha256")[:_BYTES])


def written(key: bytes, value: bytes) -> str:
    """The same as files and policies have it."""
    return hmac.digest(key, value, "sha256").hex()[:HASH_DIGITS]


def read(text: str) -> int | None:
    """The hash that `text` writes; None if it is none."""
    return int(text[: 2 * _BYTES], 16) if _HEX.fullmatch(text) else None


def key_id(key: bytes) -> str:
    """Tells keys apart without telling them: goes into the head of a file of hashes."""
    return hmac.digest(key, b"cdefence key id", "sha256").hex()[:8]


@dataclass(frozen=True, slots=True, eq=False)
class ExactSet:
    """The identifiers of one kind, as hashes; a million of them take 8 MB."""

    key: bytes = field(repr=False)
    hashes: array[int] = field(repr=False)
    """In order."""
    how: Normal = Normal.ALNUM

    @classmethod
    def of(cls, key: bytes, hashes: Iterable[int], how: Normal = Normal.ALNUM) -> ExactSet:
        """A set of these hashes."""
        return cls(key, array("Q", sorted(set(hashes))), how)

    def __len__(self) -> int:
        return len(self.hashes)

    def __contains__(self, value: bytes) -> bool:
        hashed = keyed(self.key, normal(value, self.how))
        at = bisect_left(self.hashes, hashed)
        return at < len(self.hashes) and self.hashes[at] == hashed

    def check(self, window: bytes, start: int, end: int) -> Confirmed | None:
        """Confirms what is in the set; a check like those of `dlp_patterns.checks`."""
        return Confirmed(start, end, "exact", Evidence.STRONG) if window[start:end] in self else None


CHECK = "exact"
"""What a pattern with such a set has for a check."""

_TRIAL_KEY = b"known to everybody"


def trial(pattern: Pattern) -> Pattern:
    """A pattern as its examples show it: they are the only identifiers it knows.  Other patterns stay as they are."""
    if pattern.exact is None:
        return pattern
    how = Normal(pattern.exact.normalise)
    hashes = (keyed(_TRIAL_KEY, normal(example.value, how)) for example in pattern.match)
    return replace(pattern, known=ExactSet.of(_TRIAL_KEY, hashes, how))
