"""Looks at one stream of bytes: opens what it can, reads the rest as a text, in constant memory.

What belongs here: what a beginning means (KINDS), and reading plain content through `core.reading`.  What never does: where
streams come from (paths.py), and how members are cut out (archives.py, pcap.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from io import BytesIO
from typing import BinaryIO, Final

from sidecar.core.confirm import Span
from sidecar.core.decode.content import UnscannableError
from sidecar.core.findings import PLAIN, Finding, Part, Place
from sidecar.core.inspector import Inspector
from sidecar.core.reading import Reading, read, spans, unscannable
from sidecar.core.where import roughly
from sidecar.scan import archives, opened, pcap
from sidecar.scan.engine import Engine
from sidecar.scan.opened import Budget, Peeked
from sidecar.scan.report import Report
from sidecar.scan.rows import row

PIECE: Final = 256 * 1024
SMALL: Final = 4 * 1024 * 1024
"""Up to here a text is read as a whole, which also tells where in a JSON document a value stands."""
HUGE: Final = 256 * 1024 * 1024
DEPTH: Final = 6
"""Archives in archives."""

_NOTHING: Final = BytesIO()
_BODY: Final = roughly(Place(Part.BODY))


@dataclass(frozen=True, slots=True)
class Stream:
    """Something to look at, and what it is called."""

    path: str
    data: Peeked
    budget: Budget
    depth: int = DEPTH
    view: str = PLAIN
    file: BinaryIO | None = None
    """The same bytes as a file in which one can go back and forth."""

    def member(self, name: str, data: Peeked | None = None) -> Stream:
        """A member of this archive."""
        return Stream(f"{self.path}!{name}", data or Peeked(_NOTHING), self.budget, self.depth - 1)


@dataclass(frozen=True, slots=True)
class Looker:
    """Looks at streams, and tells what it finds."""

    engine: Engine
    report: Report
    inspector: Inspector = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "inspector", self.engine.inspector())

    def look(self, stream: Stream) -> None:
        """Tell everything that is in `stream`."""
        stream = replace(stream, path=self._named(stream.path))
        try:
            self._open(stream)
        except UnscannableError as error:
            self.tell(stream, [unscannable(self.inspector, error)])

    def tell_unscannable(self, stream: Stream, what: str) -> None:
        """Something that could not be looked at is a finding of its own."""
        self.tell(stream, [unscannable(self.inspector, UnscannableError(what))])

    def tell(
        self, stream: Stream, findings: Iterable[Finding], where: Callable[[Finding], str] | None = None
    ) -> None:
        """Findings in what `stream` opens to."""
        for finding in findings:
            told = row(finding)
            if where is not None:
                told["where"] = where(finding)
            if stream.view != PLAIN:
                told["view"] = stream.view if told["view"] == PLAIN else f"{stream.view}+{told['view']}"
            self.report.finding(stream.path, told)

    def _open(self, stream: Stream) -> None:
        head = stream.data.peek()
        if coding := opened.coding(head):
            self._decode(stream, coding)
            return
        opener = next((opener for fits, opener in _KINDS if fits(head)), None)
        if opener is None:
            self._read(stream, head)
        elif stream.depth == 0:
            raise UnscannableError(f"more than {DEPTH} archives in each other", too_large=True)
        else:
            opener(self, stream)

    def _decode(self, stream: Stream, coding: str) -> None:
        """A compressed stream: what is in it has the same path."""
        if stream.depth == 0:
            raise UnscannableError(f"compressed more than {DEPTH} times", too_large=True)
        inner = opened.decoded(stream.data, coding, stream.budget)
        contained = any(fits(inner.peek()) for fits, _ in _KINDS)
        view = coding if stream.view == PLAIN else f"{stream.view}+{coding}"
        self._open(
            replace(
                stream, data=inner, file=None, depth=stream.depth - 1, view=stream.view if contained else view
            )
        )

    # --- plain content ----------------------------------------------------------------------------------------------

    def _read(self, stream: Stream, head: bytes) -> None:
        if what := _not_opened(head):
            self.tell_unscannable(stream, f"{what} is not opened")
        if b"\0" in head and not head.startswith((b"\xff\xfe", b"\xfe\xff")):
            self.report.note("binary", stream.path, "binary, looked at as bytes")
        first, problem = stream.data.as_far(SMALL)
        if len(first) < SMALL:
            lines = _Lines()
            lines.feed(first)
            self.tell(stream, read(self.inspector, first), lines.where)
        else:
            problem = self._stream(stream, first)
        if problem is not None:  # what could be opened was looked at
            raise problem

    def _stream(self, stream: Stream, first: bytes) -> UnscannableError | None:
        """More than fits into memory: in pieces, as the proxy reads.  Why it does not go on, if it should."""
        reading, lines = Reading(self.inspector, Place(Part.BODY)), _Lines()
        size, piece = 0, first
        problem: UnscannableError | None = None
        while piece:
            size += len(piece)
            if size >= HUGE > size - len(piece):
                self.report.note("huge", stream.path, "huge, looked at in pieces")
            lines.feed(piece)
            self._tell_spans(stream, reading.feed(piece), lines)
            self.tell(stream, (unscannable(self.inspector, each) for each in reading.taken_problems()))
            piece, problem = (b"", problem) if problem else stream.data.as_far(PIECE)
        self._tell_spans(stream, reading.end(), lines)
        self.tell(stream, (unscannable(self.inspector, each) for each in reading.taken_problems()))
        return problem

    def _tell_spans(self, stream: Stream, found: Iterable[Span], lines: _Lines) -> None:
        self.tell(stream, (span.finding for span in found), lines.where)

    def shown(self, path: str) -> str:
        """A path as it may be shown."""
        return self._masked(path)[0]

    def _named(self, path: str) -> str:
        """The same; a value in the name of a file is a finding like any other."""
        masked, found = self._masked(path)
        begins = len(masked.encode("utf-8", "surrogateescape").rpartition(b"!")[0])
        for span in found:
            if span.end > begins:  # those before it were told when the archive was opened
                self.report.finding(masked, row(span.finding) | {"where": "name"})
        return masked

    def _masked(self, path: str) -> tuple[str, list[Span]]:
        name = path.encode("utf-8", "surrogateescape")
        found = spans(self.inspector, name, Place(Part.BODY), depth=0)
        if not found:
            return path, found
        shown = bytearray(name)
        for span in found:
            shown[span.start : span.end] = span.masked
        return shown.decode("utf-8", "surrogateescape"), found


class _Lines:
    """Which line an offset is in, for the end of a text that grows."""

    def __init__(self) -> None:
        self._known: list[tuple[int, int, bytes]] = []
        """The last pieces: offset, lines before it, content."""
        self._offset = self._count = 0

    def feed(self, piece: bytes) -> None:
        self._known = [*self._known[-1:], (self._offset, self._count, piece)]
        self._offset += len(piece)
        self._count += piece.count(b"\n")

    def where(self, finding: Finding) -> str:
        """Where in a file a finding is: what the core knows of it, else the line."""
        if finding.view != PLAIN or finding.where != _BODY or not finding.length:
            return finding.where
        for offset, lines, piece in reversed(self._known):
            if offset <= finding.offset:
                return f"line {lines + piece.count(b'\n', 0, finding.offset - offset) + 1}"
        return finding.where


_KINDS: Final[tuple[tuple[Callable[[bytes], bool], Callable[[Looker, Stream], None]], ...]] = (
    (archives.is_zip, archives.look_at_zip),
    (pcap.is_capture, pcap.look_at_capture),
    (archives.is_tar, archives.look_at_tar),
)

_CLOSED: Final = (
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!\x1a\x07", "a rar archive"),
    (b"\x04\x22\x4d\x18", "lz4 data"),
)


def _not_opened(head: bytes) -> str:
    """What an archive is that we do not open; empty for anything else."""
    return next((what for magic, what in _CLOSED if head.startswith(magic)), "")
