"""What one content coding can do."""

from collections.abc import Iterator
from typing import Final, Protocol

from sidecar.core.decode.unscannable import UnscannableError

PART: Final = 64 * 1024
"""About so many bytes are opened at once."""


class Coding(Protocol):
    """Opens one coding as it arrives, the same at any cutting."""

    @property
    def window(self) -> int:
        """Bytes of text that the decoder may keep to copy from."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The text that `data` opens, part by part.

        Iterating raises UnscannableError where no more can be opened; what was opened up to there has come before.
        """


class BrokenError(UnscannableError):
    """The body is not what its coding says; `behind` is what was fed behind the byte that is wrong, if that is known."""

    def __init__(self, behind: bytes = b"") -> None:
        super().__init__("body does not match its content coding")
        self.behind = behind
