"""What does a connection speak?  Decided from the first bytes of the client: tls | http1 | opaque | undecided.

Which way this errs: towards `http1`.  HTTP has framing (chunks) that can tear a card number apart, so a stream that an
HTTP server might accept must never be scanned as a plain stream of bytes.  Any first line that mentions a version
`HTTP/` counts as HTTP and must then survive the strict parser.  What is wrongly called HTTP is denied as malformed;
what is wrongly called opaque is still scanned.  A header of the PROXY protocol in front tells nothing about what follows
it, so the answer comes from the bytes behind it.  HTTP/2 without TLS is opaque, whether a client begins with it or
comes to it by an upgrade.  TLS is only believed for a plausible ClientHello (`core.tls`).
"""

import re

from sidecar.core import tls
from sidecar.core.findings import Channel

FIRST_LINE_LIMIT = 16 * 1024
"""A request line longer than this without a line end is judged by its beginning (nginx and Apache allow 8 KiB)."""

_BLANKS = b"\r\n \t\x0b\x0c"
"""What lenient servers skip before a request line and take for the space inside it (RFC 9112 2.2, 3)."""
_METHOD = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_BINARY = re.compile(rb"[^A-Za-z]+[\r \t\x0b\x0c][\x00-\x08\x0e-\x1f]")
"""Looks like a request line up to the first control byte, and is LDAP (a SEQUENCE of 12 bytes, say)."""
_BARE_RETURN = re.compile(rb"HTTP/[^\r\n]*\r[^\n]", re.IGNORECASE)
"""A line end that only some servers believe in: whoever waits for the other kind lets the request pass unread."""
_TARGET = re.compile(rb"[\r \t\x0b\x0c]+(?:/|\*|[A-Za-z][A-Za-z0-9+.-]*://)")


_HTTP2 = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
"""How a client of HTTP/2 begins (RFC 9113 3.4).  To every server of HTTP/1 it is an error, so nothing hides behind it."""

_PROXY1 = b"PROXY "
_PROXY1_LIMIT = 107
_PROXY2 = b"\r\n\r\n\0\r\nQUIT\n"
_PROXY2_FIXED = 16  # signature, version and command, family, length (2)


def prologue(start: bytes) -> int | None:
    """The length of the PROXY protocol header that `start` begins with, 0 for none; None while more bytes could tell.

    HAProxy, "The PROXY protocol", 2.1 and 2.2.
    """
    if _PROXY1.startswith(start[: len(_PROXY1)]):
        end = start.find(b"\r\n", 0, _PROXY1_LIMIT) + 2
        if end < 2 and len(start) < _PROXY1_LIMIT:
            return None
        return end if end >= 2 and b"HTTP/" not in start[:end].upper() else 0
    if _PROXY2.startswith(start[: len(_PROXY2)]):
        end = _PROXY2_FIXED + int.from_bytes(start[14:16])
        return end if len(start) >= max(end, _PROXY2_FIXED) else None
    return 0


def channel(start: bytes) -> Channel:
    """The channel of a client that sent `start` so far; UNDECIDED while more bytes could change the answer.

    An answer only depends on what it took to find it, so that it is the same however the stream was cut.
    """
    header = prologue(start)
    if header is None:
        return Channel.UNDECIDED
    start = start[header:]
    if not start:
        return Channel.UNDECIDED
    hello = tls.is_client_hello(start)
    if hello is not False:
        return Channel.TLS if hello else Channel.UNDECIDED
    if _HTTP2.startswith(start[: len(_HTTP2)]):
        return Channel.OPAQUE if len(start) >= len(_HTTP2) else Channel.UNDECIDED
    line = start.lstrip(_BLANKS)
    if len(start) - len(line) >= FIRST_LINE_LIMIT:
        return Channel.HTTP1
    if not line:
        return Channel.UNDECIDED
    return _by_line(line)


def _by_line(line: bytes) -> Channel:
    """The channel of a client that began with `line`."""
    method = _METHOD.match(line)
    if method is None:
        return Channel.OPAQUE
    behind = line[method.end() : method.end() + 1]
    if (behind and behind not in _BLANKS) or _BINARY.match(line):
        return Channel.OPAQUE  # no method: the beginning of something else
    end = line.find(b"\n", 0, FIRST_LINE_LIMIT)
    if end >= 0:
        return Channel.HTTP1 if b"HTTP/" in line[:end].upper() else Channel.OPAQUE
    if _BARE_RETURN.search(line, 0, FIRST_LINE_LIMIT):
        return Channel.HTTP1
    if len(line) < FIRST_LINE_LIMIT:
        return Channel.UNDECIDED
    return Channel.HTTP1 if _TARGET.match(line, method.end()) else Channel.OPAQUE
