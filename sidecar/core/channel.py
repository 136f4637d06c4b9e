"""What does a connection speak?  Decided from the first bytes of the client: tls | http1 | opaque | undecided.

Which way this errs: towards `http1`.  HTTP has framing (chunks) that can tear a card number apart, so a stream that an
HTTP server might accept must never be scanned as a plain stream of bytes.  Any first line that mentions a version
`HTTP/` counts as HTTP and must then survive the strict parser.  What is wrongly called HTTP is denied as malformed;
what is wrongly called opaque is still scanned.  TLS is only believed for a plausible ClientHello (`core.tls`).
"""

from sidecar.core import tls
from sidecar.core.findings import Channel

FIRST_LINE_LIMIT = 16 * 1024
"""A request line longer than this without a line end is judged by its beginning (nginx and Apache allow 8 KiB)."""

_TOKEN = frozenset(b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
_TEXT = bytes(range(0x20, 0x7F)) + bytes(range(0x80, 0x100)) + b"\t\r"


def channel(start: bytes) -> Channel:
    """The channel of a client that sent `start` so far; UNDECIDED while more bytes could change the answer."""
    if not start:
        return Channel.UNDECIDED
    hello = tls.is_client_hello(start)
    if hello is not False:
        return Channel.TLS if hello else Channel.UNDECIDED
    # RFC 9112 2.2: a server should ignore at least one empty line before the request line.
    line = start.lstrip(b"\r\n")
    if not line:
        return Channel.UNDECIDED if len(start) < FIRST_LINE_LIMIT else Channel.OPAQUE
    if line[0] not in _TOKEN:
        return Channel.OPAQUE
    end = line.find(b"\n")
    if end >= 0:
        return Channel.HTTP1 if b"HTTP/" in line[:end].upper() else Channel.OPAQUE
    if line[:FIRST_LINE_LIMIT].translate(None, _TEXT):
        return Channel.OPAQUE  # a control byte: no request line looks like this
    if len(line) < FIRST_LINE_LIMIT:
        return Channel.UNDECIDED
    method, space, _ = line[:64].partition(b" ")
    return Channel.HTTP1 if space and method.isupper() else Channel.OPAQUE
