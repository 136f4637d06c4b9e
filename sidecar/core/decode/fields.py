"""The header fields of HTTP/1.x that decide framing and coding (RFC 9110 8.4, RFC 9112 6).

llhttp has already refused bare CR and LF, folding and spaces before the colon, so "\\r\\nname:" in the lower-case head is
exactly that field.
"""

import re
from dataclasses import dataclass

from sidecar.core.decode.pieces import MalformedError

_LENGTH = re.compile(rb"[0-9]{1,15}")


@dataclass(frozen=True, slots=True)
class Body:
    """What follows a head: `length` bytes, chunks (-1), or everything until close (-2)."""

    length: int
    encoding: bytes = b""


CHUNKED, UNTIL_CLOSE = -1, -2
EMPTY = Body(0)


def _field(lower: bytes, name: bytes) -> bytes | None:
    """The value of the one field `name` (given as b"\\r\\nname:"), None when absent; MalformedError when repeated."""
    at = lower.find(name)
    if at < 0:
        return None
    end = lower.find(b"\r\n", at + 2)
    if lower.find(name, end) >= 0:
        raise MalformedError(f"repeated field {name.strip().decode()}")
    return lower[at + len(name) : end].strip(b" \t")


def plain_length(lower: bytes) -> int | None:
    """Content-Length of a head without any coding; None when absent, -1 when the slow path must look."""
    if b"\r\ntransfer-encoding:" in lower or b"\r\ncontent-encoding:" in lower:
        return -1
    at = lower.find(b"\r\ncontent-length:")
    if at < 0:
        return None
    value = lower[at + 17 : lower.find(b"\r\n", at + 2)].strip(b" \t")
    return int(value) if value.isdigit() and len(value) < 16 else -1


def declared_body(lower: bytes) -> Body | None:
    """The body that the header fields declare; None when they declare none."""
    coding = content_coding(lower)
    transfer = _field(lower, b"\r\ntransfer-encoding:")
    if transfer is not None:
        if lower.startswith(b"http/1.0") or b" http/1.0\r\n" in lower[: lower.find(b"\r\n") + 2]:
            raise MalformedError("Transfer-Encoding in HTTP/1.0")
        *inner, last = (part.strip(b" \t") for part in transfer.split(b","))
        if last != b"chunked" or b"chunked" in inner:
            raise MalformedError("Transfer-Encoding that does not end in chunked")
        return Body(CHUNKED, b",".join([*([coding] if coding else []), *inner]))
    length = _field(lower, b"\r\ncontent-length:")
    if length is None:
        return None
    if _LENGTH.fullmatch(length) is None:
        raise MalformedError("Content-Length")
    return Body(int(length), coding)


def content_coding(lower: bytes) -> bytes:
    """The content coding, b"" for none or identity; several fields are one list (RFC 9110 8.4)."""
    if b"\r\ncontent-encoding:" not in lower:
        return b""
    lines = lower.split(b"\r\n")
    values = (line.partition(b":")[2] for line in lines if line.startswith(b"content-encoding:"))
    codings = (value.strip(b" \t") for line in values for value in line.split(b","))
    return b",".join(coding for coding in codings if coding not in (b"", b"identity"))
