"""International bank account numbers: country, length, structure and mod 97.

What belongs here: the rules of ISO 13616.  What never does: the sum itself (sums/mod97.py), national check
digits.
The structure of a country ends the number: the expression runs on into a following word, the check cuts it
there.
"""

from __future__ import annotations

import re

from dlp_patterns.model import Confirmed, Evidence
from dlp_patterns.neighbours import counted
from dlp_patterns.sums import mod97

# Source: SWIFT IBAN registry, column "BBAN structure": n digits, a upper case letters, c both.
_STRUCTURES = """
AD 8n12c     AE 19n       AL 8n16c     AT 16n       AZ 4a20c     BA 16n       BE 12n       BG 4a6n8c
BH 4a14c     BI 23n       BR 23n1a1c   BY 4c4n16c   CH 5n12c     CR 18n       CY 8n16c     CZ 20n
DE 18n       DJ 23n       DK 14n       DO 4c20n     EE 16n       EG 25n       ES 20n       FI 14n
FK 2a12n     FO 14n       FR 10n11c2n  GB 4a14n     GE 2a16n     GI 4a15c     GL 14n       GR 7n16c
GT 4c20c     HN 4a20n     HR 17n       HU 24n       IE 4a14n     IL 19n       IQ 4a15n     IS 22n
IT 1a10n12c  JO 4a4n18c   KW 4a22c     KZ 3n13c     LB 4n20c     LC 4a24c     LI 5n12c     LT 16n
LU 3n13c     LV 4a13c     LY 21n       MC 10n11c2n  MD 2c18c     ME 18n       MK 3n10c2n   MN 16n
MR 23n       MT 4a5n18c   MU 4a19n3a   NI 4a20n     NL 4a10n     NO 11n       OM 3n16c     PK 4a16c
PL 24n       PS 4a21c     PT 21n       QA 4a21c     RO 4a16c     RS 18n       RU 14n15c    SA 2n18c
SC 4a20n3a   SD 14n       SE 20n       SI 15n       SK 20n       SM 1a10n12c  SO 19n       ST 21n
SV 4a20n     TL 19n       TN 20n       TR 6n16c     UA 6n19c     VA 18n       VG 4a16n     XK 16n
YE 4a4n18c
"""
_CLASS = {"n": "[0-9]", "a": "[A-Z]", "c": "[0-9A-Z]"}
_PART = re.compile(r"([0-9]+)([nac])")
_PLACES = frozenset(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
"""All else is a separator: which ones there may be, the expressions know."""

_LABELLED = re.compile(rb"(?<![0-9A-Za-z])[A-Za-z]{2}[0-9]{2}")


def _expressions() -> dict[bytes, tuple[int, re.Pattern[bytes]]]:
    """The table as country -> (length with country and check digits, expression of the compact form)."""
    words = _STRUCTURES.split()
    table = {}
    for country, structure in zip(words[::2], words[1::2], strict=True):
        parts = _PART.findall(structure)
        body = "".join(f"{_CLASS[kind]}{{{count}}}" for count, kind in parts)
        length = 4 + sum(int(count) for count, _ in parts)
        table[country.encode()] = (length, re.compile(f"{country}[0-9]{{2}}{body}".encode()))
    return table


COUNTRIES = _expressions()
"""Country code -> (length, expression)."""


def check(window: bytes, start: int, end: int) -> Confirmed | None:
    """The account number at the beginning of window[start:end], or behind a word there, if its check digits hold."""
    if window[start : start + 2] in COUNTRIES:
        return _account(window, start, end)
    found = _LABELLED.search(window, start, end)
    return _account(window, found.start(), end) if found else None


def _account(window: bytes, start: int, end: int) -> Confirmed | None:
    length, structure = COUNTRIES.get(window[start : start + 2].upper(), (0, None))
    places = [at for at in range(start, end) if window[at] in _PLACES][:length]
    if structure is None or len(places) < length:
        return None
    stop = places[-1] + 1
    if stop < len(window) and window[stop] in _PLACES and counted(window, start) != stop - start:
        return None
    compact = bytes(window[at] for at in places).upper()
    if not structure.fullmatch(compact) or not mod97.is_valid(compact):
        return None
    return Confirmed(start, stop, compact[:2].decode(), Evidence.STRONG)
