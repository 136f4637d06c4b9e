"""HTTP/1.x, read along: where heads, bodies and messages begin and end (RFC 9110, RFC 9112).

Two readers look at every byte.  Our own framing below finds the offsets, llhttp (through httptools) validates every
head, size line and trailer in its strict mode and keeps its own count.  Both must agree where each message ends;
where they do not, two other parsers along the way might not either, and that is how requests are smuggled: the
message is denied.  Bytes are never rewritten here.

Request and response differ in how a head decides what follows, so that is the only thing their subclasses say.
"""

import re
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final

import httptools

from sidecar.core.decode.fields import (
    CHUNKED,
    EMPTY,
    UNTIL_CLOSE,
    Body,
    content_coding,
    declared_body,
    plain_length,
)
from sidecar.core.decode.pieces import END, Kind, MalformedError, Piece, Unit
from sidecar.core.decode.target import path_of

HEAD_LIMIT: Final = 64 * 1024
"""A head longer than this is refused.  nginx stops at 32 KiB, Apache at 8 KiB a line, Node at 16 KiB, Envoy at 60 KiB."""
SIZE_LINE_LIMIT: Final = 4 * 1024
TRAILER_LIMIT: Final = 16 * 1024
CHUNK_OVERHEAD_LIMIT: Final = 16 * 1024
"""Bytes of chunk framing beyond what chunks of their size need (Go's net/http has the same limit)."""

_SIZE_LINE = re.compile(rb"([0-9a-fA-F]{1,15})(;[^\r\n]*)?\r\n")
_LINE_ENDS = re.compile(rb"[\r\n]*")
_BLANK = b"\r\n\r\n"
_NO_BODY = frozenset({204, 304})


class Asked(Enum):
    """What about a request decides how its response is framed (RFC 9112 6.3)."""

    PLAIN = auto()
    HEAD = auto()
    CONNECT = auto()
    UPGRADE = auto()


@dataclass(slots=True)
class Exchange:
    """What the two directions of one HTTP connection must know about each other."""

    waiting: deque[Asked] = field(default_factory=deque)
    """Requests whose final response has not begun, oldest first."""
    tunnel: bool = False
    """A 101 or a successful CONNECT was seen: from here on both directions are opaque."""
    follow: bool = False
    """Note the paths of requests: a rule names some."""
    asking: str = ""
    """The path of the last request."""
    answering: str = ""
    """The path of the request whose response is read."""
    _paths: deque[str] = field(default_factory=deque)
    """Of the requests in `waiting`."""

    def ask(self, asked: Asked, head: bytes) -> None:
        """Another request was read."""
        self.waiting.append(asked)
        if self.follow:
            self.asking = path_of(head)
            self._paths.append(self.asking)

    def answer(self) -> Asked:
        """Another final response was read.  A server may speak unasked (408 on an idle connection)."""
        if self.follow:
            self.answering = self._paths.popleft() if self._paths else ""
        return self.waiting.popleft() if self.waiting else Asked.PLAIN


class _Tally:
    """What llhttp reports: how many messages it saw begin and end."""

    __slots__ = ("begun", "ended")

    def __init__(self) -> None:
        self.begun = self.ended = 0

    def on_message_begin(self) -> None:
        self.begun += 1

    def on_message_complete(self) -> None:
        self.ended += 1


class Http1Reader:
    """The framing both directions share: head, then a body of known length, in chunks, or until close."""

    _parser_type: Callable[[_Tally], httptools.HttpRequestParser | httptools.HttpResponseParser]
    _first_line: re.Pattern[bytes]
    """What llhttp lets pass but no other version or protocol may: HTTP/1.0 and HTTP/1.1."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._buffer = b""
        """What arrived and was not taken yet: between feeds an incomplete head, size line or trailer section."""
        self._at = 0
        """Where in the buffer the next byte to take is."""
        self._mirrored = 0
        """How many bytes from there on llhttp has seen."""
        self._state: Callable[[list[Piece]], bool] = self._in_head
        """Takes from the buffer what it can, appends pieces; True when the next state should go on."""
        self._left = 0
        self._overhead = 0
        self._fresh_parser()

    # --- the three verbs ---------------------------------------------------------------------------------------------

    def whole(self, data: bytes) -> Unit | None:
        """What `data` is, if it is exactly a message, its head, or then its body, without any coding."""
        if self._buffer or self._exchange.tunnel:
            return None
        if self._state == self._in_head:
            return self._whole_head(data)
        if self._state == self._at_body and len(data) == self._left and not self._alone:
            self._mirror(data)
            self._expect_end()
            self._state = self._in_head
            return Unit.BODY
        return None

    def _whole_head(self, data: bytes) -> Unit | None:
        end = data.find(_BLANK) + 4
        length = self._quick_length(data, data[: end - 2].lower()) if 4 < end < HEAD_LIMIT else -1
        if length < 0:
            return None
        behind = len(data) - end
        if behind == length:
            self._mirror(data)
            self._expect_end()
            self._note(data)
            return Unit.MESSAGE
        if behind:
            return None
        self._along(data)
        self._note(data)
        self._left, self._state = length, self._at_body
        return Unit.HEAD

    def feed(self, data: bytes) -> Iterator[Piece]:
        """The pieces that `data` completes, one by one: those before a malformed place still count."""
        self._buffer = self._buffer + data if self._buffer else data
        pieces: list[Piece] = []
        more = True
        while more and self._at < len(self._buffer):
            before = self._at
            try:
                more = self._state(pieces)
            except MalformedError:
                self._at = before
                raise
            yield from pieces
            pieces.clear()
        self._buffer, self._at = self._buffer[self._at :], 0

    def close(self) -> list[Piece]:
        """The end of the stream: ends a body that lasts until close; what is incomplete is handed out as text.

        No parser can take that for a complete message: llhttp has seen it all and is still waiting.
        """
        rest, self._buffer = self._buffer, b""
        pieces = [Piece(Kind.FRAME_TEXT, rest)] if rest else []
        return [*pieces, END]

    def unread(self) -> bytes:
        """What no piece was made of, when the stream has turned out to be malformed."""
        return self._buffer[self._at :]

    # --- what request and response say differently -------------------------------------------------------------------

    def _quick_length(self, data: bytes, head: bytes) -> int:
        """The body length of a plain message, -1 for anything that needs a closer look."""
        raise NotImplementedError

    def _note(self, data: bytes) -> None:
        """Remember for the other direction that a plain message begins."""
        raise NotImplementedError

    def _body_after(self, head: bytes, lower: bytes) -> Body:
        """What follows `head`.  Takes note of the message."""
        raise NotImplementedError

    # --- llhttp reads along -------------------------------------------------------------------------------------------

    def _fresh_parser(self) -> None:
        self._tally = _Tally()
        self._parser = self._parser_type(self._tally)
        self._upgrade = False
        """llhttp says that with the last head the connection wants to leave HTTP."""
        self._alone = False
        """llhttp cannot follow this message's body (answer to HEAD, upgrade); it joins again at the next head."""

    def _mirror(self, wire: bytes) -> bool:
        """Feed llhttp; True when it says that the connection wants to leave HTTP.  Raises MalformedError."""
        try:
            self._parser.feed_data(wire)
        except httptools.HttpParserUpgrade:
            return True
        except httptools.HttpParserError as error:
            raise MalformedError(str(error)) from None
        return False

    def _along(self, wire: bytes) -> None:
        """Feed llhttp bytes that must not end the message."""
        if not self._alone:
            self._mirror(wire)
            self._expect_more()

    def _expect_more(self) -> None:
        """Both readers must agree that the message goes on."""
        if self._tally.ended and not self._alone:
            raise MalformedError("parsers disagree: message ended early")

    def _expect_end(self) -> None:
        """Both readers must agree that exactly one message ended here."""
        if self._alone:
            self._fresh_parser()
            return
        tally = self._tally
        if tally.begun != 1 or tally.ended != 1:
            raise MalformedError("parsers disagree: message end")
        tally.begun = tally.ended = 0

    # --- states ---------------------------------------------------------------------------------------------------------

    @property
    def _have(self) -> int:
        return len(self._buffer) - self._at

    def _take(self, count: int) -> bytes:
        """The next `count` bytes, or as many as there are."""
        start, self._at = self._at, min(self._at + count, len(self._buffer))
        self._mirrored = 0
        return self._buffer[start : self._at]  # all of it is not copied

    def _take_until(self, mark: bytes, limit: int, what: str) -> bytes:
        """The bytes up to and including `mark`, b"" while it is not there; MalformedError past `limit`.

        llhttp sees every byte as it comes: what it refuses is refused at once, and never waits for a `mark` that does
        not come while a peer has long seen the end of the message (bare line feeds).
        """
        seen, start = self._at + self._mirrored, self._at
        found = self._buffer.find(mark, max(start, seen - len(mark) + 1))
        end = found + len(mark) if found >= 0 else len(self._buffer) + 1
        if end - start > limit + len(mark):
            raise MalformedError(f"{what} longer than {limit} bytes")
        if found >= 0:
            self._upgrade = self._mirror(self._buffer[seen:end])
            return self._take(end - start)
        self._along(self._buffer[seen:])
        self._mirrored = len(self._buffer) - start
        return b""

    def _in_head(self, pieces: list[Piece]) -> bool:
        if self._exchange.tunnel:
            self._state = self._in_tunnel
            return True
        if self._buffer[self._at] in b"\r\n":
            return self._skip_blank_lines(pieces)
        at = self._at
        head = self._take_until(_BLANK, HEAD_LIMIT, "head")
        if self._buffer.find(b"\r\n", at) >= 0 and self._first_line.match(self._buffer, at) is None:
            raise MalformedError("neither HTTP/1.0 nor HTTP/1.1")
        if not head:
            return False
        body = self._body_after(head, head.lower())
        pieces.append(Piece(Kind.HEAD, head, body.encoding if body.length else b""))
        self._enter(body, pieces)
        return True

    def _skip_blank_lines(self, pieces: list[Piece]) -> bool:
        """RFC 9112 2.2: empty lines before a message; llhttp says whether these pass."""
        found = _LINE_ENDS.match(self._buffer, self._at)
        assert found is not None
        blank = self._take(found.end() - self._at)
        self._mirror(blank)
        pieces.append(Piece(Kind.FRAME, blank))
        return True

    def _enter(self, body: Body, pieces: list[Piece]) -> None:
        if body.length == 0:
            self._finish(pieces)
        elif body.length == CHUNKED:
            self._overhead, self._state = 0, self._in_size_line
        elif body.length == UNTIL_CLOSE:
            self._state = self._until_close
        else:
            self._left = body.length
            self._state = self._in_body if body.encoding else self._at_body  # what is coded is no unit
        if body.length:
            self._expect_more()

    def _finish(self, pieces: list[Piece]) -> None:
        self._expect_end()
        pieces.append(END)
        self._state = self._in_head

    def _at_body(self, pieces: list[Piece]) -> bool:
        """Mostly the body arrives in one piece, if not together with its head then right behind it."""
        self._state = self._in_body
        if self._have < self._left:
            return True
        body = self._take(self._left)
        self._left = 0
        if not self._alone:
            self._mirror(body)
        pieces.append(Piece(Kind.WHOLE_BODY, body))
        self._finish(pieces)
        return True

    def _in_body(self, pieces: list[Piece]) -> bool:
        part = self._take(self._left)
        self._left -= len(part)
        pieces.append(Piece(Kind.BODY, part, more=bool(self._left)))
        if self._left:
            self._along(part)
            return False
        if not self._alone:
            self._mirror(part)
        self._finish(pieces)
        return True

    def _in_size_line(self, pieces: list[Piece]) -> bool:
        line = self._take_until(b"\r\n", SIZE_LINE_LIMIT, "chunk size line")
        if not line:
            return False
        self._expect_more()
        match = _SIZE_LINE.fullmatch(line)
        if match is None:
            raise MalformedError("chunk size line")
        self._left = int(match[1], 16)
        self._overhead = max(0, self._overhead + len(line) - 16 - 2 * self._left)
        if self._overhead > CHUNK_OVERHEAD_LIMIT:
            raise MalformedError("chunks carry more framing than data")
        pieces.append(Piece(Kind.FRAME_TEXT if match[2] else Kind.FRAME, line))
        self._state = self._in_chunk if self._left else self._in_trailer
        return True

    def _in_chunk(self, pieces: list[Piece]) -> bool:
        part = self._take(self._left)
        self._along(part)
        self._left -= len(part)
        pieces.append(Piece(Kind.BODY, part))
        if not self._left:
            self._state = self._after_chunk
        return not self._left

    def _after_chunk(self, pieces: list[Piece]) -> bool:
        if self._have < 2:
            return False
        line_end = self._take(2)
        if line_end != b"\r\n":
            raise MalformedError("chunk is longer than its size")
        self._along(line_end)
        pieces.append(Piece(Kind.FRAME, line_end))
        self._state = self._in_size_line
        return True

    def _in_trailer(self, pieces: list[Piece]) -> bool:
        if self._have < 2:
            return False
        bare = self._buffer.startswith(b"\r\n", self._at)
        trailer = self._take_until(b"\r\n" if bare else _BLANK, TRAILER_LIMIT, "trailer section")
        if not trailer:
            return False
        pieces.append(Piece(Kind.FRAME if bare else Kind.FRAME_TEXT, trailer))
        self._finish(pieces)
        return True

    def _until_close(self, pieces: list[Piece]) -> bool:
        part = self._take(self._have)
        self._along(part)
        pieces.append(Piece(Kind.BODY, part))
        return False

    def _in_tunnel(self, pieces: list[Piece]) -> bool:
        pieces.append(Piece(Kind.STREAM, self._take(self._have)))
        return False


class RequestReader(Http1Reader):
    """Requests: a body only with Content-Length or chunked Transfer-Encoding."""

    _parser_type = httptools.HttpRequestParser
    _first_line = re.compile(rb"[^\r]* HTTP/1\.[01]\r\n")

    def __init__(self, exchange: Exchange, prologue: int = 0) -> None:
        """`prologue` bytes come before the first request: a header of the PROXY protocol."""
        super().__init__(exchange)
        self._prologue = prologue
        if prologue:
            self._state = self._in_prologue

    @property
    def path(self) -> str:
        """The path of the current request, if paths are followed."""
        return self._exchange.asking

    def _in_prologue(self, pieces: list[Piece]) -> bool:
        part = self._take(self._prologue)
        self._prologue -= len(part)
        pieces.append(Piece(Kind.FRAME_TEXT, part))
        if not self._prologue:
            self._state = self._in_head
        return not self._prologue

    def _quick_length(self, data: bytes, head: bytes) -> int:
        line_end = head.find(b"\r\n")
        if not head.endswith((b" http/1.1", b" http/1.0"), 0, line_end):
            return -1
        if (
            data[0] < 65 or data.startswith(b"CONNECT ") or b"\r\nupgrade:" in head
        ):  # 65: no empty line before it
            return -1
        length = plain_length(head)
        return 0 if length is None else length

    def _note(self, data: bytes) -> None:
        self._exchange.ask(Asked.HEAD if data.startswith(b"HEAD ") else Asked.PLAIN, data)

    def _body_after(self, head: bytes, lower: bytes) -> Body:
        if head.startswith(b"CONNECT "):
            asked, body = Asked.CONNECT, EMPTY
        else:
            asked, body = Asked.PLAIN, declared_body(lower) or EMPTY
        if head.startswith(b"HEAD "):
            asked = Asked.HEAD
        elif self._upgrade and asked is Asked.PLAIN:
            asked = Asked.UPGRADE
        self._exchange.ask(asked, head)
        if self._upgrade:
            self._stay_in_http(body)
        return body

    def _stay_in_http(self, body: Body) -> None:
        """llhttp leaves at a head that asks for another protocol; a fresh one follows the body that comes all the same."""
        self._fresh_parser()
        self._alone = body.length == 0
        if body.length == CHUNKED:
            self._mirror(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n")
        elif body.length:
            self._mirror(b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % body.length)


class ResponseReader(Http1Reader):
    """Responses: what follows depends on the status and on the request that was asked."""

    _parser_type = httptools.HttpResponseParser
    _first_line = re.compile(rb"HTTP/1\.[01] [1-9][0-9]{2}[ \r]")

    @property
    def path(self) -> str:
        """The path of the request that the current message answers, if paths are followed."""
        return self._exchange.answering

    def _quick_length(self, data: bytes, head: bytes) -> int:
        status = data[9:12]
        waiting = self._exchange.waiting
        if not waiting or waiting[0] is not Asked.PLAIN or not head.startswith(b"http/1."):
            return -1
        if status < b"200" or status in (b"204", b"304"):
            return -1
        length = plain_length(head)
        return -1 if length is None else length

    def _note(self, data: bytes) -> None:  # noqa: ARG002 - only that there is a response matters
        self._exchange.answer()

    def _body_after(self, head: bytes, lower: bytes) -> Body:
        status = int(head[9:12])
        if 100 <= status < 200 and status != 101:
            return EMPTY  # interim: the final response is still to come
        asked = self._exchange.answer()
        body = declared_body(lower)
        if status == 101 or (asked is Asked.CONNECT and 200 <= status < 300):
            self._switch(status, asked, body)
            return EMPTY
        if status in _NO_BODY:
            return EMPTY
        if asked is Asked.HEAD:
            self._alone = True
            return EMPTY
        return body or Body(UNTIL_CLOSE, content_coding(lower))

    def _switch(self, status: int, asked: Asked, body: Body | None) -> None:
        """From here on both directions are opaque, if that was asked for and nobody could see it otherwise.

        A 2xx answer to CONNECT must not have a length (RFC 9110 9.3.6): a server that sends one does not know CONNECT
        and will go on reading HTTP.
        """
        if (status == 101) != (asked is Asked.UPGRADE) or (status == 101 and not self._upgrade):
            raise MalformedError("protocol switch that nobody asked for")
        if asked is Asked.CONNECT and body is not None:
            raise MalformedError("tunnel with a body")
        self._exchange.tunnel = self._alone = True
