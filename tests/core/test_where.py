"""Where a value stands, in the words of its format."""

import pytest

from sidecar.core.findings import Part, Place
from sidecar.core.where import where

PLACES: list[tuple[str, Part, bytes, str]] = [
    ("the target of a request", Part.HEAD, b"GET /?card=# HTTP/1.1\r\nA: b\r\n\r\n", "url"),
    ("a header", Part.HEAD, b"GET / HTTP/1.1\r\nA: #\r\n\r\n", "header"),
    ("a status line", Part.HEAD, b"HTTP/1.1 200 #\r\n\r\n", "header"),
    ("a member", Part.BODY, b'{"payment": {"card": "#"}}', "$.payment.card"),
    ("a member of a list", Part.BODY, b'{"a": 1, "cards": [{"x": [1, 2]}, {"pan": #}]}', "$.cards[1].pan"),
    ("the second of two", Part.BODY, b'[1, "#"]', "$[1]"),
    ("braces in strings", Part.BODY, b'{"a{[": "}\\"]", "b": "#"}', "$.b"),
    ("a key that is no word", Part.BODY, b'{"4111 1": {"b": "#"}}', "$.*.b"),
    ("a line of its own", Part.STREAM, b'{"a": 1}\n{"b": "#"}', "$.b"),
    ("no JSON", Part.BODY, b"{hello: #}", "body"),
    ("more ends than beginnings", Part.BODY, b"{}}}#", "body"),
    ("any text", Part.STREAM, b"card #", "stream"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("part", "text", "told"), [row[1:] for row in PLACES], ids=[row[0] for row in PLACES]
)
def test_where(part: Part, text: bytes, told: str) -> None:
    assert where(text, text.index(b"#"), Place(part)) == told
