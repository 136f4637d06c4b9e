"""The character set that a content type declares: texts in which digits are not the bytes of ASCII are read as UTF-8.

What belongs here: which those are, and reading them.  What never does: guessing where nothing is declared (`core.views`).
"""

import re
from typing import Final

_CHARSET: Final = re.compile(rb"charset\s*=\s*[\"']?([A-Za-z0-9_.:-]{1,40})", re.IGNORECASE)

_EBCDIC: Final = ("cp037", "cp273", "cp424", "cp500", "cp875", "cp1026", "cp1140")
_CODECS: Final[dict[str, tuple[str, str]]] = {
    **{f"utf{bits}": (f"utf-{bits}", "") for bits in (16, 32)},
    **{f"utf{bits}{order}": (f"utf-{bits}", order) for bits in (16, 32) for order in ("le", "be")},
    "ucs2": ("utf-16", ""),
    "ucs4": ("utf-32", ""),
    "utf7": ("utf-7", ""),
    **{name: (name, "") for name in _EBCDIC},
    **{f"ibm{name[2:]}": (name, "") for name in _EBCDIC},
    "ebcdiccpus": ("cp037", ""),
}
"""Names without separators, the codec, and the order of bytes if the name says it.  Any other set begins like ASCII."""

_MARKS: Final = {
    "utf-16": {b"\xff\xfe": "le", b"\xfe\xff": "be"},
    "utf-32": {b"\xff\xfe\0\0": "le", b"\0\0\xfe\xff": "be"},
}


def transcoded(text: bytes, content_type: bytes) -> tuple[bytes, str] | None:
    """`text` in UTF-8 and the name of the set it was in; None where its bytes can be read as they are."""
    declared = _CHARSET.search(content_type)
    name = re.sub(r"[^a-z0-9]", "", declared[1].decode().lower()) if declared else ""
    if name not in _CODECS:
        return None
    codec, order = _CODECS[name]
    marks = _MARKS.get(codec, {})
    mark = next((mark for mark in marks if text.startswith(mark)), b"")
    if mark:
        order = marks[mark]  # what is written there is right, whatever the label says
    elif marks and not order:
        order = "be" if _zeros_first(text, codec) else "le"
    spelled = f"{codec}-{order}" if order else codec
    return text[len(mark) :].decode(spelled, "replace").encode("utf-8", "replace"), codec


def _zeros_first(text: bytes, codec: str) -> bool:
    """Whether the zeros of (mostly) ASCII text stand before the other byte of a character, not behind it."""
    width = 2 if codec == "utf-16" else 4
    return text[::width].count(0) > text[width - 1 :: width].count(0)
