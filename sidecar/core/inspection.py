"""The state machine of one direction of one connection: bytes in, at any chunking; out comes what may be released.

    step = inspection.feed(data)      # also .idle() when the sender pauses, .close() at the end of the stream
    step.release                      # forward exactly these bytes
    step.findings, step.verdict       # tell about these; a verdict ends the connection

The promise: same bytes, any chunking, same findings and verdict; and of a value that is blocked no more than its
first characters that may be shown anyway (`masking.lead`, at most six) were released before.

How: a protocol reader (`core.decode`) cuts the stream into pieces.  Heads are inspected whole.  A body is one text that
grows; `_Text` feeds it to the engine, keeps the last bytes for confirmation, and says up to where the text is safe.
`_Queue` holds the wire bytes behind that point and masks values inside it.  Where nothing is found and nothing could
still become a match, which is nearly always, the same bytes object that came in goes out.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from dlp_patterns import masking
from dlp_patterns.model import Confidence, Severity
from sidecar.core.confirm import Confirmer, Span
from sidecar.core.decode.content import Inflater, UnscannableError
from sidecar.core.decode.pieces import END, Kind, MalformedError, OpaqueReader, Piece, Reader, Unit
from sidecar.core.findings import Action, Finding, FindingClass, Part
from sidecar.core.hits import Hit, Hold, Matcher
from sidecar.core.policy import FlowRules
from sidecar.core.reasons import Reason

FINDINGS_LIMIT: Final = 256
"""Findings that only alert are told one by one up to this number per message; a body full of e-mail is one story."""


AHEAD: Final = 64
"""How many bytes behind a hit confirmation looks at: enough to see a UUID or a SHA-256 in hex to its end."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The end of a connection, or in monitor mode what would have been."""

    reason: Reason
    enforced: bool
    finding: Finding | None = None
    detail: str = ""
    """For operators; never contains payload."""
    untouched: bool = False
    """No byte of the message in question was released: it can be answered as a whole."""


class Step(NamedTuple):
    """What one event led to."""

    release: bytes
    findings: tuple[Finding, ...] = ()
    verdict: Verdict | None = None


@dataclass(frozen=True, slots=True)
class Inspector:
    """What all inspections of one flow share: engine, policy, mode."""

    matcher: Matcher
    confirmer: Confirmer
    rules: FlowRules
    enforce: bool
    must_not_leave: frozenset[int] = frozenset()
    """Indices of the patterns whose values may be blocked or masked on this flow."""
    hold: Hold | None = None
    """The tail rule for these; None when there are none, or nothing is enforced."""


class _BlockedError(Exception):
    """A finding that the policy blocks."""

    def __init__(self, finding: Finding) -> None:
        self.finding = finding


class _Text:
    """One logical text: what the engine sees, whatever the framing around it.

    A hit is confirmed when `AHEAD` bytes behind it are known, or the text is over: what follows a number tells as much
    about it as what precedes it.  A value is told when none that begins at the same place can be longer any more: of a
    card number of 19 digits, whose first 16 are one too, the last four are not those of the shorter.  Until then it is
    held like one that is still growing.
    """

    def __init__(self, inspector: Inspector, part: Part, paused_at: int = 0) -> None:
        self._inspector = inspector
        self._part = part
        self.paused_at = paused_at
        """Everything before this offset has left in a pause."""
        self._stream = inspector.matcher.open()
        self._keep = inspector.matcher.reach + AHEAD
        self._tail = b""
        """The last `reach + AHEAD` bytes of the text."""
        self._open_hits: list[Hit] = []
        """Hits whose surroundings are not complete yet, by end."""
        self._values: _Values = {}
        """Confirmed values that could still turn out to be longer."""
        self._told: set[tuple[int, int]] = set()
        self.length = 0

    def feed(self, piece: bytes) -> list[Span]:
        """The values that are confirmed now."""
        seen = self._tail + piece
        self.length += len(piece)
        hits = self._stream.feed(piece)
        self._tail = seen[-self._keep :]
        if not hits and not self._open_hits and not self._values:
            return []
        self._confirm(hits, seen, self.length - AHEAD)
        return self._final(self.length - AHEAD)

    def end(self) -> list[Span]:
        """The remaining values of a text that is over."""
        hits = self._stream.close()
        if hits or self._open_hits:
            self._confirm(hits, self._tail, self.length)
        return self._final(None)

    def pause(self) -> list[Span]:
        """The remaining values if the text were over; but it may go on."""
        hits = [hit for hit in self._ending() if hit not in self._open_hits]
        self._confirm(hits, self._tail, self.length)
        return self._final(None)

    def grows_through_pauses(self) -> bool:
        """Whether the text ends in the shape of a value that must not leave and that began before the last pause."""
        base, inspector = self.length - len(self._tail), self._inspector
        shaped = {index for index, _ in self._ending()} & inspector.must_not_leave
        begins = (inspector.confirmer.begins(index, self._tail) for index in shaped)
        return any(begin is not None and base + begin < self.paused_at for begin in begins)

    def _ending(self) -> list[Hit]:
        """The hits at the very end of the text, if it ended here."""
        base = self.length - len(self._tail)
        every = ((index, end + base) for index, end in self._inspector.matcher.once(self._tail))
        return [hit for hit in every if hit[1] == self.length]

    def safe(self) -> int:
        """The offset up to which no byte belongs to a value that could still become a finding that must not leave."""
        inspector = self._inspector
        if inspector.hold is None:
            return self.length
        safe = self.length - inspector.hold(self._tail)
        patterns = inspector.matcher.patterns
        for index, end in self._open_hits:
            if index in inspector.must_not_leave:
                safe = min(safe, end - patterns[index].width - 1)
        for index, start in self._values:
            if index in inspector.must_not_leave:
                safe = min(safe, start)
        return safe

    def discard(self) -> None:
        """Free the engine's state."""
        self._stream.close()

    def _confirm(self, hits: Sequence[Hit], seen: bytes, known: int) -> None:
        """Confirm what ends up to offset `known`; the rest stays open."""
        every = sorted((*self._open_hits, *hits), key=_by_end)
        ready = [hit for hit in every if hit[1] <= known]
        self._open_hits = every[len(ready) :]
        if ready:
            _confirm(self._inspector, ready, seen, self.length - len(seen), self._part, self._values)

    def _final(self, known: int | None) -> list[Span]:
        """The values that cannot be longer any more when the text is known up to offset `known`; None: it is over."""
        values = self._values
        if not values:
            return []
        limit = self._inspector.confirmer.limit
        final = [span for span in _in_order(self._inspector, values) if known is None or limit(span) <= known]
        for span in final:
            del values[span.index, span.start]
        fresh = [span for span in final if (span.index, span.start) not in self._told]
        reachable = self.length - self._keep  # nothing that is still to come begins before it
        self._told = {told for told in self._told if told[1] >= reachable}
        self._told.update((span.index, span.start) for span in fresh)
        return fresh


def _by_end(hit: Hit) -> tuple[int, int]:
    return hit[1], hit[0]


_Values = dict[tuple[int, int], Span]
"""Values by pattern and start."""


def confirm(inspector: Inspector, hits: Sequence[Hit], text: bytes, part: Part) -> list[Span]:
    """The values in a complete text, in the order in which a stream tells them."""
    values: _Values = {}
    _confirm(inspector, hits, text, 0, part, values)
    return _in_order(inspector, values) if values else []


def _confirm(
    inspector: Inspector, hits: Sequence[Hit], seen: bytes, base: int, part: Part, values: _Values
) -> None:
    """Enter the values behind `hits`, the longest of those that begin together.  `seen` is text from offset `base` on."""
    reach = inspector.matcher.reach
    for hit in hits:
        end = hit[1] - base
        begin = max(0, end - reach)
        window = seen[begin : end + AHEAD]
        span = inspector.confirmer.confirm(hit, window, base + begin, part, inspector.rules)
        if span is not None:
            known = values.setdefault((span.index, span.start), span)
            if known.end < span.end:
                values[span.index, span.start] = span


def _in_order(inspector: Inspector, values: _Values) -> list[Span]:
    """Values in the order in which they become final."""
    limit = inspector.confirmer.limit
    return sorted(values.values(), key=lambda span: (limit(span), span.index, span.start))


@dataclass(slots=True)
class _Held:
    """Wire bytes that wait.  `start` and `end` are offsets in the text; equal for framing."""

    wire: bytes
    start: int
    end: int
    linear: bool
    """Each wire byte is one byte of text, so it can be cut and masked."""


class _Queue:
    """Wire bytes in order, waiting until the text before them is safe."""

    def __init__(self, gone: int) -> None:
        self.held: deque[_Held] = deque()
        """What waits."""
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

    def _here(self, wire: bytes) -> bytes:
        """The part of `wire` that has not left already."""
        left = min(self.gone, len(wire))
        self.gone -= left
        return wire[left:]

    def let(self, safe: int) -> None:
        """Release everything whose text lies before `safe`."""
        held = self.held
        while held and held[0].end <= safe:
            self._out.append(held.popleft().wire)
        if held and held[0].linear and held[0].start < safe:
            first, cut = held[0], safe - held[0].start
            self._out.append(first.wire[:cut])
            first.wire, first.start = first.wire[cut:], safe

    def mask(self, span: Span) -> bool:
        """Overwrite a value that is still here, same length; False where it cannot be done safely.

        That is so when part of what must be hidden has left already, and when wire bytes are not text bytes (a
        compressed body): a changed byte there would break the whole body.
        """
        lead = masking.lead(span.show)
        # Framing inside the value (it is spread over chunks) carries none of it.
        text = (item for item in self.held if item.start < item.end)
        present = [item for item in text if item.start < span.end and item.end > span.start]
        if not all(item.linear for item in present) or (present and present[0].start > span.start + lead):
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


class Inspection:
    """One direction: `feed`, `idle`, `close`."""

    def __init__(
        self, inspector: Inspector, reader: Reader, gone: int = 0, *, heads_wait: bool = False
    ) -> None:
        """`gone` bytes at the beginning of the stream were released earlier, while the channel was undecided.

        With `heads_wait` a head stays here until the first of its body is inspected, so that a message whose beginning
        is blocked can still be replaced by an answer.
        """
        self._inspector = inspector
        self._reader = reader
        self._heads_wait = heads_wait and inspector.enforce
        self._kept = b""
        """A head that waits for its body."""
        self._begun = False
        """The current message's body has begun."""
        self._queue = _Queue(gone)
        self._text: _Text | None = None
        self._inflater: Inflater | None = None
        self._blind: Reason | None = None
        """Why the current body cannot be inspected."""
        self._findings: list[Finding] = []
        self._told = 0
        self._mark: int | None = None
        """Where in this step's release the current message began; None when it began in an earlier step."""
        self.uninspected: dict[Reason, int] = {}
        """Bytes passed without a look, by reason."""
        self.inside = False
        """Inside a message: its head is complete, its end is not."""
        self._take_piece = {
            Kind.HEAD: self._head,
            Kind.BODY: self._body,
            Kind.WHOLE_BODY: self._whole_body,
            Kind.STREAM: self._stream_part,
            Kind.FRAME: self._frame,
            Kind.FRAME_TEXT: self._frame_text,
            Kind.END: self._end,
        }

    # --- events -----------------------------------------------------------------------------------------------------

    def feed(self, data: bytes) -> Step:
        """Bytes arrived.  Raises EngineError."""
        try:
            queue = self._queue
            unit = None if queue.held or queue.gone else self._reader.whole(data)
            if unit is None:
                step = self._process(self._reader.feed(data))
            else:
                hits = self._inspector.matcher.once(data)
                if not hits or not _confirmed(self._inspector, hits, data, unit):
                    self.inside = unit is Unit.HEAD
                    if self._heads_wait and unit is not Unit.MESSAGE:
                        return Step(self._with_head(data, unit))
                    return Step(data)
                step = self._process(_as_pieces(data, unit))
        except MalformedError as error:
            step = self._malformed(error, data)
        # Outside protect mode nothing is delayed or changed: the stream is looked at as it passes.
        return step if self._inspector.enforce else step._replace(release=data)

    def idle(self) -> Step:
        """The sender paused: let go of a tail that does not hold a whole value, judge one that does."""
        text = self._text
        if self._kept:
            self._begun = True  # it goes alone
            return self._process(())
        if text is None or not self._queue.held or not self._inspector.enforce:
            return Step(b"")
        try:
            self._judge(text.pause())
        except _BlockedError as blocked:
            return self._block(blocked.finding)
        # A message may end in digits, and then it must leave; a number that trickles in, a pause after each digit, must
        # not, once it is long enough to be one: the last digit could be computed from the others.
        if not text.grows_through_pauses():
            self._queue.let(text.length)
            text.paused_at = text.length
        return self._step()

    def close(self) -> Step:
        """The stream ended."""
        step = self._process(self._reader.close())
        self.discard()
        return step if self._inspector.enforce else step._replace(release=b"")

    def discard(self) -> None:
        """Free what the engine keeps for this direction.  Safe to call twice."""
        if self._text is not None:
            self._text.discard()
            self._text = None

    @property
    def waiting(self) -> bool:
        """Whether bytes are kept back that `idle` might release."""
        return bool(self._kept) or (bool(self._queue.held) and self._text is not None)

    # --- pieces -------------------------------------------------------------------------------------------------------

    def _process(self, pieces: Iterable[Piece]) -> Step:
        if self._kept:
            self._queue.skip(self._kept)
            self._kept, self._mark = b"", 0
        try:
            for piece in pieces:
                self._take_piece[piece.kind](piece)
        except _BlockedError as blocked:
            return self._block(blocked.finding)
        if self._text is not None and self._queue.held:
            self._queue.let(self._text.safe())
        return self._step()

    def _head(self, piece: Piece) -> None:
        self._mark = None if self._queue.gone else self._queue.mark()
        self._told, self.inside, self._begun = 0, True, False
        self._inflater = self._blind = None
        self._one_shot(piece.wire, Part.HEAD)
        if piece.encoding:
            try:
                self._inflater = Inflater(piece.encoding)
            except UnscannableError as error:
                self._go_blind(error)

    def _body(self, piece: Piece) -> None:
        self._begun = True
        self._grow(piece.wire, Part.BODY)

    def _whole_body(self, piece: Piece) -> None:
        self._begun = True
        if self._inflater is not None or self._blind is not None:
            self._grow(piece.wire, Part.BODY)
        else:
            self._one_shot(piece.wire, Part.BODY)

    def _stream_part(self, piece: Piece) -> None:
        self._grow(piece.wire, Part.STREAM)

    def _grow(self, wire: bytes, part: Part) -> None:
        """More of the current text."""
        if self._blind is not None:
            self._count_unseen(self._blind, wire)
            self._pass(wire)
            return
        if self._text is None:
            self._text = _Text(self._inspector, part, self._queue.gone)
        text = self._text
        if self._inflater is not None:
            self._grow_opened(wire, text, self._inflater)
            return
        spans = text.feed(wire)
        self._queue.put(wire, text.length - len(wire), text.length, linear=True)
        if spans:
            self._judge(spans)

    def _grow_opened(self, wire: bytes, text: _Text, inflater: Inflater) -> None:
        """More of a compressed text: what could be opened is inspected, also if the rest cannot be."""
        start, problem = text.length, None
        try:
            for opened in inflater.feed(wire):
                self._judge(text.feed(opened))
        except UnscannableError as error:
            problem = error
        self._queue.put(wire, start, text.length, linear=False)
        if problem is not None:
            self._go_blind(problem)
            assert self._blind is not None
            self._count_unseen(self._blind, wire)

    def _count_unseen(self, reason: Reason, wire: bytes) -> None:
        self.uninspected[reason] = self.uninspected.get(reason, 0) + len(wire)

    def _frame(self, piece: Piece) -> None:
        self._pass(piece.wire)

    def _frame_text(self, piece: Piece) -> None:
        self._one_shot(piece.wire, Part.FRAMING)

    def _end(self, _: Piece) -> None:
        self._end_text()
        self.inside = False
        self._inflater = self._blind = None

    def _end_text(self) -> None:
        """Nothing more comes that could join the text: judge what its end completes, release the rest."""
        text = self._text
        if text is None:
            return
        spans = text.end()
        if spans:
            self._judge(spans)
        self._queue.let(text.length)
        self._text = None

    def _pass(self, wire: bytes) -> None:
        """Wire bytes without text: they leave when all before them has left."""
        if self._text is None:
            self._queue.skip(wire)  # between texts nothing is ever held
        else:
            self._queue.put(wire, self._text.length, self._text.length, linear=False)

    def _one_shot(self, wire: bytes, part: Part) -> None:
        """A complete text by itself, inside or outside a body."""
        inspector = self._inspector
        hits = inspector.matcher.once(wire)
        for span in confirm(inspector, hits, wire, part) if hits else ():
            if self._tell(span.finding) is Action.MASK:
                if self._queue.gone > span.start + masking.lead(span.show):
                    raise _BlockedError(span.finding)
                wire = masked(wire, span, 0)
        self._pass(wire)

    def _go_blind(self, error: UnscannableError) -> None:
        """The rest of this body cannot be read; the policy says whether that is acceptable."""
        self._end_text()
        self._inflater = None
        self._blind = Reason.TOO_LARGE if error.too_large else Reason.UNSUPPORTED_ENCODING
        action, rule = self._inspector.rules.judge("unscannable", FindingClass.UNSCANNABLE, Confidence.HIGH)
        finding = Finding(
            pattern="unscannable",
            klass=FindingClass.UNSCANNABLE,
            kind=self._blind.value,
            shown=str(error),
            confidence=Confidence.HIGH,
            severity=Severity.MEDIUM,
            part=Part.BODY,
            offset=0,
            reason=Reason.UNSCANNABLE,
            action=action,
            rule=rule,
        )
        if self._tell(finding) is Action.MASK:
            raise _BlockedError(finding)

    # --- judging ------------------------------------------------------------------------------------------------------

    def _judge(self, spans: Sequence[Span]) -> None:
        """Act on values of the growing text; raises _BlockedError."""
        for span in spans:
            if self._tell(span.finding) is Action.MASK and not self._queue.mask(span):
                raise _BlockedError(span.finding)

    def _tell(self, finding: Finding) -> Action:
        """Note the finding and return what to do now; raises _BlockedError when that is to stop."""
        action = finding.action
        self._told += 1
        if self._told <= FINDINGS_LIMIT or action > Action.ALERT:
            self._findings.append(finding)
        if not self._inspector.enforce:
            return Action.ALERT
        if action is Action.BLOCK:
            raise _BlockedError(finding)
        return action

    def _with_head(self, data: bytes, unit: Unit) -> bytes:
        """What to release of a clean unit."""
        kept, self._kept = self._kept, b""
        if unit is Unit.HEAD:
            self._kept, self._begun = data, False
            return b""
        return kept + data

    def _step(self) -> Step:
        if self._heads_wait and self.inside and not self._begun and self._mark is not None:
            self._kept = self._queue.cut(self._mark)
        self._mark = None
        findings, self._findings = tuple(self._findings), []
        return Step(self._queue.take(), findings)

    def _block(self, finding: Finding) -> Step:
        findings, self._findings = tuple(self._findings), []
        verdict = Verdict(finding.reason, True, finding, untouched=self._mark is not None)
        return Step(self._queue.take(self._mark or 0), findings, verdict)

    def _malformed(self, error: MalformedError, data: bytes) -> Step:
        """Two parsers could disagree from here on.  In monitor mode the rest is looked at as a plain stream."""
        self.discard()
        untouched = (bool(self._kept) or self._mark is not None or not self.inside) and not self._queue.gone
        release = self._queue.take((self._mark or 0) if self.inside else None)
        verdict = Verdict(
            Reason.MALFORMED_HTTP, self._inspector.enforce, detail=str(error), untouched=untouched
        )
        findings, self._findings = tuple(self._findings), []
        if not self._inspector.enforce:
            rest, self._reader = self._reader.unread() or data, OpaqueReader()
            findings += self._process(self._reader.feed(rest)).findings
        return Step(release, findings, verdict)


def _confirmed(inspector: Inspector, hits: Sequence[Hit], data: bytes, unit: Unit) -> bool:
    """Whether a unit has anything in it; the head and the body of a message are two texts."""
    split = data.find(b"\r\n\r\n") + 4 if unit is Unit.MESSAGE else 0
    head = [hit for hit in hits if hit[1] <= split]
    rest = [(index, end - split) for index, end in hits if end > split]
    return bool(
        (head and confirm(inspector, head, data[:split], Part.HEAD))
        or (rest and confirm(inspector, rest, data[split:], Part.BODY))
    )


def _as_pieces(data: bytes, unit: Unit) -> list[Piece]:
    """A unit that turned out not to be clean, cut like the reader would have cut it."""
    if unit is Unit.HEAD:
        return [Piece(Kind.HEAD, data)]
    if unit is Unit.BODY:
        return [Piece(Kind.WHOLE_BODY, data), END]
    split = data.find(b"\r\n\r\n") + 4
    body = [Piece(Kind.WHOLE_BODY, data[split:])] if split < len(data) else []
    return [Piece(Kind.HEAD, data[:split]), *body, END]
