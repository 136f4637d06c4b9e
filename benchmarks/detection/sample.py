"""A labelled text: what is looked at, which values stand in it and where, and how it reaches the inspection."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Group(StrEnum):
    """What a sample is there to show."""

    POSITIVE = "positive"
    """Values as people and programs write them."""
    NEAR = "near"
    """Almost a value: every hit is false."""
    BENIGN = "benign"
    """Documents full of numbers that are something else: every hit is false."""
    ENCODED = "encoded"
    """A value behind an encoding, in a container, or in the bytes of a protocol."""
    CONTROL = "control"
    """The same with a number whose check digit is broken: every card hit is false."""


class Via(StrEnum):
    """How the bytes reach the inspection."""

    READ = "read"
    """A complete text, as `cdefence scan` reads it."""
    RESPONSE = "response"
    """The bytes of an HTTP/1 response."""
    REQUEST = "request"
    """The bytes of an HTTP/1 request."""
    STREAM = "stream"
    """A connection of another protocol, as it comes."""


@dataclass(frozen=True, slots=True)
class Label:
    """A value that is to be found."""

    klass: str
    """Data class: `pan`, `sad`, `pii`, `secret`."""
    kind: str
    """What it is, finer: `visa`, `us_ssn`, `github_token`."""
    value: str
    start: int = -1
    """Byte offset; -1 where the value does not stand in the bytes as it is."""
    end: int = -1

    @property
    def stands(self) -> bool:
        """Whether the value can be seen in the bytes."""
        return self.start >= 0


@dataclass(frozen=True, slots=True)
class Sample:
    """One thing that is looked at."""

    id: str
    group: Group
    shape: str
    """Template, near miss, document or encoding."""
    data: bytes
    labels: tuple[Label, ...] = ()
    detail: str = ""
    """For PANs: separators; for encodings: tier."""
    via: Via = Via.READ
    content_type: str = ""
    content_encoding: str = ""
    port: int = 8080
    unseen: bool = False
    """Of the part that nobody tunes on."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a subject says about a sample."""

    klass: str
    pattern: str
    certain: bool
    start: int
    end: int
    shown: str
    view: str = "plain"


def placed(parts: Sequence[str | tuple[str, str, str]]) -> tuple[bytes, tuple[Label, ...]]:
    """A text made of parts, where a part (class, kind, value) is a value to be found."""
    data, labels = bytearray(), []
    for part in parts:
        if isinstance(part, str):
            data += part.encode()
            continue
        klass, kind, value = part
        start = len(data)
        data += value.encode()
        labels.append(Label(klass, kind, value, start, len(data)))
    return bytes(data), tuple(labels)
