"""Where in a text a value stands, in the words of its format: `url`, `header`, `$.payment.card`.

What never belongs here: which text it is of a stream (`findings.Place`).  It is asked for what is found, so it may cost.
"""

import re
from typing import Final

from sidecar.core.findings import Part, Place

_TOKEN: Final = re.compile(rb'"(?:[^"\\]|\\.)*"?|[{}\[\],:]', re.DOTALL)
_JSON: Final = re.compile(rb"\s*[{\[]")
_LIMIT: Final = 1024 * 1024
"""Values further into a text are told without their path."""
_LONGEST: Final = 200
_PLAIN_KEY: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,40}")
_NAMES: Final = {Part.HEAD: "header", Part.BODY: "body", Part.FRAMING: "trailer", Part.STREAM: "stream"}


def where(text: bytes, start: int, place: Place) -> str:
    """Where the value at `start` of a complete text stands."""
    if place.part is Part.HEAD:
        end = text.find(b"\n")
        return "url" if 0 <= start < end and not text.startswith(b"HTTP/") else "header"
    if place.part in (Part.BODY, Part.STREAM) and start < _LIMIT and _JSON.match(text):
        return path(text, start) or roughly(place)
    return roughly(place)


def roughly(place: Place) -> str:
    """The same for a text of which not everything is known."""
    return _NAMES[place.part]


def path(text: bytes, start: int) -> str:
    """The JSON path of what stands at `start`; empty where the text is no JSON up to there."""
    steps: list[bytes | int] = []
    last: bytes | None = None
    for token in _TOKEN.finditer(text, 0, start):
        match token[0][:1]:
            case b'"':
                last = token[0]
            case b":":
                if not steps or last is None:
                    return ""
                steps[-1], last = last, None
            case b"{":
                steps.append(b"")
            case b"[":
                steps.append(0)
            case b"}" | b"]":
                if not steps:
                    return ""
                steps.pop()
            case _:
                if steps and isinstance(steps[-1], int):
                    steps[-1] += 1
    return ("$" + "".join(map(_step, steps)))[:_LONGEST]


def _step(step: bytes | int) -> str:
    """One step; a key that could itself be a value is not shown."""
    if isinstance(step, int):
        return f"[{step}]"
    name = step.strip(b'"').decode("utf-8", "replace")
    return f".{name}" if _PLAIN_KEY.fullmatch(name) else ".*"
