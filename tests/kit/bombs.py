"""Bombs: few bytes on the wire that make much of themselves, or much work; each is what one client sends on one connection.

What belongs here: the bytes.  What never does: what must become of them (`tests.core.test_bombs`), what they cost here
(`benchmarks.bombs`).
"""

import bz2
import gzip
import lzma
import zlib
from base64 import b64encode
from collections.abc import Callable, Iterator
from functools import cache
from random import Random

import brotli
import zstandard

from dlp_patterns.sums import luhn
from tests.kit.packed import avro, pdf, zipped

ZEROS = bytes(20_000_000)


def post(body: bytes, coding: bytes = b"") -> bytes:
    """A request with this body."""
    coded = b"Content-Encoding: %b\r\n" % coding if coding else b""
    return b"POST /up HTTP/1.1\r\nHost: shop\r\n%bContent-Length: %d\r\n\r\n" % (coded, len(body)) + body


@cache
def cards(count: int) -> bytes:
    """Numbers with a check digit, a line each."""
    bodies = (b"4%014d" % (at * 7_654_321) for at in range(count))
    return b"\n".join(
        next(body + b"%d" % last for last in range(10) if luhn.is_valid(body + b"%d" % last))
        for body in bodies
    )


@cache
def ids(count: int) -> bytes:
    """Numbers as long as cards, a line each: few of them are one."""
    return b"\n".join(b"%d" % (4 * 10**15 + at * 1_234_567) for at in range(count))


@cache
def groups(count: int) -> bytes:
    """Numbers of four digits, as many lines of cards as they could be printed on: what takes longest to look at."""
    return b" ".join(b"%04d" % (at * 7919 % 10_000) for at in range(count * 4))


@cache
def noise(size: int) -> bytes:
    """Bytes without an order."""
    return Random(2).randbytes(size)


def thinned(size: int) -> bytes:
    """Zeros with so much noise among them that they are compressed a hundredfold."""
    noise = Random(1)
    return b"".join(bytes(2000) + noise.randbytes(17) for _ in range(size // 2017))


@cache
def secrets(count: int) -> bytes:
    """Mail addresses and tokens, a line each."""
    return b"\n".join(
        b"user%d@example.com token=abcdef%d password=hunter%d" % (at, at, at) for at in range(count)
    )


def nested(encode: Callable[[bytes], bytes], text: bytes, times: int) -> bytes:
    """`text` in an encoding in itself."""
    for _ in range(times):
        text = encode(text)
    return text


def percent(text: bytes) -> bytes:
    """Every byte as an escape."""
    return b"".join(b"%%%02X" % byte for byte in text)


def escaped(text: bytes) -> bytes:
    """Every byte as a JSON escape."""
    return b"".join(b"\\u%04x" % byte for byte in text)


def _br(text: bytes) -> bytes:
    return brotli.compress(text, quality=5)


_zstd = zstandard.ZstdCompressor(level=19).compress


def _coded() -> Iterator[tuple[str, bytes]]:
    for name, pack in (("gzip", gzip.compress), ("deflate", zlib.compress), ("br", _br), ("zstd", _zstd)):
        coding = name.encode()
        yield f"{name}: zeros", post(pack(ZEROS), coding)
        yield f"{name}: cards", post(pack(cards(900) * 40), coding)
        yield f"{name}: ids", post(pack(ids(900) * 60), coding)
        yield f"{name}: %2534", post(pack(b"%2534" * 900_000), coding)
        yield f"{name}: groups of four", post(pack(groups(900) * 60), coding)
    yield (
        "gzip: zeros, thinned to just below the limit of growth",
        post(gzip.compress(thinned(20_000_000)), b"gzip"),
    )
    yield "gzip,gzip: zeros", post(gzip.compress(gzip.compress(ZEROS)), b"gzip,gzip")
    yield (
        "zstd,br,deflate,gzip: zeros",
        post(gzip.compress(zlib.compress(_br(_zstd(ZEROS)))), b"zstd,br,deflate,gzip"),
    )
    yield "gzip: 40 bodies of 900 KB of ids", post(gzip.compress(ids(900) * 60), b"gzip") * 40
    yield "br: 40 bodies of 900 KB of zeros", post(_br(bytes(900_000)), b"br") * 40


def _containers() -> Iterator[tuple[str, bytes]]:
    texts = {
        "zeros": ZEROS,
        "cards": cards(900) * 40,
        "ids": ids(900) * 60,
        "many ids": ids(60_000),
        "lines of secrets": secrets(900) * 20,
        "%2534": b"%2534" * 900_000,
        "base64 of base64": nested(b64encode, cards(900) * 10, 2),
        "<w:t>": b"<w:t>4111</w:t>" * 100_000,
    }
    packs: dict[str, Callable[[bytes], bytes]] = {
        "zip": lambda text: zipped(("a", text)),
        "gzip file": gzip.compress,
        "bzip2": bz2.compress,
        "xz": lzma.compress,
        "xz -9": lambda text: lzma.compress(text, preset=9),
        "avro": avro,
        "pdf": pdf,
    }
    for pack, packed in packs.items():
        for name, text in texts.items():
            if pack in ("zip", "xz") or name in ("zeros", "ids"):
                yield f"{pack}: {name}", post(packed(text))
    yield "pdf: an operation a digit", post(pdf(b"(1)Tj" * 200_000))
    yield "pdf: cards", post(pdf(b"".join(b"(%b)Tj\n" % card for card in cards(900).split()) * 9))
    yield (
        "zip: 30 zips of zeros",
        post(zipped(*((f"{at}.zip", zipped(("a", bytes(3_000_000)))) for at in range(30)))),
    )
    yield (
        "zip: 30 zips of ids",
        post(zipped(*((f"{at}.zip", zipped(("a", ids(900) * 30))) for at in range(30)))),
    )
    small = zipped(("a", ids(300) * 60))
    yield "40 small zips", post(small) * 40
    yield "40 small zips in one body", post(small * 40)
    for name, pack in (("bzip2", bz2.compress), ("xz", lzma.compress)):
        yield f"40 times {name} of zeros", post(pack(bytes(600_000))) * 40
        yield f"40 times {name} of noise in it twenty times", post(pack(noise(20_000) * 20)) * 40
    yield "40 small zips of zeros", post(zipped(("a", bytes(500_000)))) * 40
    yield "zip: 2,000 members", post(zipped(*((f"{at}", b"4111 %d" % at) for at in range(2000))))


def _views() -> Iterator[tuple[str, bytes]]:
    yield "percent in percent in percent", post(nested(percent, cards(40), 3))
    yield "%25 nests", post(b"%25" * 20_000 + b"34")
    yield "%2534", post(b"%2534" * 20_000)
    yield "%252534", post(b"%252534" * 20_000)
    yield "%25 through three views", post(b"%25253431" * 12_000)
    yield "json in json", post(nested(escaped, cards(40), 2))
    yield "base64, three times", post(nested(b64encode, cards(900), 3))
    yield "hex, twice", post(nested(lambda text: text.hex().encode(), cards(900), 2))
    yield "every sign", post(b"%2534 \\u0034 &#52; =34 MTIzNDU2Nzg5 343536373839 " * 2000)
    yield (
        "gzip: every sign",
        post(gzip.compress(b"%2534 \\u0034 &#52; =34 MTIzNDU2Nzg5 343536373839 " * 20000), b"gzip"),
    )


MAKERS: tuple[Callable[[], Iterator[tuple[str, bytes]]], ...] = (_coded, _containers, _views)


@cache
def bombs() -> dict[str, bytes]:
    """Every one, by name."""
    return {name: wire for make in MAKERS for name, wire in make()}
