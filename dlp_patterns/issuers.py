"""Who issues card numbers: prefixes, lengths and how sure a bare number of that shape is.

What belongs here: the issuer tables, and the look-up of a number in one.  What never does: checksums, separators, the text
around a number.

Two tables.  `BRANDS` are the schemes whose cards are in circulation and have check digits.  `RETIRED` are brands that are
gone, domestic schemes that hardly leave their country or whose ranges others use too, and what only says something to who
asks for it (pack `pci_retired`, off by default).

Sources, by the letter that ends a row:
  i  ISO/IEC 7812-1 (the first digit is the industry) and the scheme's own range announcements: Visa, Mastercard (2-series,
     2016), American Express, Discover (which took over Diners Club), JCB, UnionPay
  b  github.com/braintree/credit-card-type, card-types.ts: prefixes and lengths by scheme
  d  Datadog's agent, credit_cards.go: prefixes and lengths by scheme
  w  the table of issuer identification numbers as Wikipedia had it, kept by iinbase.com and ldapwiki
  g  general knowledge of the scheme, not confirmed in a stored table
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Final, NamedTuple

from dlp_patterns.model import Evidence


class Issuer(NamedTuple):
    """One row: the numbers whose first digits are `low` to `high` and whose length is listed."""

    brand: str
    low: str
    high: str
    lengths: frozenset[int]
    evidence: Evidence
    source: str


_PREFIX: Final = 6
"""Digits of the longest prefix in the tables."""


class Table:
    """Rows, ready for look-ups: for each length the ranges of prefixes in a row, and whose each of them is."""

    def __init__(self, rows: tuple[Issuer, ...]) -> None:
        """`rows`: the most specific prefix first."""
        self._ranges: dict[int, tuple[list[bytes], list[Issuer | None]]] = {}
        for length in {length for row in rows for length in row.lengths}:
            here = [row for row in rows if length in row.lengths]
            begins = sorted({0, *(begin for row in here for begin in _range(row) if begin < 10**_PREFIX)})
            owners = [
                next((row for row in here if _range(row)[0] <= begin < _range(row)[1]), None)
                for begin in begins
            ]
            self._ranges[length] = ([b"%0*d" % (_PREFIX, begin) for begin in begins], owners)

    def owner(self, digits: bytes) -> Issuer | None:
        """The most specific row with the prefix and length of `digits`."""
        ranges = self._ranges.get(len(digits))
        return None if ranges is None else ranges[1][bisect_right(ranges[0], digits[:_PREFIX]) - 1]


def _range(row: Issuer) -> tuple[int, int]:
    """The first prefix of a row, and the first behind it."""
    rest = 10 ** (_PREFIX - len(row.low))
    return int(row.low) * rest, (int(row.high) + 1) * rest


_Row = tuple[str, str, tuple[int, ...], tuple[int, ...], tuple[int, ...], str]
_FROM_13 = (13, 14, 15, 16, 17, 18, 19)

# brand, prefixes ("a-b" is a range, inclusive); then lengths: usual (FAIR), announced but hardly issued (SLIGHT), and those
# that too many other numbers have (WEAK); source.
_BRANDS: tuple[_Row, ...] = (
    # 13 digits are old Visa cards; 18 are snowflake ids.
    ("visa", "4", (16,), (13, 19), (18,), "i b w"),
    ("mastercard", "51-55 2221-2720", (16,), (), (), "i b d"),
    ("amex", "34 37", (15,), (), (), "i b d"),
    ("discover", "6011 644-649 65", (16,), (19,), (), "i b d"),
    ("diners", "300-305 3095 36 38 39", (14,), (16, 19), (), "i b d"),
    ("jcb", "3528-3589", (16,), (17, 18, 19), (), "i b d"),
    ("jcb", "1800 2131", (15,), (), (), "b w"),
    # 622126-622925 are routed by Discover too.  14 and 15 digits stand in older tables only; 19 is usual for debit cards.
    (
        "unionpay",
        "620-626 6270 6272 6276 627700-627779 627781-627799 6282-6289 6291 6292",
        (16, 19),
        (17, 18),
        (),
        "i b",
    ),
    ("unionpay", "810-817", (16, 19), (17, 18), (), "i b"),
    ("maestro", "493698", (), (16, 18, 19), (), "b"),
    ("maestro", "5018 5020 5038 5893 6304 6759 6761-6763", _FROM_13, (), (12,), "b d w"),
    # The widest ranges of all: a bare number of this shape says little.
    (
        "maestro",
        "500000-504174 504176-506098 506779-508999 56-58 639 67",
        (),
        (16,),
        (12, 13, 14, 15, 17, 18, 19),
        "b d",
    ),
    ("rupay", "508500-508999 606985-607984 608001-608500 652150-653149 817200-820199", (16,), (), (), "b w"),
    ("rupay", "353800 356000-356099 60 81 82", (), (16,), (), "w"),
    ("mir", "2200-2204", (16,), (17, 18, 19), (), "b w"),
    (
        "elo",
        "401178-401179 431274 438935 451416 457393 457631-457632 504175 506699-506778",
        (16,),
        (),
        (),
        "b",
    ),
    (
        "elo",
        "509000-509999 627780 636297 636368 650031-650033 650035-650051 650405-650439",
        (16,),
        (),
        (),
        "b",
    ),
    ("elo", "650485-650538 650541-650598 650700-650718 650720-650727 650901-650978", (16,), (), (), "b"),
    ("elo", "651652-651679 655000-655019 655021-655058", (16,), (), (), "b"),
    ("hiper", "637095 637374 637433 637568 637599 637609 637612", (16,), (), (), "b"),
    ("hipercard", "606282", (16,), (), (), "b"),
    ("hipercard", "384100 384140 384160", (16,), (19,), (), "b"),
    ("troy", "9792", (16,), (), (), "w"),
    ("verve", "506099-506198 507865-507964 650002-650027", (16,), (18, 19), (), "g"),
    ("dankort", "4571 5019", (16,), (), (), "w"),
    # Every fifteen-digit number that begins with 1.
    ("uatp", "1", (), (), (15,), "i d"),
)

_RETIRED: tuple[_Row, ...] = (
    ("enroute", "2014 2149", (), (), (15,), "w"),
    ("switch", "4903 4905 4911 4936 564182 633110 6333 6759", (), (), (16, 18, 19), "w"),
    ("solo", "6334 6767", (), (), (16, 18, 19), "w"),
    ("laser", "6304 6706 6709 6771", (), (), (16, 17, 18, 19), "w"),
    ("bankcard", "5610 560221-560225", (), (), (16,), "w"),
    ("unionpay", "62", (), (), (14, 15), "w"),
    ("humo", "9860", (), (), (16,), "g"),
    ("uzcard", "8600 5614", (), (), (16,), "g"),
    ("napas", "9704", (), (), (16, 19), "g"),
    ("lankapay", "357111", (), (), (16,), "g"),
    ("borica", "2205", (), (), (16,), "g"),
)

_UNSUMMED: tuple[_Row, ...] = (("unionpay", "62 810-817", (), (), (16, 17, 18, 19), "w"),)


def _rows(table: tuple[_Row, ...]) -> tuple[Issuer, ...]:
    """One prefix range a row, the most specific first: the longest prefix, of these the narrowest range."""
    rows = []
    for brand, prefixes, usual, rare, common, source in table:
        for prefix in prefixes.split():
            low, _, high = prefix.partition("-")
            by_evidence = ((usual, Evidence.FAIR), (rare, Evidence.SLIGHT), (common, Evidence.WEAK))
            for lengths, evidence in by_evidence:
                if lengths:
                    rows.append(Issuer(brand, low, high or low, frozenset(lengths), evidence, source))
    return tuple(sorted(rows, key=lambda row: (-len(row.low), int(row.high) - int(row.low))))


ISSUERS = _rows(_BRANDS)
"""Every issuer range in use, the most specific prefix first."""

BRANDS: Final = Table(ISSUERS)
"""The brands in use."""
RETIRED: Final = Table(_rows(_RETIRED))
"""Brands that are gone, and domestic schemes: off by default."""
UNSUMMED: Final = Table(_rows(_UNSUMMED))
"""Ranges in which older tables give the numbers no check digit: off by default, and never without a word for it."""


def issuer_of(digits: bytes, table: Table = BRANDS) -> Issuer | None:
    """The most specific row with the prefix and length of `digits` (ASCII digits), or None."""
    return table.owner(digits)
