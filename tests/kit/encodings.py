"""How a value can be hidden in a text, by code that shares nothing with the views that find it again."""

import base64
import json
from collections.abc import Callable, Mapping
from types import MappingProxyType
from urllib.parse import quote, quote_plus

Encoding = Callable[[bytes], bytes]


def _each(form: bytes) -> Encoding:
    return lambda value: b"".join(form % byte for byte in value)


def _one(form: bytes) -> Encoding:
    """Only the sixth byte."""
    return lambda value: value[:5] + form % value[5] + value[6:]


def _document(value: bytes) -> bytes:
    return b'{"id":7,"payment":{"note":"%b","x":[1,2]},"n":"hello world"}' % value


def _percent(value: bytes) -> bytes:
    return _each(b"%%%02X")(value)


def _twice(first: Encoding, second: Encoding) -> Encoding:
    return lambda value: second(first(value))


def _wide(codec: str) -> Encoding:
    return lambda value: _document(value).decode().encode(codec)


def _base64(before: bytes, value: bytes) -> bytes:
    return base64.b64encode(before + value)


ENCODINGS: Mapping[str, tuple[str, Encoding]] = MappingProxyType(
    {
        "percent, every byte": ("percent", _percent),
        "percent, one byte": ("percent", _one(b"%%%02X")),
        "query of a query": ("percent", lambda value: quote('"' + value.decode() + '"', safe="").encode()),
        "percent twice": ("percent+percent", _twice(_percent, _percent)),
        "json escapes": ("json", _each(b"\\u%04x")),
        "one json escape": ("json", _one(b"\\u%04X")),
        "json in json": ("json+json", _each(b"\\\\u%04x")),
        "javascript": ("json", _each(b"\\x%02x")),
        "base64": ("base64", base64.b64encode),
        "base64, one further": ("base64", lambda value: _base64(b" ", value)),
        "base64, two further": ("base64", lambda value: _base64(b"x=", value)),
        "base64url": ("base64", lambda value: base64.urlsafe_b64encode(value).rstrip(b"=")),
        "base64 in a path": ("base64", lambda value: b"/api/v1/" + base64.urlsafe_b64encode(value) + b"/x"),
        "base64 behind an underscore": ("base64", lambda value: b"key_" + base64.b64encode(value)),
        "base64 of json": ("base64", lambda value: base64.b64encode(_document(value))),
        "base64 of json, one further": ("base64", lambda value: _base64(b" ", _document(value))),
        "base64 of json, two further": ("base64", lambda value: _base64(b"  ", _document(value))),
        "base64 of text": (
            "base64",
            lambda value: base64.b64encode(b"the quick brown fox " + value + b" jumps"),
        ),
        "base64 in lines": (
            "base64",
            lambda value: base64.encodebytes(_document(value) * 3).replace(b"\n", b"\r\n"),
        ),
        "base64 in lines in json": (
            "base64",
            lambda value: base64.encodebytes(_document(value)).replace(b"\n", b"\\n").replace(b"/", b"\\/"),
        ),
        "base64 twice": (
            "base64+base64",
            lambda value: base64.b64encode(base64.b64encode(b'{"note":"%b"}' % value)),
        ),
        "base64 of utf-16": (
            "base64+utf-16",
            lambda value: base64.b64encode(value.decode().encode("utf-16-le")),
        ),
        "base64, percent-encoded": ("percent+base64", lambda value: _percent(base64.b64encode(value))),
        "percent-encoded, base64": ("base64+percent", lambda value: base64.b64encode(_percent(value))),
        "decimal references": ("html", _each(b"&#%d;")),
        "hexadecimal references": ("html", _each(b"&#x%x;")),
        "one reference": ("html", _one(b"&#%d;")),
        "quoted-printable": ("qp", _each(b"=%02X")),
        "soft line end": ("qp", lambda value: value[:7] + b"=\r\n" + value[7:]),
        "utf-16": ("utf-16", _wide("utf-16")),
        "utf-16-le": ("utf-16", _wide("utf-16-le")),
        "utf-16-be": ("utf-16", _wide("utf-16-be")),
        "utf-32": ("utf-16", _wide("utf-32")),
        "hexadecimal": ("hex", lambda value: value.hex().encode()),
        "hexadecimal capitals": ("hex", lambda value: value.hex().upper().encode()),
        "hexadecimal of json": ("hex", lambda value: _document(value).hex().encode()),
        "spaced hexadecimal": ("hex", lambda value: value.hex(" ").encode()),
        "array of bytes": ("hex", lambda value: b", ".join(b"0x%02x" % byte for byte in value)),
        "ebcdic 037": ("ebcdic", _wide("cp037")),
        "ebcdic 500": ("ebcdic", lambda value: value.decode().encode("cp500")),
    }
)
"""Name -> (the view that shows it, the encoding)."""

SPACED: Mapping[str, tuple[str, Encoding]] = MappingProxyType(
    {
        "form": ("percent", lambda value: quote_plus(value).encode()),
        "non-breaking spaces": ("html", lambda value: value.replace(b" ", b"&nbsp;")),
        "thin spaces": ("html", lambda value: value.replace(b" ", b"&thinsp;")),
        "escaped non-breaking spaces": (
            "json",
            lambda value: json.dumps(value.decode().replace(" ", "\u00a0")).encode(),
        ),
    }
)
"""Those that need a value with spaces."""
