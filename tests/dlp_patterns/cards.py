"""Makes card numbers from issuer ranges: a random body and its check digit.  No number here was ever issued to anybody
on purpose; none is printed by a test."""

from __future__ import annotations

from hypothesis import strategies as st

from dlp_patterns.issuers import ISSUERS, Issuer
from dlp_patterns.sums import luhn


def ranges() -> list[tuple[Issuer, int]]:
    """Every issuer range with every length it has."""
    return [(issuer, length) for issuer in ISSUERS for length in sorted(issuer.lengths)]


@st.composite
def numbers(draw: st.DrawFn, issuer: Issuer, length: int) -> bytes:
    """A number of `issuer` with a valid check digit and at least three different digits."""
    prefix = str(draw(st.integers(int(issuer.low), int(issuer.high)))).zfill(len(issuer.low))
    rest = draw(st.text("0123456789", min_size=length - 1 - len(prefix), max_size=length - 1 - len(prefix)))
    body = (prefix + rest).encode()
    number = body + luhn.check_digit(body)
    return number if len(set(number)) > 2 else body[:-1] + b"7" + luhn.check_digit(body[:-1] + b"7")


def cards() -> st.SearchStrategy[bytes]:
    """A card number of any brand and length."""
    return st.sampled_from(ranges()).flatmap(lambda pair: numbers(*pair))
