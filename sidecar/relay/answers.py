"""The HTTP answers we give ourselves: 403 for a blocked request, 502 for a blocked response.

They say what happened and under which incident id, and never what was found (RFC 9110 15.5.4, 15.6.3).
"""

import json

from sidecar.core.inspection import Verdict

_LINES = {403: b"HTTP/1.1 403 Forbidden", 502: b"HTTP/1.1 502 Bad Gateway"}


def answer(status: int, verdict: Verdict, incident: str) -> bytes:
    """A complete response that closes the connection.  `status` is 403 or 502."""
    body = json.dumps(
        {
            "blocked_by": "cdefence",
            "incident": incident,
            "reason": verdict.reason.value,
            "message": verdict.reason.sentence,
            "pattern": verdict.finding.pattern if verdict.finding is not None else None,
        }
    ).encode()
    head = (
        _LINES[status],
        b"Content-Type: application/json",
        b"Content-Length: %d" % (len(body) + 1),
        b"Cache-Control: no-store",
        b"Connection: close",
    )
    return b"\r\n".join(head) + b"\r\n\r\n" + body + b"\n"
