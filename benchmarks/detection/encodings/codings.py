"""Content codings and transfer codings: compressed, stacked, chunked."""

import gzip
import zlib
from collections.abc import Callable
from random import Random
from typing import Final

import brotli
import zstandard

from benchmarks.detection.encodings.model import MUST, Delivery, Encoding, page, response
from benchmarks.detection.sample import Via

Coder = Callable[[bytes], bytes]


def gzipped(data: bytes) -> bytes:
    """RFC 1952, the same in every run."""
    return gzip.compress(data, mtime=0)


def raw_deflate(data: bytes) -> bytes:
    """RFC 1951, as some servers understand `deflate`."""
    coder = zlib.compressobj(wbits=-15)
    return coder.compress(data) + coder.flush()


def zstd(data: bytes) -> bytes:
    """RFC 8878."""
    return zstandard.ZstdCompressor().compress(data)


CODERS: Final[dict[str, tuple[str, Coder]]] = {
    "gzip": ("gzip", gzipped),
    "x-gzip": ("x-gzip", gzipped),
    "deflate (zlib)": ("deflate", zlib.compress),
    "deflate (raw)": ("deflate", raw_deflate),
    "br": ("br", lambda data: bytes(brotli.compress(data))),
    "zstd": ("zstd", zstd),
    "gzip, br": ("gzip, br", lambda data: bytes(brotli.compress(gzipped(data)))),
    "deflate, gzip": ("deflate, gzip", lambda data: gzipped(zlib.compress(data))),
    "gzip, gzip": ("gzip, gzip", lambda data: gzipped(gzipped(data))),
    "zstd, br": ("zstd, br", lambda data: bytes(brotli.compress(zstd(data)))),
    "gzip, two members": ("gzip", lambda data: gzipped(data[:90]) + gzipped(data[90:])),
}


def chunked(chance: Random, body: bytes, most: int = 23) -> bytes:
    """RFC 9112, 7.1, in small chunks that cut the value, now and then with an extension."""
    out, at = bytearray(), 0
    while at < len(body):
        size = min(chance.randint(1, most), len(body) - at)
        extension = b";x=1" if chance.randrange(5) == 0 else b""
        out += b"%x%b\r\n%b\r\n" % (size, extension, body[at : at + size])
        at += size
    return bytes(out + b"0\r\n\r\n")


def _read(name: str) -> Encoding:
    label, coder = CODERS[name]

    def make(chance: Random, key: str, value: str) -> Delivery:
        return Delivery(coder(page(chance, key, value).encode()), "application/json", label)

    return Encoding(name, MUST, make)


def _sent(name: str) -> Encoding:
    label, coder = CODERS[name]

    def make(chance: Random, key: str, value: str) -> Delivery:
        body = coder(page(chance, key, value).encode())
        return Delivery(
            response(body, "Content-Type: application/json", f"Content-Encoding: {label}"), via=Via.RESPONSE
        )

    return Encoding(f"http {name}", MUST, make)


def _in_chunks(chance: Random, key: str, value: str) -> Delivery:
    body = chunked(chance, page(chance, key, value).encode())
    return Delivery(
        response(body, "Content-Type: application/json", "Transfer-Encoding: chunked", length=False),
        via=Via.RESPONSE,
    )


def _coded_in_chunks(chance: Random, key: str, value: str) -> Delivery:
    body = chunked(chance, gzipped(page(chance, key, value).encode()), 200)
    headers = ("Content-Type: application/json", "Content-Encoding: gzip", "Transfer-Encoding: chunked")
    return Delivery(response(body, *headers, length=False), via=Via.RESPONSE)


ENCODINGS: Final[tuple[Encoding, ...]] = (
    *(_read(name) for name in CODERS),
    *(_sent(name) for name in ("gzip", "deflate (zlib)", "deflate (raw)", "br", "zstd", "gzip, br")),
    Encoding("http chunked", MUST, _in_chunks),
    Encoding("http chunked gzip", MUST, _coded_in_chunks),
)
