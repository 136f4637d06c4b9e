"""What a protocol reader makes of a stream: pieces that, joined in order, are exactly the bytes that came in."""

from collections.abc import Iterable, Sequence
from enum import Enum, auto
from typing import NamedTuple, Protocol

from sidecar.core.hits import Hit


class Kind(Enum):
    """How a piece is inspected."""

    HEAD = auto()
    """A complete message head: begins a message; inspected as one complete text."""
    BODY = auto()
    """The next part of the message's body text."""
    WHOLE_BODY = auto()
    """The message's body text, all of it."""
    FRAME = auto()
    """Framing without content of its own (chunk sizes, line ends): passes once all before it has passed."""
    FRAME_TEXT = auto()
    """Framing that can carry content (chunk extensions, trailers): inspected as one complete text."""
    END = auto()
    """The message is complete (no bytes)."""
    STREAM = auto()
    """The next part of an opaque stream, which only ends with the connection."""


class Unit(Enum):
    """What a reader recognises at a glance, so that most bytes never have to be cut into pieces."""

    MESSAGE = auto()
    """One complete message."""
    HEAD = auto()
    """One complete head; a body follows."""
    BODY = auto()
    """The complete body of the message whose head came before, and its end."""


class Piece(NamedTuple):
    """Some bytes of the stream and how to inspect them."""

    kind: Kind
    wire: bytes
    encoding: bytes = b""
    """Of a HEAD: the content coding of the body that follows, lower case; empty for none."""
    hits: Sequence[Hit] | None = None
    """What the engine has seen in it; None where nobody has looked yet."""
    more: bool = False
    """Of a BODY: its length was declared, and more of it is to come."""


END = Piece(Kind.END, b"")


class MalformedError(Exception):
    """The stream is not what it claims to be, or two parsers could disagree about it.  The text holds no payload."""


class Reader(Protocol):
    """Reads one direction of a connection."""

    @property
    def path(self) -> str:
        """The path that the current message is about; empty where there is none, or nobody asked to follow it."""

    def whole(self, data: bytes) -> Unit | None:
        """What `data` is, if it is exactly one uncoded unit; it is then consumed.  None leaves the reader untouched.

        Raises MalformedError.
        """

    def feed(self, data: bytes) -> Iterable[Piece]:
        """The pieces that `data` completes.  Iterating raises MalformedError where the stream stops making sense."""

    def unread(self) -> bytes:
        """After a MalformedError from `feed`: the bytes that no piece was made of."""

    def close(self) -> list[Piece]:
        """The pieces that the end of the stream completes."""


class OpaqueReader:
    """Anything we do not speak: one stream."""

    path = ""

    def whole(self, data: bytes) -> Unit | None:  # noqa: ARG002 - see below
        """Nothing: where an opaque message ends, nobody knows."""
        return None

    def feed(self, data: bytes) -> list[Piece]:
        """One piece of stream."""
        return [Piece(Kind.STREAM, data)]

    def unread(self) -> bytes:
        """Nothing: every byte is a piece."""
        return b""

    def close(self) -> list[Piece]:
        """The end of the stream."""
        return [END]
