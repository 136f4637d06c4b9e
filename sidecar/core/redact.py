"""The last net under promise 1: no card number leaves in a line of text, whoever wrote that line.

What belongs here: recognising a primary account number in *any* text and masking it.  What never does:
inspection of traffic (`core`); nothing here decides about a flow.

It errs towards masking: a long number that is none costs a few stars in a log, a card number that is missed
costs the product its point.  So there are none of the doubts of `dlp_patterns.checks.pan`, only issuer,
length and Luhn.
"""

import re
from collections.abc import Iterator

from dlp_patterns.issuers import issuer_of
from dlp_patterns.sums import luhn

# A run of digits as logs and reprs show it: plain, or in groups joined by one space or dash.
_RUN = re.compile(r"[0-9](?:[ -]?[0-9]){12,}")

# ISO/IEC 7812-1 allows up to 19 digits; 12 (some Maestro) is left out, too many other numbers have it.
_LENGTHS = range(13, 20)

# What PCI DSS 3.4.1 lets be shown.
_HEAD, _TAIL = 6, 4


def mask_pans(text: str) -> str:
    """`text` with the middle of every card number in it starred; first six and last four digits stay.

    Separators stay, so the length does not change.  Idempotent.
    """
    return _RUN.sub(_mask_run, text)


def holds_pan(text: str) -> bool:
    """Whether `text` holds a card number that is not masked."""
    return any(True for run in _RUN.finditer(text) for _ in _pans(run.group()))


def _mask_run(run: re.Match[str]) -> str:
    shown = run.group()
    # Where numbers overlap, the middle of each is hidden: whichever of them is the real one, it is not shown.
    hidden = {place for start, end in _pans(shown) for place in range(start + _HEAD, end - _TAIL)}
    if not hidden:
        return shown
    places = (place for place, char in enumerate(shown) if char.isdigit())
    starred = {at for nth, at in enumerate(places) if nth in hidden}
    return "".join("*" if at in starred else char for at, char in enumerate(shown))


def _pans(run: str) -> Iterator[tuple[int, int]]:
    """Every stretch of the run's digits that is a card number, overlapping ones too.

    The whole run is searched, not only its edges: the repr of bytes before a number can end in digits
    (`\\x00`).
    """
    digits = run.replace(" ", "").replace("-", "").encode()
    for start in range(len(digits) - _LENGTHS[0] + 1):
        for length in _LENGTHS:
            number = digits[start : start + length]
            if len(number) == length and luhn.is_valid(number) and issuer_of(number):
                yield start, start + length
