"""What does a connection speak?  Decided from the first bytes of the client: tls | http1 | opaque | undecided.

Which way this errs: towards `http1`.  HTTP has framing (chunks) that can tear a card number apart, so a stream that an
HTTP server might accept must never be scanned as a plain stream of bytes.  Any first line that mentions a version
`HTTP/` counts as HTTP and must then survive the strict parser.  What is wrongly called HTTP is denied as malformed;
what is wrongly called opaque is still scanned.  TLS is only believed for a plausible ClientHello (`core.tls`).
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
_TARGET = re.compile(rb"[\r \t\x0b\x0c]+(?:/|\*|[A-Za-z][A-Za-z0-9+.-]*://)")


def channel(start: bytes) -> Channel:
    """The channel of a client that sent `start` so far; UNDECIDED while more bytes could change the answer.

    An answer only depends on what it took to find it, so that it is the same however the stream was cut.
    """
    if not start:
        return Channel.UNDECIDED
    hello = tls.is_client_hello(start)
    if hello is not False:
        return Channel.TLS if hello else Channel.UNDECIDED
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
    if len(line) < FIRST_LINE_LIMIT:
        return Channel.UNDECIDED
    return Channel.HTTP1 if _TARGET.match(line, method.end()) else Channel.OPAQUE
