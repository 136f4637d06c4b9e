r"""Base64 and base64url (RFC 4648): one run, in one line or wrapped (RFC 2045), with or without padding.

A run may begin where no byte tells: behind a `/` or `_` that could belong to it.  So its signs are what digits, JSON and
the beginnings of tokens look like in base64, in each of the three ways in which they can lie in it, and where the groups
of four begin is told by what decodes to text.
"""

import re
from base64 import b64encode
from binascii import a2b_base64
from collections.abc import Iterator
from typing import Final

from sidecar.core.views.signs import DIGITS, either
from sidecar.core.views.view import Sign

_STANDARD: Final = bytes.maketrans(b"-_", b"+/")
_LETTERS: Final = re.compile(rb"[A-Za-z0-9+/_-]+")
_BREAK: Final = re.compile(rb"\r?\n[ \t]{0,8}|\\/|(?:\\r)?\\n")
_BREAK_BEGINS: Final = re.compile(rb"(?:\r|\r?\n[ \t]{0,8}|\\|\\r\\?)\Z")
_BACKWARDS: Final = re.compile(rb"(?:[A-Za-z0-9+_-]|/\\?|[ \t]{0,8}\n\r?|n\\(?:r\\)?)*")
_NO_LETTER: Final = re.compile(rb"\\r|\\n|[^A-Za-z0-9+/_-]")
_SCORED: Final = 32
"""Letters before the end of a sign that tell where the groups of four begin."""
_WORTH: Final = bytes(
    2 if 0x30 <= byte <= 0x39 else byte in (0, *b"\t\r\n", *range(0x20, 0x7F)) for byte in range(256)
)
"""How much a byte looks like text.  Digits count twice: `1111` in base64 is `LLLL` in base64, one letter further."""
_CONTAINERS: Final = (b"H4sI", b"UEsDB", b"JVBERi")
"""gzip, zip and PDF, which begin a run."""

_WORDS: Final = (
    *(
        b"AKIA",
        b"ASIA",
        b"AIza",
        b"ghp_",
        b"gho_",
        b"ghs_",
        b"github_pat_",
        b"glpat-",
        b"sk_live_",
        b"rk_live_",
    ),
    *(b"xoxb-", b"xoxp-", b"npm_", b"pypi-", b"SG.", b"hvs.", b"dop_v1_", b"-----BEGIN", b"eyJ", b"://"),
    *(b"password", b"passwd", b"secret", b"token", b"api_key", b"apikey", b"<?xml", b"card", b"iban"),
    *(b"%%3%b%%3" % digit for digit in DIGITS),  # and another encoding
    *(b"%22%3A", b"%7B%22", b"\\u00", b"&#4", b"&#5", b"&#x3", b"=3D"),
)


def _anywhere(word: bytes) -> Iterator[bytes]:
    """The letters that `word` is certain to have in base64, for each place in a group where it can begin."""
    for before in range(3):
        letters = b64encode(bytes(before) + word)
        certain = letters[-(-8 * before // 6) : 8 * (before + len(word)) // 6]
        if len(certain) >= 4:
            yield certain


def _first_letters(firsts: tuple[bytes, ...]) -> bytes:
    """The three letters with which a group of digits begins: two of these bytes, and one below 0x40."""
    return either(b64encode(first + b"0")[:3] for first in firsts)


_DIGIT_GROUP: Final = rb"[ILMNO][CDSTijyz][AEIMQUYcgk04][gtuw-z0-5]"
"""Three digits, spaces, dashes or dots."""
_WIDE_DIGITS: Final = rb"[gtuw-z0-5]A[CD][AEIMQUYcgk04]A[ILMNO][AQgw]A[gtuw-z0-5]A[CD]"

SIGNS: Final = (
    Sign(
        _first_letters(tuple(first + second for first in DIGITS for second in (*DIGITS, b"-")))
        + rb"[gtuw-z0-5](?:"
        + _DIGIT_GROUP
        + rb"){2}"
    ),
    Sign(_first_letters(tuple(digit + b"\0" for digit in DIGITS)) + _WIDE_DIGITS),
    Sign(rb"(?:Ijo[gibw-z0-5W]|I6[IMNO][CDSTijyz]|iOi[AIJ]|iOj[AEIMQUYcgk])[A-Za-z0-9+/_-]{4}"),
    Sign(either(letters for word in _WORDS for letters in _anywhere(word))),
    # RFC 2045: a body that says so.  A word in it may lie over the end of a line, where no other sign sees it.
    Sign(rb"base64\r?\n(?:[^\r\n]{1,40}\r?\n)?\r?\n[A-Za-z0-9+/]{4}"),
    Sign(either(_CONTAINERS), after=rb"[^A-Za-z0-9+/]"),
)
UNSURE: Final = _DIGIT_GROUP + rb"[ILMNO][CDSTijyz][AEIMQUYcgk04](?:[gtuw-z0-5][A-Za-z0-9+/_-]{0,4})?"


def start(before: bytes) -> int:
    """Where the groups of a run begin that goes on at the end of `before`."""
    found = _BACKWARDS.match(before[::-1])
    first = len(before) - (found.end() if found else 0)
    if before.startswith(_CONTAINERS, first):
        return first
    letters = _NO_LETTER.sub(b"", before[first:]).translate(_STANDARD)
    scores = [_score(letters, shift) for shift in range(4)]
    shift = scores.index(max(scores))
    for _ in range(shift):
        step = _LETTERS.search(before, first)
        first = step.start() + 1 if step else len(before)
    return first


def _score(letters: bytes, shift: int) -> int:
    """How much the end of the letters looks like text if groups begin behind the first `shift`."""
    whole = (len(letters) - shift) // 4 * 4
    return sum(a2b_base64(letters[shift : shift + whole][-_SCORED:]).translate(_WORTH))


class Base64:
    """Reads one run of base64."""

    def __init__(self) -> None:
        self.over: int | None = None
        self._letters = b""
        """Of a group that is not complete."""
        self._rest = b""
        """What could be the beginning of a line's end."""

    @property
    def pending(self) -> int:
        """Bytes that are not decoded yet."""
        return len(self._letters) + len(self._rest)

    def feed(self, piece: bytes) -> bytes:
        """What `piece` decodes to."""
        if self.over is not None:
            self.over += len(piece)
            return b""
        text, self._rest = self._rest + piece, b""
        letters, at = [self._letters], 0
        count = len(self._letters)
        while at < len(text):
            if found := _LETTERS.match(text, at):
                letters.append(found[0])
                count += len(found[0])
            elif _BREAK_BEGINS.match(text, at):
                self._rest = text[at:]
                break
            elif (found := _BREAK.match(text, at)) and (found[0] == b"\\/" or count % 4 == 0):
                if found[0] == b"\\/":
                    letters.append(b"/")
                    count += 1
            else:
                self.over = len(text) - at
                break
            at = found.end()
        return self._decoded(b"".join(letters))

    def end(self) -> bytes:
        """The last group, if it was not padded."""
        return self._last_group()

    def _decoded(self, letters: bytes) -> bytes:
        whole = len(letters) // 4 * 4
        decoded = a2b_base64(letters[:whole].translate(_STANDARD))
        self._letters = letters[whole:]
        return decoded if self.over is None else decoded + self._last_group()

    def _last_group(self) -> bytes:
        letters, self._letters = self._letters.translate(_STANDARD), b""
        return a2b_base64(letters + b"=" * (4 - len(letters))) if len(letters) > 1 else b""
