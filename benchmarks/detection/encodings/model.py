"""One row: an encoding, how much we promise for it, and how a value is put into it."""

from collections.abc import Callable
from random import Random
from typing import Final, NamedTuple

from benchmarks.detection.fillers import fill
from benchmarks.detection.sample import Via

MUST: Final = "must"
SHOULD: Final = "should"
ISO8583_PORT: Final = 5000
EMV_PORT: Final = 5001
EBCDIC_PORT: Final = 5002
"""Ports that a policy would declare for these."""


class Delivery(NamedTuple):
    """Bytes, and what is said about them."""

    data: bytes
    content_type: str = ""
    content_encoding: str = ""
    via: Via = Via.READ
    port: int = 8080


class Encoding(NamedTuple):
    """One row."""

    name: str
    tier: str
    make: Callable[[Random, str, str], Delivery]
    """From chance, the field's name and the value."""
    numbers: bool = False
    """Holds digits only: not for accounts and secrets."""


def document(chance: Random, key: str, value: str) -> str:
    """A JSON document with the value in a field of its name."""
    return fill(
        chance,
        '{"order":"$id","customer":"$name","$key":"$value","amount":$amount,"note":"$city"}',
        key=key,
        value=value,
    )


def sentence(chance: Random, key: str, value: str) -> str:
    """The same in words."""
    return fill(
        chance,
        "Order $id by $name from $city: the $word is $value, amount $amount.\n",
        word=key.replace("_", " "),
        value=value,
    )


def page(chance: Random, key: str, value: str) -> str:
    """The same, long enough that a coder compresses."""
    rows = "".join(fill(chance, '{"sku":"$caps-$n3","title":"$goods","price":$price},') for _ in range(12))
    return document(chance, key, value)[:-1] + f',"lines":[{rows[:-1]}]}}'


def response(body: bytes, *headers: str, length: bool = True) -> bytes:
    """An HTTP/1 response."""
    lines = [
        "HTTP/1.1 200 OK",
        "Server: api",
        *headers,
        *([f"Content-Length: {len(body)}"] if length else []),
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def request(target: str, *headers: str, body: bytes = b"", method: str = "POST") -> bytes:
    """An HTTP/1 request."""
    lines = [f"{method} {target} HTTP/1.1", "Host: api.internal", *headers]
    if body or method == "POST":
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body
