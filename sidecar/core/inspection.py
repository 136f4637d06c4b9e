"""The state machine of one direction of one connection: bytes in, at any chunking; out comes what may be released.

    step = inspection.feed(data)      # also .idle() when the sender pauses, .close() at the end of the stream
    step.release                      # forward exactly these bytes
    step.findings, step.verdict       # tell about these; a verdict ends the connection

The promise: same bytes, any chunking, same findings and verdict; and of a value that is blocked no more than its
first characters that may be shown anyway (`masking.lead`, at most six) were released before.

How: a protocol reader (`core.decode`) cuts the stream into pieces.  Heads are inspected whole.  A body is one text that
grows; `Text` feeds it to the engine, keeps the last bytes for confirmation, and says up to where the text is safe.
`Queue` holds the wire bytes behind that point and masks values inside it.  Where nothing is found and nothing could
still become a match, which is nearly always, the same bytes object that came in goes out.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from sidecar.core.confirm import Span
from sidecar.core.decode.content import Inflater, UnscannableError
from sidecar.core.decode.pieces import END, Kind, MalformedError, OpaqueReader, Piece, Reader, Unit
from sidecar.core.decode.unscannable import TOO_MUCH, Account, Effort
from sidecar.core.findings import PLAIN, Action, Finding, Part, Place
from sidecar.core.hits import Hit
from sidecar.core.inspector import Inspector
from sidecar.core.queue import Queue, masked
from sidecar.core.reading import Reading, located, looked_at, unscannable
from sidecar.core.reasons import Reason
from sidecar.core.rulings import Rulings
from sidecar.core.views.columns import header_end
from sidecar.core.where import Trail

FINDINGS_LIMIT: Final = 256
"""Findings that only alert are told one by one up to this number per message; a body full of e-mail is one story."""

HELD_LIMIT: Final = 2 * 1024 * 1024
"""Bytes of the wire that may wait for the end of a value in what they open to.  A block of bzip2 has 900 KB, and opens to
nothing before it is complete."""


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


class _BlockedError(Exception):
    """A finding that the policy blocks."""

    def __init__(self, finding: Finding) -> None:
        self.finding = finding


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
        self._queue = Queue(gone)
        self._text: Reading | None = None
        self._inflater: Inflater | None = None
        self._account = Account()
        """What all coded bodies of this direction opened to."""
        self.effort = Effort()
        """The work in all that was opened."""
        self._coding = PLAIN
        """Its name, as findings tell it."""
        self._raw: Reading | None = None
        """The bytes of a coded body as they are: a receiver need not believe the coding that a head declares."""
        self._raw_told: set[tuple[str, str]] = set()
        """What was found there; in a stored block the same value opens to itself."""
        self._more = False
        """More of the current body is on its way: what waits for it waits for a moment only."""
        self._blind: Reason | None = None
        """Why the current body cannot be inspected."""
        self._trail: Trail | None = None
        """Tells where in a body values stand."""
        self.samples = inspector.samples()
        """Which hits of what is only reported are passed over."""
        self._rulings = Rulings(inspector.rules) if inspector.rules.asks_more else None
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
            step_by_step = queue.held or queue.gone or self._inspector.formats
            unit = None if step_by_step else self._reader.whole(data)
            if unit is None:
                step = self._process(self._reader.feed(data))
            else:
                hits = self._inspector.matcher.once(data, self.samples.pass_over(0, len(data)))
                if (not hits or self._nothing_in(data, unit, hits)) and not self._begins_table(data, unit):
                    self.samples.next_text(len(data))
                    self.inside = unit is Unit.HEAD
                    if self._heads_wait and unit is not Unit.MESSAGE:
                        return Step(self._with_head(data, unit))
                    return Step(data)
                step = self._process(_as_pieces(data, unit, hits))
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
            self._let_tail(text)
        except _BlockedError as blocked:
            return self._block(blocked.finding)
        return self._step()

    def close(self) -> Step:
        """The stream ended."""
        step = self._process(self._reader.close())
        return step if self._inspector.enforce else step._replace(release=b"")

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
            if self._text is not None and self._queue.held:
                self._let_safe(self._text)
        except _BlockedError as blocked:
            return self._block(blocked.finding)
        return self._step()

    def _let_safe(self, text: Reading) -> None:
        """Release what is safe, and what waits for so long that nobody may make us keep it."""
        raw, queue = self._raw, self._queue
        if raw is None or raw.safe() == raw.length:
            queue.let(text.amply_safe() if self._more else text.safe())
        if queue.size > HELD_LIMIT and not self._let_tail(text):
            self._tell_unscannable(UnscannableError("a value that does not end", too_large=True))
            queue.let(text.length)

    def _let_tail(self, text: Reading) -> bool:
        """Judge what waits as if the text were over, and release it; False where it must go on to wait.

        A message may end in digits, and then it must leave; a number that trickles in, a pause after each digit, must not,
        once it is long enough to be one: the last digit could be computed from the others.
        """
        looked_at = [text] if self._raw is None else [self._raw, text]
        if self._raw is not None:
            self._judge_raw(self._raw.pause())
        self._judge(text.pause())
        if any(each.grows_through_pauses() for each in looked_at):
            return False
        self._queue.let(text.length)
        for each in looked_at:
            each.paused()
        return True

    def _head(self, piece: Piece) -> None:
        self._mark = None if self._queue.gone else self._queue.mark()
        self._told, self.inside, self._begun = 0, True, False
        self._inflater = self._blind = None
        if self._rulings is not None:
            self._rulings.next_message()
        self._one_shot(piece.wire, Part.HEAD, piece.hits)
        if piece.encoding:
            try:
                self._inflater = Inflater(piece.encoding, self._account)
                self._coding = piece.encoding.decode().replace(" ", "").replace(",", "+")
            except UnscannableError as error:
                self._go_blind(error)

    def _body(self, piece: Piece) -> None:
        self._begun, self._more = True, piece.more
        self._grow(piece.wire, Part.BODY)

    def _whole_body(self, piece: Piece) -> None:
        self._begun = True
        if self._inflater is not None or self._blind is not None:
            self._grow(piece.wire, Part.BODY)
        else:
            self._one_shot(piece.wire, Part.BODY, piece.hits)

    def _stream_part(self, piece: Piece) -> None:
        self._grow(piece.wire, Part.STREAM)

    def _grow(self, wire: bytes, part: Part) -> None:
        """More of the current text."""
        if self._blind is not None:
            self._count_unseen(self._blind, wire)
        if self._text is None:
            view = self._coding if self._inflater is not None else PLAIN
            place = Place(part, view)
            self._text = Reading(
                self._inspector,
                place,
                self._queue.gone,
                samples=self.samples,
                effort=self.effort,
                limited=self._inflater is not None,
            )
            self._trail = Trail(place, self._inspector.sees) if part is Part.BODY else None
        text = self._text
        self.effort.came += len(wire)
        if self._inflater is not None:
            self._grow_opened(wire, text, self._inflater)
            return
        spans = text.feed(wire)
        if self._trail is not None:
            self._trail.feed(wire)
        self._queue.put(wire, text.length - len(wire), text.length, linear=True)
        if spans:
            self._judge(spans)
        if text.has_problems:
            self._tell_problems(text)

    def _grow_opened(self, wire: bytes, text: Reading, inflater: Inflater) -> None:
        """More of a compressed text: what could be opened is inspected, also if the rest cannot be."""
        if self._raw is None:
            raw = Place(Part.BODY)
            self._raw, self._raw_told = Reading(self._inspector, raw, self._queue.gone, depth=0), set()
        self._judge_raw(self._raw.feed(wire))
        start, problem = text.length, None
        try:
            self._allow_more()
            for opened in inflater.feed(wire):
                for part in self.effort.parts(opened):
                    self._allow_more()
                    if self._trail is not None:
                        self._trail.feed(part)
                    self._judge(text.feed(part))
        except UnscannableError as error:
            problem = error.with_traceback(None)  # which would keep the decoder until garbage is collected
        self._queue.put(wire, start, text.length, linear=False)
        self._tell_problems(text)
        if problem is not None:
            self._go_blind(problem)
            assert self._blind is not None
            self._count_unseen(self._blind, wire)

    def _allow_more(self) -> None:
        """Raises UnscannableError where there was too much in what was opened before."""
        if self.effort.gone:
            raise UnscannableError(TOO_MUCH, too_large=True)

    def _count_unseen(self, reason: Reason, wire: bytes) -> None:
        self.uninspected[reason] = self.uninspected.get(reason, 0) + len(wire)

    def _frame(self, piece: Piece) -> None:
        self._pass(piece.wire)

    def _frame_text(self, piece: Piece) -> None:
        self._one_shot(piece.wire, Part.FRAMING)

    def _end(self, _: Piece) -> None:
        if self._raw is not None:
            self._judge_raw(self._raw.end())
        self._end_text()
        self._raw = None
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
        if text.has_problems:
            self._tell_problems(text)
        if text.exceeded:
            self._tell_unscannable(UnscannableError(TOO_MUCH, too_large=True))
        self._queue.let(text.length)
        self.samples.next_text(text.length)
        self._text = self._trail = None

    def _pass(self, wire: bytes) -> None:
        """Wire bytes without text: they leave when all before them has left."""
        if self._text is None:
            self._queue.skip(wire)  # between texts nothing is ever held
        else:
            self._queue.put(wire, self._text.length, self._text.length, linear=False)

    def _one_shot(self, wire: bytes, part: Part, hits: Sequence[Hit] | None = None) -> None:
        """A complete text by itself, inside or outside a body; `hits` are those in it, if it was scanned already."""
        place = Place(part)
        self.effort.came += len(wire)
        found, problems = looked_at(
            self._inspector, wire, place, samples=self.samples, hits=hits, effort=self.effort
        )
        self.samples.next_text(len(wire))
        trail = None
        if found and part is Part.BODY:
            trail = Trail(place, self._inspector.sees)
            trail.feed(wire)
        for span in self._settled(found, trail):
            if self._tell(span.finding) is Action.MASK:
                left = self._queue.gone > span.start + span.lead
                if left or span.finding.view != PLAIN:
                    raise _BlockedError(span.finding)
                wire = masked(wire, span, 0)
        for problem in problems:
            self._tell_unscannable(problem)
        self._pass(wire)

    def _go_blind(self, error: UnscannableError) -> None:
        """The rest of this body cannot be opened; the policy says whether that is acceptable.

        If so its bytes are looked at as they are.
        """
        if self._text is not None:
            self._judge(self._text.end())
            self._tell_problems(self._text)
        if self._raw is not None:
            self._queue.join(self._raw.length)
        self._text, self._raw, self._inflater = self._raw, None, None
        self._trail = None
        self._blind = Reason.TOO_LARGE if error.too_large else Reason.UNSUPPORTED_ENCODING
        self._tell_unscannable(error)

    def _tell_problems(self, text: Reading) -> None:
        """What a view could not decode; the text around it was looked at."""
        for problem in text.taken_problems():
            self._tell_unscannable(problem)

    def _tell_unscannable(self, problem: UnscannableError) -> None:
        finding = unscannable(self._inspector, problem)
        if self._rulings is not None:
            finding = self._rulings.finding(finding, self._reader.path)
        if self._tell(finding) is Action.MASK:
            raise _BlockedError(finding)

    # --- judging ------------------------------------------------------------------------------------------------------

    def _judge(self, spans: Sequence[Span]) -> None:
        """Act on values of the growing text; raises _BlockedError."""
        for span in self._settled(spans, self._trail):
            if (span.finding.pattern, span.finding.shown) in self._raw_told and self._raw is not None:
                continue
            if self._tell(span.finding) is Action.MASK and (
                span.finding.view != PLAIN or not self._queue.mask(span)
            ):
                raise _BlockedError(span.finding)

    def _judge_raw(self, spans: Sequence[Span]) -> None:
        """Act on values that a coded body shows unopened; raises _BlockedError: a changed byte would break the body."""
        for span in self._settled(spans, None):
            self._raw_told.add((span.finding.pattern, span.finding.shown))
            if self._tell(span.finding) is Action.MASK:
                raise _BlockedError(span.finding)

    def _settled(self, spans: Iterable[Span], trail: Trail | None) -> Iterable[Span]:
        """Values in their order, with what only the message around them tells: where they stand, and what is to be done."""
        rulings = self._rulings
        for span in spans:
            told = span
            if (
                trail is not None
                and (span.sign is not None or trail.view == span.finding.view)
                and self._told < FINDINGS_LIMIT
            ):
                told = located(span, trail)
            yield told if rulings is None else rulings.span(told, self._reader.path)

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

    def _nothing_in(self, data: bytes, unit: Unit, hits: Sequence[Hit]) -> bool:
        """Whether nothing that is to be looked at is a value: then a unit leaves like one without hits.

        Digits that look like a card are hit often and are one seldom; what is only told is mostly what it looks like.
        """
        inspector, left = self._inspector, []
        for hit in self.samples.left(hits):
            if hit[0] not in inspector.must_not_leave:
                return False  # or it is the sign of a view
            if not inspector.confirmer.rules_out(*hit, data):
                left.append(hit)
        return not left or not any(
            piece.hits and inspector.any_value(piece.hits, piece.wire)
            for piece in _as_pieces(data, unit, left)
        )

    def _begins_table(self, data: bytes, unit: Unit) -> bool:
        """Whether the body begins with names of columns: no sign tells so, and what stands below needs no hit."""
        begin, keep = _body_begins(data, unit), self._inspector.keep
        return begin < len(data) and bool(header_end(data[begin : begin + keep], keep))

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
        self._text = self._raw = self._trail = None
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


def _body_begins(data: bytes, unit: Unit) -> int:
    """Where in a unit its body begins; at the end if it has none."""
    if unit is Unit.MESSAGE:
        return data.find(b"\r\n\r\n") + 4
    return 0 if unit is Unit.BODY else len(data)


def _as_pieces(data: bytes, unit: Unit, hits: Sequence[Hit]) -> list[Piece]:
    """A unit in which something was hit, cut like the reader would have cut it.

    It was scanned as a whole, which shows the same as head and body apart: a line end stands between them.
    """
    if unit is Unit.HEAD:
        return [Piece(Kind.HEAD, data, hits=hits)]
    if unit is Unit.BODY:
        return [Piece(Kind.WHOLE_BODY, data, hits=hits), END]
    split = _body_begins(data, unit)
    head = [hit for hit in hits if hit[1] <= split]
    body = [(index, end - split) for index, end in hits if end > split]
    rest = [Piece(Kind.WHOLE_BODY, data[split:], hits=body)] if split < len(data) else []
    return [Piece(Kind.HEAD, data[:split], hits=head), *rest, END]
