"""Who issues card numbers: prefixes, lengths and how sure a bare number of that shape is.

What belongs here: the issuer table, and the look-up of a number in it.  What never does: checksums,
separators, the text around a number.

Sources: ISO/IEC 7812-1 (the issuer identification number comes first); the schemes' public range
announcements as collected in the table of github.com/braintree/credit-card-type (card-types.ts) and of
Datadog's agent (credit_cards.go); Visa and Mastercard range notices (2-series, 2016).  Dead brands
(enRoute, Switch, Solo, Laser, Bankcard) and domestic
schemes without a check digit are left out on purpose: they add noise and no cards.
"""

from __future__ import annotations

from typing import NamedTuple

from dlp_patterns.model import Evidence


class Issuer(NamedTuple):
    """One row: the numbers whose first digits are `low` to `high` and whose length is listed."""

    brand: str
    low: str
    high: str
    lengths: frozenset[int]
    evidence: Evidence


_FAIR, _WEAK = Evidence.FAIR, Evidence.WEAK

# brand, prefixes ("a-b" is a range, inclusive), lengths that are usual (FAIR), lengths that are rare or
# too common among numbers that are no cards (WEAK).
_TABLE: tuple[tuple[str, str, tuple[int, ...], tuple[int, ...]], ...] = (
    # 13 digits are old Visa cards and many other numbers; 18 and 19 are announced, hardly issued, and
    # snowflake ids.
    ("visa", "4", (16,), (13, 18, 19)),
    ("mastercard", "51-55 2221-2720", (16,), ()),
    ("amex", "34 37", (15,), ()),
    ("discover", "6011 644-649 65", (16,), (19,)),
    ("diners", "300-305 3095 36 38 39", (14,), (16, 19)),
    ("jcb", "3528-3589", (16,), (17, 18, 19)),
    ("jcb", "1800 2131", (15,), ()),
    # 14 and 15 stand in older tables only; 19 is the usual length of debit cards.
    (
        "unionpay",
        "620-626 6270 6272 6276 627700-627779 627781-627799 6282-6289 6291 6292",
        (16, 19),
        (17, 18),
    ),
    ("unionpay", "810-817", (16, 19), (17, 18)),
    # The widest ranges of all, twelve to nineteen digits: a bare number of this shape says little.
    ("maestro", "493698", (), (16, 18, 19)),
    ("maestro", "5018 5020 5038 5893 6304 6759 6761-6763", (), (12, 13, 14, 15, 16, 17, 18, 19)),
    (
        "maestro",
        "500000-504174 504176-506098 506779-508999 56-58 639 67",
        (),
        (12, 13, 14, 15, 16, 17, 18, 19),
    ),
    ("rupay", "508500-508999 606985-607984 608001-608500 652150-653149 817200-820199", (16,), ()),
    ("rupay", "353800 356000-356099 60 81 82", (), (16,)),
    ("mir", "2200-2204", (16,), (17, 18, 19)),
    ("elo", "401178-401179 431274 438935 451416 457393 457631-457632 504175 506699-506778", (16,), ()),
    ("elo", "509000-509999 627780 636297 636368 650031-650033 650035-650051 650405-650439", (16,), ()),
    ("elo", "650485-650538 650541-650598 650700-650718 650720-650727 650901-650978", (16,), ()),
    ("elo", "651652-651679 655000-655019 655021-655058", (16,), ()),
    ("hiper", "637095 637374 637433 637568 637599 637609 637612", (16,), ()),
    ("hipercard", "606282", (16,), ()),
    ("hipercard", "384100 384140 384160", (16,), (19,)),
    ("troy", "9792", (16,), ()),
    ("verve", "506099-506198 507865-507964 650002-650027", (16,), (18, 19)),
    ("dankort", "4571 5019", (16,), ()),
    # Every fifteen-digit number that begins with 1: worth nothing without context.
    ("uatp", "1", (), (15,)),
)


def _rows() -> tuple[Issuer, ...]:
    """The table, one prefix range a row, the most specific prefix first."""
    rows = []
    for brand, prefixes, usual, rare in _TABLE:
        for prefix in prefixes.split():
            low, _, high = prefix.partition("-")
            for lengths, evidence in ((usual, _FAIR), (rare, _WEAK)):
                if lengths:
                    rows.append(Issuer(brand, low, high or low, frozenset(lengths), evidence))
    return tuple(sorted(rows, key=lambda row: -len(row.low)))


ISSUERS = _rows()
"""Every issuer range, the most specific prefix first."""


def _by_first_two() -> dict[str, tuple[Issuer, ...]]:
    """The rows that can matter to a number, by its first two digits; keeps a look-up to a handful of rows."""
    pairs = [f"{number:02}" for number in range(100)]
    return {
        pair: tuple(row for row in ISSUERS if row.low[:2] <= pair[: len(row.low)] <= row.high[:2])
        for pair in pairs
    }


_BY_FIRST_TWO = _by_first_two()


def issuer_of(digits: bytes) -> Issuer | None:
    """The most specific row with the prefix and length of `digits` (ASCII digits), or None."""
    number = digits.decode("ascii", "replace")
    for row in _BY_FIRST_TWO.get(number[:2], ()):
        if len(number) in row.lengths and row.low <= number[: len(row.low)] <= row.high:
            return row
    return None
