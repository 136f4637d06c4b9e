"""Escapes and encodings of characters: percent, JSON, HTML, quoted-printable, base64, hexadecimal, UTF-16 and 32."""

import base64
import json
import textwrap
from collections.abc import Callable
from functools import partial
from random import Random
from typing import Final
from urllib.parse import quote_plus

from benchmarks.detection.digits import BASE62, text
from benchmarks.detection.encodings.model import MUST, SHOULD, Delivery, Encoding, document, request, sentence
from benchmarks.detection.fillers import fill
from benchmarks.detection.sample import Via

FORM: Final = "application/x-www-form-urlencoded"
JSON: Final = "application/json"


def percent(value: str) -> str:
    """Every byte of it."""
    return "".join(f"%{byte:02X}" for byte in value.encode())


def json_escaped(value: str) -> str:
    """Every character of it."""
    return "".join(f"\\u{ord(char):04x}" for char in value)


def entities(value: str, form: str = "&#{};") -> str:
    """Every character of it; `form` is for the code point."""
    return "".join(form.format(ord(char)) for char in value)


def quoted_printable(value: str) -> str:
    """Every byte of it."""
    return "".join(f"={byte:02X}" for byte in value.encode())


def b64(value: str | bytes) -> str:
    """RFC 4648, 4."""
    return base64.b64encode(value.encode() if isinstance(value, str) else value).decode()


def b64url(value: str | bytes) -> str:
    """RFC 4648, 5, without padding."""
    return b64(value).translate(str.maketrans("+/", "-_")).rstrip("=")


def some(chance: Random, value: str, escape: Callable[[str], str]) -> str:
    """Some characters of it."""
    return "".join(escape(char) if chance.randrange(3) == 0 else char for char in value)


def _in(
    template: str, escape: Callable[[str], str], content_type: str = ""
) -> Callable[[Random, str, str], Delivery]:
    """`$value` escaped in a template."""

    def make(chance: Random, key: str, value: str) -> Delivery:
        made = fill(chance, template, key=key, value=escape(value), word=key.replace("_", " "))
        return Delivery(made.encode(), content_type)

    return make


def _whole(
    escape: Callable[[str], str], content_type: str = "", template: str = "$v"
) -> Callable[[Random, str, str], Delivery]:
    """A whole document, escaped."""

    def make(chance: Random, key: str, value: str) -> Delivery:
        return Delivery(fill(chance, template, v=escape(document(chance, key, value))).encode(), content_type)

    return make


def _some(
    template: str, escape: Callable[[str], str], content_type: str = ""
) -> Callable[[Random, str, str], Delivery]:
    def make(chance: Random, key: str, value: str) -> Delivery:
        return _in(template, lambda plain: some(chance, plain, escape), content_type)(chance, key, value)

    return make


def _url(chance: Random, key: str, value: str) -> Delivery:
    target = fill(chance, "/pay?ref=$id&$key=$value&city=$city", key=key, value=percent(value))
    return Delivery(request(target, method="GET"), via=Via.REQUEST)


def _path(chance: Random, key: str, value: str) -> Delivery:
    target = fill(chance, "/v1/$key/$value/status", key=key, value=quote_plus(value))
    return Delivery(request(target, method="GET"), via=Via.REQUEST)


def _cookie(chance: Random, key: str, value: str) -> Delivery:
    cookie = fill(chance, "Cookie: lang=en; $key=$value; sid=$hex16", key=key, value=quote_plus(value))
    return Delivery(request("/", cookie, method="GET"), via=Via.REQUEST)


def _jwt(chance: Random, key: str, value: str) -> Delivery:
    claims = json.dumps(
        {"sub": str(chance.randrange(10**6)), key: value, "iat": 1_764_000_000}, separators=(",", ":")
    )
    token = (
        f"{b64url(json.dumps({'alg': 'HS256', 'typ': 'JWT'}))}.{b64url(claims)}.{text(chance, BASE62, 43)}"
    )
    return Delivery(request("/me", f"Authorization: Bearer {token}", method="GET"), via=Via.REQUEST)


def _mime(chance: Random, key: str, value: str) -> Delivery:
    body = "\r\n".join(
        textwrap.wrap(
            b64("".join(sentence(chance, key, value) for _ in range(1)) + "Thank you for your order.\n" * 3),
            76,
        )
    )
    head = "From: a@example.org\r\nSubject: order\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    return Delivery((head + body + "\r\n").encode(), "message/rfc822")


def _qp(chance: Random, key: str, value: str) -> Delivery:
    """A soft line break in the middle of the value."""
    middle = len(value) // 2
    made = sentence(chance, key, value[:middle] + "=\r\n" + value[middle:])
    return Delivery(
        (
            "Content-Type: text/plain\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
            + made.replace(":", "=3A")
        ).encode(),
        "message/rfc822",
    )


def _utf(codec: str, mark: bytes = b"", label: str = "") -> Callable[[Random, str, str], Delivery]:
    def make(chance: Random, key: str, value: str) -> Delivery:
        content_type = f"application/json; charset={label}" if label else "text/plain"
        return Delivery(mark + document(chance, key, value).encode(codec), content_type)

    return make


def _nested(chance: Random, key: str, value: str) -> Delivery:
    inner = json.dumps({"log": document(chance, key, value), "n": 1})
    return Delivery(json.dumps({"message": inner}).encode(), JSON)


def _nested_escaped(chance: Random, key: str, value: str) -> Delivery:
    inner = document(chance, key, "@").replace("@", json_escaped(value))
    return Delivery(json.dumps({"message": inner}).encode(), JSON)


_DOCUMENT: Final = '{"order":"$id","$key":"$value","city":"$city"}'
_FORM: Final = "name=$first+$last&$key=$value&amount=$amount"
_PAGE: Final = "<html><body><p>$name</p><dl><dt>$word</dt><dd>$value</dd></dl></body></html>"

ENCODINGS: Final[tuple[Encoding, ...]] = (
    Encoding("percent, all", MUST, _in(_FORM, percent, FORM)),
    Encoding("percent, lower case", MUST, _in(_FORM, lambda value: percent(value).lower(), FORM)),
    Encoding("percent, some", MUST, _some(_FORM, percent, FORM)),
    Encoding("percent, whole", MUST, _whole(percent, template="data=$v", content_type=FORM)),
    Encoding("percent, document", MUST, _whole(quote_plus, template="payload=$v&x=1", content_type=FORM)),
    Encoding("percent, url", MUST, _url),
    Encoding("path", MUST, _path),
    Encoding("cookie", MUST, _cookie),
    Encoding("json \\u, all", MUST, _in(_DOCUMENT, json_escaped, JSON)),
    Encoding(
        "json \\u, capitals",
        MUST,
        _in(_DOCUMENT, lambda value: json_escaped(value).upper().replace("\\U", "\\u"), JSON),
    ),
    Encoding("json \\u, some", MUST, _some(_DOCUMENT, json_escaped, JSON)),
    Encoding("json in json in json", MUST, _nested),
    Encoding("json \\u in json", MUST, _nested_escaped),
    Encoding("base64, value", MUST, _in(_DOCUMENT, b64, JSON)),
    Encoding("base64, document", MUST, _whole(b64, JSON, '{"id":$id,"blob":"$v"}')),
    Encoding("base64, whole body", MUST, _whole(b64, "text/plain")),
    Encoding("base64, in a form", MUST, _whole(lambda value: quote_plus(b64(value)), FORM, "a=$id&data=$v")),
    Encoding("base64, header", MUST, _whole(b64, "", "GET / HTTP/1.1\r\nHost: a\r\nX-Context: $v\r\n\r\n")),
    Encoding(
        "base64, data url", MUST, _whole(b64, "text/html", '<a href="data:application/json;base64,$v">x</a>')
    ),
    Encoding("base64url", MUST, _whole(b64url, JSON, '{"id":$id,"token":"$v"}')),
    Encoding("base64, mime", MUST, _mime),
    Encoding("jwt payload", MUST, _jwt),
    Encoding("html entities, decimal", MUST, _in(_PAGE, entities, "text/html")),
    Encoding("html entities, hex", MUST, _in(_PAGE, partial(entities, form="&#x{:x};"), "text/html")),
    Encoding("html entities, padded", MUST, _in(_PAGE, partial(entities, form="&#{:05d};"), "text/html")),
    Encoding("html entities, some", MUST, _some(_PAGE, entities, "text/html")),
    Encoding(
        "quoted-printable, all",
        MUST,
        _in(
            "Content-Transfer-Encoding: quoted-printable\r\n\r\nThe $word =3D $value.\r\n",
            quoted_printable,
            "message/rfc822",
        ),
    ),
    Encoding("quoted-printable, soft break", MUST, _qp),
    Encoding("utf-16 le, mark", MUST, _utf("utf-16-le", b"\xff\xfe")),
    Encoding("utf-16 be, mark", MUST, _utf("utf-16-be", b"\xfe\xff")),
    Encoding("utf-16 le, label", MUST, _utf("utf-16-le", label="utf-16le")),
    Encoding("utf-16 be, label", MUST, _utf("utf-16-be", label="UTF-16BE")),
    Encoding("utf-16, label and mark", MUST, _utf("utf-16", label="utf-16")),
    Encoding("utf-16 le, bare", MUST, _utf("utf-16-le")),
    Encoding("utf-16 be, bare", MUST, _utf("utf-16-be")),
    Encoding("utf-32 le, mark", MUST, _utf("utf-32-le", b"\xff\xfe\0\0")),
    Encoding("utf-32 be, mark", MUST, _utf("utf-32-be", b"\0\0\xfe\xff")),
    Encoding("utf-32 le, bare", MUST, _utf("utf-32-le")),
    Encoding("utf-32 be, bare", MUST, _utf("utf-32-be")),
    Encoding("utf-8, mark", MUST, _utf("utf-8", b"\xef\xbb\xbf")),
    Encoding("hex, value", SHOULD, _in(_DOCUMENT, lambda value: value.encode().hex(), JSON)),
    Encoding(
        "hex, document", SHOULD, _whole(lambda value: value.encode().hex(), JSON, '{"id":$id,"raw":"$v"}')
    ),
    Encoding(
        "hex, capitals",
        SHOULD,
        _whole(lambda value: value.encode().hex().upper(), "text/plain", "payload=0x$v;"),
    ),
    Encoding(
        "hex, \\x",
        SHOULD,
        _in(
            "INSERT INTO t ($key) VALUES (E'$value');",
            lambda value: "".join(f"\\x{byte:02x}" for byte in value.encode()),
        ),
    ),
    # two layers
    Encoding("base64 of base64", SHOULD, _whole(lambda value: b64(b64(value)), JSON, '{"blob":"$v"}')),
    Encoding("percent of percent", SHOULD, _in(_FORM, lambda value: quote_plus(percent(value)), FORM)),
    Encoding("percent of base64", SHOULD, _whole(lambda value: percent(b64(value)), FORM, "d=$v")),
    Encoding(
        "base64 of json \\u",
        SHOULD,
        lambda chance, key, value: Delivery(
            b64(_in(_DOCUMENT, json_escaped)(chance, key, value).data).encode(), "text/plain"
        ),
    ),
    Encoding(
        "base64 of a form",
        SHOULD,
        lambda chance, key, value: Delivery(
            b'{"f":"' + b64(_in(_FORM, percent)(chance, key, value).data).encode() + b'"}', JSON
        ),
    ),
    Encoding(
        "json \\u of base64", SHOULD, _whole(lambda value: json_escaped(b64(value)), JSON, '{"blob":"$v"}')
    ),
    Encoding("hex of base64", SHOULD, _whole(lambda value: b64(value).encode().hex(), JSON, '{"raw":"$v"}')),
    Encoding("base64 of hex", SHOULD, _whole(lambda value: b64(value.encode().hex()), JSON, '{"raw":"$v"}')),
    Encoding(
        "base64 of utf-16",
        SHOULD,
        _whole(lambda value: b64(value.encode("utf-16-le")), "", "powershell -enc $v"),
    ),
    Encoding(
        "entities of percent",
        SHOULD,
        _in(_PAGE, lambda value: percent(value).replace("%", "&#37;"), "text/html"),
    ),
)
