"""Ways in which a value can cross the wire, and how to read back what has left of it.

Each carrier wraps a text into the complete stream of one direction.  `Carried.text` is the other half: it turns any
released beginning of that stream into the text that a peer could read out of it, by code that shares nothing with the
readers under test.
"""

import gzip
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from random import Random

import brotli
import zstandard

from sidecar.core.findings import Part
from sidecar.core.flow import Flow
from tests.kit.cuts import Outcome, outcome

REQUEST = b"GET /plain HTTP/1.1\r\nHost: shop\r\n\r\n"


@dataclass(frozen=True)
class Carried:
    """A stream with a text in it."""

    wire: bytes
    text: Callable[[bytes], bytes]
    """Released wire -> the text in it so far."""
    part: Part
    asked: bytes = b""
    """The request, if the stream is the server's."""
    linear: bool = True
    """A byte of text is a byte of wire, so it can be masked."""

    def run(self, flow: Flow, pieces: list[bytes]) -> Outcome:
        """What comes of it, cut into these pieces."""
        side, close = flow.client, flow.client_close
        if self.asked:
            flow.client.feed(self.asked)
            side, close = flow.server, flow.server_close
        return outcome(lambda data: side.feed(data), pieces, lambda: close())


def _same(wire: bytes) -> bytes:
    return wire


def _behind(head: bytes, wire: bytes) -> bytes:
    return wire[len(head) :]


def opaque(text: bytes, rng: Random) -> Carried:
    """A protocol that we do not speak."""
    return Carried(
        rng.randbytes(2) + b"\x00\n" + text + b"\n" + rng.randbytes(rng.randrange(90)), _same, Part.STREAM
    )


def _letters(rng: Random, most: int) -> bytes:
    return bytes(rng.choices(b"abc xyz,{}", k=rng.randrange(most)))


def url(text: bytes, rng: Random) -> Carried | None:
    """The target of a request."""
    if any(byte <= 0x20 or byte >= 0x7F for byte in text):
        return None
    return Carried(b"GET /a?q=" + text + b" HTTP/1.1\r\nHost: shop\r\n\r\n", _same, Part.HEAD)


def header(text: bytes, rng: Random) -> Carried | None:
    """A header field."""
    if any(byte < 0x20 or byte == 0x7F for byte in text):
        return None
    wire = b"GET / HTTP/1.1\r\nHost: shop\r\nX-Data: " + text + b"\r\nAccept: */*\r\n\r\n"
    return Carried(wire, _same, Part.HEAD)


def _body(text: bytes, rng: Random) -> bytes:
    return _letters(rng, 60) + b"\n" + text + b"\n" + _letters(rng, 120)


def sized(text: bytes, rng: Random) -> Carried:
    """A body with Content-Length."""
    body = _body(text, rng)
    head = b"POST / HTTP/1.1\r\nHost: shop\r\nContent-Length: %d\r\n\r\n" % len(body)
    return Carried(head + body + REQUEST, partial(_sized_text, head, len(body)), Part.BODY)


def _sized_text(head: bytes, length: int, wire: bytes) -> bytes:
    return wire[len(head) : len(head) + length]


def bare(text: bytes, rng: Random) -> Carried:
    """A body with Content-Length that holds nothing but the text."""
    head = b"POST / HTTP/1.1\r\nHost: shop\r\nContent-Length: %d\r\n\r\n" % len(text)
    return Carried(head + text, partial(_behind, head), Part.BODY)


def chunked(text: bytes, rng: Random) -> Carried:
    """A body in chunks, with extensions and trailers."""
    head = b"POST / HTTP/1.1\r\nHost: shop\r\nTransfer-Encoding: chunked\r\n\r\n"
    return Carried(head + in_chunks(_body(text, rng), rng), partial(_unchunked, head), Part.BODY)


def in_chunks(body: bytes, rng: Random) -> bytes:
    """`body` in chunks of random size; some have extensions, some bodies have trailers."""
    out, at, largest = [], 0, rng.choice((1, 3, 8, 40))
    while at < len(body):
        chunk = body[at : at + rng.randint(1, largest)]
        size = (b"%x", b"%X", b"0%x")[rng.randrange(3)] % len(chunk)
        out += [size, rng.choice((b"", b"", b";a=b", b';q="x y"')), b"\r\n", chunk, b"\r\n"]
        at += len(chunk)
    trailer = rng.choice((b"", b"", b"X-Sum: 1\r\n"))
    return b"".join([*out, rng.choice((b"0", b"000", b"0;last=1")), b"\r\n", trailer, b"\r\n"])


def _unchunked(head: bytes, wire: bytes) -> bytes:
    """The text of a beginning of a chunked body."""
    rest, out = wire[len(head) :], b""
    while b"\r\n" in rest:
        line, _, rest = rest.partition(b"\r\n")
        size = int(line.partition(b";")[0], 16)
        if not size:
            break
        out += rest[:size]
        rest = rest[size + 2 :]
    return out


def response(text: bytes, rng: Random) -> Carried:
    """A response with Content-Length."""
    body = _body(text, rng)
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body)
    return Carried(head + body, partial(_behind, head), Part.BODY, REQUEST)


def until_close(text: bytes, rng: Random) -> Carried:
    """A response that ends with the connection."""
    head = b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\n"
    return Carried(head + _body(text, rng), partial(_behind, head), Part.BODY, REQUEST)


def zipped(text: bytes, rng: Random) -> Carried:
    """A gzip body."""
    body = _zip(_body(text, rng), rng)
    head = b"POST / HTTP/1.1\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body)
    return Carried(head + body, partial(_unzipped, head), Part.BODY, linear=False)


def zipped_chunks(text: bytes, rng: Random) -> Carried:
    """A gzip response in chunks."""
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n"
    wire = head + in_chunks(_zip(_body(text, rng), rng), rng)
    return Carried(wire, lambda out: _unzipped(b"", _unchunked(head, out)), Part.BODY, REQUEST, linear=False)


def squeezed(text: bytes, rng: Random) -> Carried:
    """A brotli or zstd body, or one coding in another."""
    names = rng.choice(([b"br"], [b"zstd"], [b"br", b"zstd"], [b"gzip", b"br"]))
    body = _body(text, rng)
    for name in names:
        body = _PACK[name](body)
    head = b"POST / HTTP/1.1\r\nContent-Encoding: %b\r\nContent-Length: %d\r\n\r\n"
    head %= b", ".join(names), len(body)
    return Carried(head + body, partial(_opened, head, names), Part.BODY, linear=False)


_PACK = {b"br": brotli.compress, b"zstd": zstandard.compress, b"gzip": gzip.compress}


def _opened(head: bytes, names: list[bytes], wire: bytes) -> bytes:
    """The text of a beginning of such a body."""
    out = wire[len(head) :]
    for name in reversed(names):
        if name == b"br":
            out = brotli.Decompressor().process(out)
        elif name == b"zstd":
            out = zstandard.ZstdDecompressor().decompressobj().decompress(out)
        else:
            out = zlib.decompressobj(31).decompress(out)
    return out


def _zip(body: bytes, rng: Random) -> bytes:
    """`body` as gzip, in one member or in two."""
    cut = rng.choice((len(body), rng.randrange(len(body) + 1)))
    return gzip.compress(body[:cut], rng.randrange(10)) + (gzip.compress(body[cut:]) if body[cut:] else b"")


def _unzipped(head: bytes, wire: bytes) -> bytes:
    """The text of a beginning of a gzip body."""
    rest, out = wire[len(head) :], b""
    while rest:
        member = zlib.decompressobj(31)
        out += member.decompress(rest)
        rest = member.unused_data
    return out


CARRIERS: tuple[Callable[[bytes, Random], Carried | None], ...] = (
    opaque,
    url,
    header,
    sized,
    bare,
    chunked,
    response,
    until_close,
    zipped,
    squeezed,
    zipped_chunks,
)
