"""Makes valid HTTP/1 conversations and knows where every message ends: the other half of a reader's test.

What it makes is plain on purpose about framing (RFC 9112 6) and rich in everything else: pipelining, HEAD, interim answers,
chunks with extensions and trailers, tunnels.  It carries nothing sensitive.
"""

from dataclasses import dataclass, field
from random import Random

from tests.kit.carriers import in_chunks

_METHODS = (b"GET", b"POST", b"PUT", b"DELETE", b"OPTIONS", b"PATCH", b"HEAD", b"M-SEARCH")
_FIELDS = (
    b"Host: shop",
    b"Accept: */*",
    b"X-Empty:",
    b"X-Bytes: \xc3\xa9\t.",
    b"Cookie: a=b; c=d",
    b"VIA: 1.1 x",
)
_TEXT = b'abc xyz\r\n{}",:0123456789-'
_FINAL = (200, 201, 206, 301, 404, 500, 204, 304)
_CLOSE = b"Connection: close"


@dataclass
class Conversation:
    """Both directions of a connection, cut where messages end."""

    requests: list[bytes] = field(default_factory=list)
    responses: list[bytes] = field(default_factory=list)
    """Response n belongs to request n; interim responses are part of it."""
    endings: list[int] = field(default_factory=list)
    """Offsets in the joined responses at which messages end, interim ones too."""
    until_close: bool = False
    """The last response ends with the connection."""
    tunnel: tuple[bytes, bytes] | None = None
    """What follows the last exchange in both directions, if it was a switch of protocols."""


def conversation(rng: Random) -> Conversation:
    """Up to five exchanges; the last may end in a tunnel or last until close."""
    made = Conversation()
    for _ in range(rng.randrange(5)):
        _exchange(made, rng)
    _last(made, rng)
    return made


def _exchange(made: Conversation, rng: Random, *, until_close: bool = False) -> None:
    method = rng.choice(_METHODS)
    version = rng.choice((b"1.1", b"1.1", b"1.1", b"1.0"))
    fields = _some_fields(rng)
    if version == b"1.0" or rng.random() < 0.1:
        fields.append(b"Connection: keep-alive")
    if version == b"1.1" and rng.random() < 0.1:
        fields += [b"Connection: Upgrade", b"Upgrade: h2c"]  # an offer that nobody takes
    framing, body = _body(rng, chunks=version == b"1.1", least=0 if method in (b"POST", b"PUT") else 1)
    if method in (b"POST", b"PUT", b"PATCH") and framing:
        fields += framing
    else:
        body = b""
    blank = b"\r\n" if made.requests and rng.random() < 0.1 else b""
    head = b"%b %b HTTP/%b" % (method, _target(rng), version)
    made.requests.append(blank + _join(head, fields, rng) + body)
    _respond(made, rng, head=method == b"HEAD", until_close=until_close)


def _respond(made: Conversation, rng: Random, *, head: bool, until_close: bool) -> None:
    interim = [_interim(rng) for _ in range(rng.choice((0, 0, 0, 1, 2)))]
    status = rng.choice(_FINAL)
    fields = _some_fields(rng)
    framing, body = _body(rng, chunks=True, least=1)
    if status == 204:
        framing, body = [], b""
    elif status == 304 or head:
        body = b""  # what would have been sent to a GET is still announced
    elif until_close:
        framing, body, made.until_close = [], _content(rng), True
    line = b"HTTP/1.1 %d %b" % (status, rng.choice((b"OK", b"", b"All right")))
    _add_response(made, [*interim, _join(line, fields + framing, rng) + body])


def _interim(rng: Random) -> bytes:
    return _join(rng.choice((b"HTTP/1.1 100 Continue", b"HTTP/1.1 103 Early Hints")), _some_fields(rng), rng)


def _add_response(made: Conversation, messages: list[bytes]) -> None:
    at = sum(map(len, made.responses))
    for message in messages:
        at += len(message)
        made.endings.append(at)
    made.responses.append(b"".join(messages))


def _last(made: Conversation, rng: Random) -> None:
    ending = rng.randrange(5)
    if ending == 0:
        _exchange(made, rng, until_close=True)
    elif ending == 1:
        made.requests.append(_join(b"CONNECT bank:443 HTTP/1.1", [b"Host: bank:443"], rng))
        _add_response(made, [_join(b"HTTP/1.1 200 Connection established", [], rng)])
    elif ending == 2:
        framing, body = _body(rng, chunks=True, least=1) if rng.random() < 0.3 else ([], b"")
        fields = [b"Connection: Upgrade", b"Upgrade: websocket", *framing]
        made.requests.append(_join(b"GET /live HTTP/1.1", fields, rng) + body)
        fields = [b"Connection: Upgrade", b"Upgrade: websocket"]
        _add_response(made, [_join(b"HTTP/1.1 101 Switching Protocols", fields, rng)])
    if ending in (1, 2):
        made.tunnel = (b"\x81\x00" + _content(rng), b"\x82\x00" + _content(rng))


def _body(rng: Random, *, chunks: bool, least: int) -> tuple[list[bytes], bytes]:
    """Header fields that frame a body, and the body's wire; no fields at all now and then, if `least` is 0."""
    kind = rng.randrange(least and 1, 4)
    content = _content(rng)
    if kind == 0:
        return [], b""
    if kind == 1 and chunks:
        return [rng.choice((b"Transfer-Encoding: chunked", b"TRANSFER-ENCODING:CHUNKED"))], in_chunks(
            content, rng
        )
    if kind == 2:
        content = b""
    return [
        rng.choice((b"Content-Length: %d", b"content-length:%d  ", b"Content-Length: 00%d")) % len(content)
    ], content


def _content(rng: Random) -> bytes:
    return bytes(rng.choices(_TEXT[:-11], k=rng.choice((0, 1, 5, 40, 300))))


def _target(rng: Random) -> bytes:
    return rng.choice((b"/", b"/a/b?c=d&e", b"*", b"http://shop/x", b"/" + b"y" * rng.randrange(200)))


def _some_fields(rng: Random) -> list[bytes]:
    return rng.sample(_FIELDS, rng.randrange(4))


def _join(line: bytes, fields: list[bytes], rng: Random) -> bytes:
    rng.shuffle(fields)
    return b"\r\n".join([line, *fields, b"", b""])
