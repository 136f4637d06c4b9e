"""Wire bytes in order, waiting until the text before them is safe; values are masked in them while they wait."""

from collections import deque
from dataclasses import dataclass

from dlp_patterns import masking
from sidecar.core.confirm import Span


@dataclass(slots=True)
class _Held:
    """Wire bytes that wait.  `start` and `end` are offsets in the text; equal for framing."""

    wire: bytes
    start: int
    end: int
    linear: bool
    """Each wire byte is one byte of text, so it can be cut and masked."""


class Queue:
    """Wire bytes in order, waiting until the text before them is safe."""

    def __init__(self, gone: int) -> None:
        self.held: deque[_Held] = deque()
        """What waits."""
        self.size = 0
        """Bytes of it."""
        self._out: list[bytes] = []
        self.gone = gone
        """How many of the bytes to come have left already, before this inspection began."""

    def skip(self, wire: bytes) -> None:
        """Release wire bytes at once: nothing waits before them."""
        self._out.append(self._here(wire) if self.gone else wire)

    def put(self, wire: bytes, start: int, end: int, linear: bool) -> None:
        """Append wire bytes that carry the text from `start` to `end`."""
        if self.gone:
            wire = self._here(wire)
            start = end - len(wire) if linear else start
        self.held.append(_Held(wire, start, end, linear))
        self.size += len(wire)

    def _here(self, wire: bytes) -> bytes:
        """The part of `wire` that has not left already."""
        left = min(self.gone, len(wire))
        self.gone -= left
        return wire[left:]

    def let(self, safe: int) -> None:
        """Release everything whose text lies before `safe`."""
        held = self.held
        while held and held[0].end <= safe:
            self._let(held.popleft().wire)
        if held and held[0].linear and held[0].start < safe:
            first, cut = held[0], safe - held[0].start
            self._let(first.wire[:cut])
            first.wire, first.start = first.wire[cut:], safe

    def _let(self, wire: bytes) -> None:
        self._out.append(wire)
        self.size -= len(wire)

    def join(self, end: int) -> None:
        """What waits belongs from now on to another text, of `end` bytes so far, and cannot be masked in it."""
        for item in self.held:
            item.start, item.end, item.linear = 0, end, False

    def mask(self, span: Span) -> bool:
        """Overwrite a value that is still here, same length; False where it cannot be done safely.

        That is so when part of what must be hidden has left already, and when wire bytes are not text bytes (a
        compressed body): a changed byte there would break the whole body.
        """
        # Framing inside the value (it is spread over chunks) carries none of it.
        text = (item for item in self.held if item.start < item.end)
        present = [item for item in text if item.start < span.end and item.end > span.start]
        if not all(item.linear for item in present) or (
            present and present[0].start > span.start + span.lead
        ):
            return False
        for item in present:
            item.wire = masked(item.wire, span, item.start)
        return bool(present)

    def mark(self) -> int:
        """A point in what was released during this step; `take(mark)` forgets everything behind it."""
        return len(self._out)

    def cut(self, mark: int) -> bytes:
        """Take back what was released behind the mark."""
        back = b"".join(self._out[mark:])
        del self._out[mark:]
        return back

    def take(self, until: int | None = None) -> bytes:
        """What was released since the last time, up to the mark `until`."""
        out, self._out = self._out[:until], []
        return out[0] if len(out) == 1 else b"".join(out)


def masked(wire: bytes, span: Span, start: int) -> bytes:
    """`wire`, whose first byte is at offset `start` of the text, with what it has of a value masked.

    Values can overlap: what one of them hides stays hidden, also where the other would show it.
    """
    out = bytearray(wire)
    for at in range(max(start, span.start), min(start + len(wire), span.end)):
        if span.masked[at - span.start] == masking.STAR:
            out[at - start] = masking.STAR
    return bytes(out)
