"""The path that a request asks for, as far as nobody could read it differently.

What belongs here: request line to path (RFC 9112 3.2).  What never does: what a path means (`core.allowances`).

A path names what is *not* looked at, so it errs towards none: what is escaped, has dot segments, empty segments or
parameters is resolved by each server in its own way, and has no path here.
"""

import re
from typing import Final

_LINE: Final = re.compile(
    rb"[A-Z]{1,20} (?:https?://[A-Za-z0-9.:\[\]-]{1,255})?(/[^ ?#]{0,1024})[^ ]* HTTP/1\.[01]\r?\n"
)
_PLAIN: Final = re.compile(rb"(?:/[A-Za-z0-9_~!$&'()*+,=:@.-]+)*/?")
_DOTS: Final = re.compile(rb"/\.{1,2}(?:/|\Z)")


def path_of(head: bytes) -> str:
    """The path of a request's head; empty where it is not plain."""
    line = _LINE.match(head.lstrip(b"\r\n"))
    if line is None or not _PLAIN.fullmatch(line[1]) or _DOTS.search(line[1]):
        return ""
    return line[1].decode("ascii")
