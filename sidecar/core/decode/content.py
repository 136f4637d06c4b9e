"""Content codings of HTTP bodies (RFC 9110 8.4.1): what is opened, codings in codings, and the limits over a body.

A body is opened in parts of bounded size, as it arrives, and bounded in every way: to what its size lets it grow to
(`Account`: a few bytes must not keep us busy for long; what is large on the wire may be large), to `WASTE_LIMIT` bytes that
give no text at all (while a value is held, a peer could otherwise make us keep any amount of them), and to `WINDOW_LIMIT`
bytes that decoders keep to copy from.  Beyond that it cannot be scanned, and is never silently clean.  What was opened
before still counts.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from sidecar.core.decode.codings.br import Brotli
from sidecar.core.decode.codings.coding import Coding
from sidecar.core.decode.codings.deflate import Deflate, Gzip
from sidecar.core.decode.codings.zstd import Zstd
from sidecar.core.decode.unscannable import Account
from sidecar.core.decode.unscannable import UnscannableError as UnscannableError

WASTE_LIMIT: Final = 32 * 1024
"""Bytes that open to nothing: empty blocks, empty members, long names in gzip headers."""
WINDOW_LIMIT: Final = 6 * 1024 * 1024
"""Bytes of text that the decoders of one body may keep.  The default of brotli is 4 MiB, of zstd 2 MiB (8 at best); a
larger window that a zstd stream declares takes no memory before there is so much text."""
_BROTLI_WINDOW: Final = 4 * 1024 * 1024
DEPTH_LIMIT: Final = 4
"""Codings in codings; curl stops at 5."""

_GROWTH: Final = "decoded body exceeds the limit of growth"
_THIN: Final = 16
"""So many bytes for one byte of text are no waste: a stream that is flushed after every event."""
_BLOCK: Final = 4096
"""Bytes after which is weighed what they opened to."""
_FIRST: Final = 512
"""Bytes of the first block of a body: many small bodies must not be allowed a whole one each."""

_OPENED: Final[dict[bytes, Callable[[int], Coding]]] = {
    b"gzip": lambda _: Gzip(),
    b"x-gzip": lambda _: Gzip(),
    b"deflate": lambda _: Deflate(),
    b"br": Brotli,
    b"zstd": lambda _: Zstd(),
}
"""Each is made with the bytes of text that it may keep."""
_NAMED: Final = frozenset({b"compress", b"x-compress", b"dcb", b"dcz", b"aes128gcm", b"exi", b"pack200-gzip"})
"""The other codings that are registered with IANA.  Any other name is the peer's own text and never shown."""


class Inflater:
    """Opens one coded body as it arrives."""

    def __init__(self, coding: bytes, account: Account | None = None) -> None:
        """`coding` names them in the order in which they were applied, in lower case and with commas between.

        Raises UnscannableError for one that is not opened here.
        """
        names = [name.strip(b" \t") for name in coding.split(b",")]
        for name in names:
            if name not in _OPENED and name != b"identity":
                told = name.decode() if len(names) == 1 and name in _NAMED else "several or unknown"
                raise UnscannableError(f"content coding: {told}")
        names = [name for name in names if name != b"identity"]
        if len(names) > DEPTH_LIMIT:
            raise UnscannableError(f"content coding: more than {DEPTH_LIMIT}", too_large=True)
        self._account = account or Account()
        self._in = 0
        self._came_before = self._account.came
        windows = _windows(names)
        self._stages = [
            _Stage(_OPENED[name](windows.get(name, 0)), self._account, windows.get(name))
            for name in reversed(names)
        ]

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The text that `data` opens, part by part.  Iterating raises UnscannableError where no more can be opened."""
        if not self._in and self._account.room(self._came_before + _FIRST) <= 0:
            raise UnscannableError(_GROWTH, too_large=True)  # bodies before it took it all: it is not begun
        at = 0
        while at < len(data):
            # In blocks that do not depend on how the body was cut, so that neither does the answer.
            size = (_BLOCK if self._in >= _FIRST else _FIRST) - self._in % _BLOCK
            block = data[at : at + size]
            at += size
            came = self._came_before + self._in + size
            self._in += len(block)
            self._account.came += len(block)
            yield from self._through(block, came, self._stages)

    def _through(self, data: bytes, came: int, stages: "list[_Stage]") -> Iterator[bytes]:
        if not stages:
            yield data
            return
        for part in stages[0].feed(data, came):
            yield from self._through(part, came, stages[1:])


def _windows(names: Sequence[bytes]) -> dict[bytes, int]:
    """How much each of the codings that keep much may keep."""
    brotli, zstd = names.count(b"br"), names.count(b"zstd")
    left = WINDOW_LIMIT - (_BROTLI_WINDOW if brotli else 0)
    return {b"br": _BROTLI_WINDOW // max(1, brotli), b"zstd": left // max(1, zstd)}


class _Stage:
    """One coding of a body, and its limits."""

    def __init__(self, coding: Coding, account: Account, window: int | None) -> None:
        self._coding = coding
        self._account = account
        self._window = window
        """Bytes of text that may be kept here, if the coding keeps much."""
        self._in = self._out = 0
        self._opened = 0
        """Of the current block."""
        self._waste = 0

    def feed(self, data: bytes, came: int) -> Iterator[bytes]:
        """The text that `data` opens, of a body of which at most `came` bytes have come."""
        while data:
            size = _BLOCK - self._in % _BLOCK
            block, data = data[:size], data[size:]
            for text in self._coding.feed(block):
                self._opened += len(text)
                yield from self._limited(text, came)
            self._in += len(block)
            if self._in % _BLOCK == 0:
                self._weigh()

    def _limited(self, text: bytes, came: int) -> Iterator[bytes]:
        """As much of `text` as the limits leave, and the error if that is not all."""
        room, what = self._account.room(came), _GROWTH
        kept = self._window
        if kept is not None and self._coding.window > kept and kept - self._out < room:
            room, what = kept - self._out, "window of the content coding too large"
        self._out += len(text)
        self._account.made += len(text)
        if room > 0:
            yield text[:room]
        if len(text) > room:
            raise UnscannableError(what, too_large=what is _GROWTH)

    def _weigh(self) -> None:
        """A block is complete: did it open to something?"""
        self._waste = max(0, self._waste + _BLOCK - _THIN * self._opened)
        self._opened = 0
        if self._waste > WASTE_LIMIT:
            raise UnscannableError("compressed data without content", too_large=True)
