"""The targets: for each decoder, what must be true of whatever it is fed.

The first byte of an input says how the rest is cut: 0 not at all, else into pieces of so many bytes.
"""

import bz2
import gzip
import lzma
import zlib
from base64 import b64encode
from collections.abc import Callable, Iterable

import brotli
import zstandard

from sidecar.core.charset import transcoded
from sidecar.core.decode.content import Inflater
from sidecar.core.decode.http1 import Exchange, RequestReader, ResponseReader
from sidecar.core.decode.pieces import MalformedError, Reader
from sidecar.core.decode.unscannable import (
    CONTAINER_FREE,
    CONTAINER_LIMIT,
    EFFORT_EACH,
    EFFORT_FREE,
    GROWTH_FREE,
    GROWTH_LIMIT,
    UnscannableError,
)
from sidecar.core.scopes import Mode
from sidecar.core.tls import is_server_answer
from sidecar.core.views.containers.opener import Opener
from sidecar.core.views.table import FORMATS, VIEWS
from sidecar.core.views.view import Spec
from tests.kit.engines import flow
from tests.kit.packed import avro, docx, pdf, zip_stream, zipped
from tests.kit.tls import client_hello, server_hello

Target = Callable[[bytes], None]

BLOCK = 4096
WIDEST = 64
"""Times its input: more than any view makes that opens nothing (a column's name stands before each of its values)."""
CUT_MATTERS = {"bzip2", "xz", "pdf_text", "office"}
"""What they show of broken input may depend on the cutting: a library loses the text of the step in which it breaks; and
what a document's text is cut out of is limited in its width."""
OVERSHOOT = 100_000_000
"""Of counted work: what is in hand is finished."""


def cut(data: bytes) -> list[bytes]:
    """The rest of an input, as its first byte says."""
    size, rest = data[:1], data[1:]
    step = size[0] if size and size[0] else max(1, len(rest))
    return [rest[at : at + step] for at in range(0, len(rest), step)]


def _view(spec: Spec) -> Target:
    def target(data: bytes) -> None:
        text = _seen(spec, cut(data))
        if spec.name not in CUT_MATTERS:
            assert text == _seen(spec, [data[1:]])
        came = (len(data) // BLOCK + 1) * BLOCK
        assert len(text) <= (
            CONTAINER_FREE + CONTAINER_LIMIT * came if spec.opens else WIDEST * (len(data) + BLOCK)
        )

    return target


def _seen(spec: Spec, pieces: Iterable[bytes]) -> bytes:
    view, parts = spec.make(), list[bytes]()
    try:
        parts += map(view.feed, pieces)
        parts.append(view.end())
    except UnscannableError:
        return b"".join(parts)
    assert view.pending >= 0
    if isinstance(view, Opener):
        assert all(str(each.error) for each in view.troubles)
    return b"".join(parts)


def _coding(name: bytes) -> Target:
    def target(data: bytes) -> None:
        text = _opened(name, cut(data))
        assert text == _opened(name, [data[1:]])
        assert len(text) <= GROWTH_FREE + GROWTH_LIMIT * (len(data) // BLOCK + 1) * BLOCK

    return target


def _opened(name: bytes, pieces: Iterable[bytes]) -> bytes:
    inflater, parts = Inflater(name), list[bytes]()
    try:
        for piece in pieces:
            for part in inflater.feed(piece):
                parts.append(part)  # one by one: those before the error count
    except UnscannableError:
        pass
    return b"".join(parts)


def _http(make: Callable[[], Reader]) -> Target:
    def target(data: bytes) -> None:
        reader, wire = make(), b""
        try:
            for piece in cut(data):
                wire += b"".join(each.wire for each in reader.feed(piece))
            wire += b"".join(each.wire for each in reader.close())
        except MalformedError:
            assert data[1:].startswith(wire)
        else:
            assert wire == data[1:]

    return target


def _charset(data: bytes) -> None:
    kind, _, text = data.partition(b"\n")
    read = transcoded(text, kind)
    assert read is None or len(read[0]) <= 4 * len(text) + 4


def _tls(data: bytes) -> None:
    assert is_server_answer(data) in (None, True, False)


def _everything(data: bytes) -> None:
    """A whole connection that nothing ends: every view in every other, every limit."""
    one = flow(mode=Mode.MONITOR)
    out = b"".join(one.client.feed(piece).release for piece in cut(data))
    assert out + one.client_close().release == data[1:]
    inspection = one.client.inspection
    assert inspection is None or inspection.effort.spent <= EFFORT_FREE + EFFORT_EACH * len(data) + OVERSHOOT


TARGETS: dict[str, Target] = {
    **{f"coding-{name.decode()}": _coding(name) for name in (b"gzip", b"deflate", b"br", b"zstd")},
    "coding-several": _coding(b"zstd,br,deflate,gzip"),
    **{spec.name: _view(spec) for spec in (*VIEWS, *FORMATS)},
    "http-request": _http(lambda: RequestReader(Exchange())),
    "http-response": _http(lambda: ResponseReader(Exchange())),
    "charset": _charset,
    "tls": _tls,
    "everything": _everything,
}
"""One for each decoder."""

_TEXT = b"card 4111 1111 1111 1112, \xc3\xa9 %34%31 \\u0034 &#52; =34\n" * 3
_PAGE = b"BT 1 0 0 1 72 700 Tm (41) Tj [(1) -20 <3131>] TJ T* (\\061) ' ET"
_POST = b"POST /a?b=%%34 HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%b"
_FILES = (zipped(("a", _TEXT), ("b.zip", zipped(("c", _TEXT)))), zip_stream(("a", _TEXT)), gzip.compress(_TEXT),
          bz2.compress(_TEXT), lzma.compress(_TEXT), avro(_TEXT, b"x"), pdf(_PAGE, _TEXT), pdf(_PAGE, ascii85=True),
          docx(b"41", b"11"))  # fmt: skip
SEEDS: dict[str, tuple[bytes, ...]] = {
    "coding-gzip": (gzip.compress(_TEXT), gzip.compress(b"") * 9),
    "coding-deflate": (zlib.compress(_TEXT), zlib.compress(_TEXT)[2:]),
    "coding-br": (brotli.compress(_TEXT), brotli.compress(_TEXT, lgwin=24)),
    "coding-zstd": (zstandard.compress(_TEXT), bytes.fromhex("28b52ffd209f2100000002636103"),
                    b"\x50\x2a\x4d\x18\x01\x00\x00\x00x" + zstandard.compress(b"")),
    "coding-several": (gzip.compress(zlib.compress(brotli.compress(zstandard.compress(_TEXT)))),),
    "zip": _FILES[:2],
    "gzip": _FILES[2:3],
    "bzip2": _FILES[3:4],
    "xz": _FILES[4:5],
    "avro": _FILES[5:6],
    "pdf": _FILES[6:8],
    "pdf_text": (_PAGE,),
    "office": (b"<w:t>41</w:t></w:r><w:tab/><w:t xml:space='preserve'>11</w:t></w:p><si><r><t>1</t></r></si>",),
    "base64": (b64encode(_TEXT), b"MTIz\r\n  NDU2\\/Nzg5=="),
    "hex": (_TEXT.hex().encode(), b"34 31,0x31:31\r\n 3131"),
    "columns": (b"id,card,cvv\n1,4111111111111111,123\n", b"INSERT INTO a (card, cvv) VALUES ('4', 'x''y');"),
    "utf-16": (_TEXT.decode().encode("utf-16-le"), _TEXT.decode().encode("utf-32-be")),
    "ebcdic": (_TEXT.decode("latin-1").encode("cp500"),),
    "iso8583": (b"0100" + bytes.fromhex("7020000000000000") + b"164111111111111111",),
    "emv": (bytes.fromhex("700a5a084111111111111111"), bytes.fromhex("57134111111111111111d30121010000000000")),
    "http-request": (_POST % (5, b"hello") * 2,
                     b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;x=y\r\nz\r\n0\r\n\r\n"),
    "http-response": (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",),
    "charset": (b"text/plain; charset=utf-16le\na\x00b\x00", b"x\n\xff\xfea\x00"),
    "tls": (server_hello(), client_hello()),
    "everything": tuple(_POST % (len(file), file) for file in (*_FILES, _TEXT)),
}  # fmt: skip
"""Where a run begins: what each target was made for, and what has once been found."""


def seeds(name: str) -> list[bytes]:
    """The inputs that a target begins with: not cut, and byte by byte."""
    return [size + seed for seed in (*SEEDS.get(name, ()), _TEXT) for size in (b"\x00", b"\x01")]
