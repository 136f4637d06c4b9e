"""Card numbers: every brand and length of our table, and every way to write one; and the sensitive data of a card."""

from collections.abc import Iterator
from random import Random
from typing import Final, NamedTuple

from benchmarks.detection.digits import HEX, LETTERS, digits, luhn, with_luhn
from dlp_patterns.issuers import ISSUERS, Issuer, issuer_of
from dlp_patterns.model import Evidence
from dlp_patterns.published import TEST_NUMBERS

NBSP, THIN, ZERO_WIDTH = "\u00a0", "\u2009", "\u200b"
SEPARATORS: Final = {
    "none": "",
    "space": " ",
    "dash": "-",
    "dot": ".",
    "nbsp": NBSP,
    "thin": THIN,
    "zero-width": ZERO_WIDTH,
    "line break": "\n",
}
GROUPS: Final = {14: (4, 6, 4), 15: (4, 6, 5), 19: (4, 4, 4, 4, 3)}
PRINTED: Final = frozenset((14, 15, 16, 19))
"""Lengths that are printed in groups."""
MADE_FOR: Final = 400
"""Draws before a shape is given up: one in ten of random numbers passes a check digit."""


class Card(NamedTuple):
    """A number as it is written."""

    text: str
    number: str
    brand: str
    separator: str
    common: bool
    """The length is a usual one of the brand: such a number counts without any word near it."""


def number(chance: Random, row: Issuer, length: int) -> str:
    """A number of an issuer's range that is no published test number, and that looks like one that was issued."""
    for _ in range(MADE_FOR):
        prefix = str(chance.randint(int(row.low), int(row.high))).zfill(len(row.low))
        made = with_luhn(prefix + digits(chance, length - len(prefix) - 1))
        owner = issuer_of(made.encode())
        if made.encode() not in TEST_NUMBERS and owner is not None and len(set(made)) > 4:
            return made
    raise RuntimeError(f"no number of {row.brand} with {length} digits")


def grouped(made: str, separator: str, at: int = -1) -> str:
    """`made` as printed on a card; with a line break only one of the gaps is one (the `at`-th)."""
    groups = list(_groups(made))
    if separator == "\n":
        at %= len(groups) - 1
        return " ".join(groups[: at + 1]) + "\n" + " ".join(groups[at + 1 :])
    return separator.join(groups)


def _groups(made: str) -> Iterator[str]:
    at = 0
    for size in GROUPS.get(len(made), (4,) * 5):
        if made[at : at + size]:
            yield made[at : at + size]
        at += size


def shapes(prefix_rows: bool = False) -> list[tuple[Issuer, int]]:
    """Every brand with every length of its, one row each (or each prefix range)."""
    seen, out = set(), []
    for row in ISSUERS:
        for length in sorted(row.lengths):
            key = (row.brand, row.low if prefix_rows else "", length, row.evidence)
            if key not in seen:
                seen.add(key)
                out.append((row, length))
    return out


def card(chance: Random, row: Issuer, length: int, separator: str) -> Card:
    """One card number in one way of writing."""
    rows = [each for each in ISSUERS if each.brand == row.brand and length in each.lengths]
    made = number(chance, chance.choice(rows), length)
    owner = issuer_of(made.encode())
    common = owner is not None and owner.evidence is not Evidence.WEAK
    return Card(grouped(made, SEPARATORS[separator], chance.randrange(3)), made, row.brand, separator, common)


def any_card(chance: Random, separator: str = "none") -> Card:
    """A number of a usual length of a big brand."""
    brands = ("visa", "mastercard", "amex", "discover", "diners", "jcb", "unionpay", "mir")
    rows = [row for row in ISSUERS if row.brand in brands and row.evidence is not Evidence.WEAK]
    row = chance.choice([row for row in rows if row.lengths & PRINTED])
    return card(chance, row, min(row.lengths & PRINTED), separator)


def expiry(chance: Random, form: str = "yymm") -> str:
    """A date to come, as stripes and prints have it."""
    year, month = chance.randint(27, 33), chance.randint(1, 12)
    return {"yymm": f"{year}{month:02}", "mm/yy": f"{month:02}/{year}", "mmyy": f"{month:02}{year}"}[form]


def track1(chance: Random) -> str:
    """ISO/IEC 7813, track 1, format B."""
    name = (
        f"{chance.choice(('MEIER', 'OKAFOR', 'LINDQVIST', 'TANAKA'))}/{chance.choice(('ANNA', 'BO', 'KEMI'))}"
    )
    service = chance.choice(("101", "201", "121", "221"))
    return f"%B{any_card(chance).number}^{name:<26}^{expiry(chance)}{service}{digits(chance, 13)}?"


def track2(chance: Random, form: str = ";=?") -> str:
    """ISO/IEC 7813, track 2: with sentinels, bare, or as EMV tag 57 has it (`D`)."""
    service = chance.choice(("101", "201", "121", "221"))
    rest = f"{expiry(chance)}{service}{digits(chance, chance.randint(8, 13))}"
    made = number(chance, visa(), 16)
    return {";=?": f";{made}={rest}?", "=": f"{made}={rest}", "D": f"{made}D{rest}"}[form]


def visa() -> Issuer:
    """The row of the brand that everybody knows."""
    return next(row for row in ISSUERS if row.brand == "visa" and 16 in row.lengths)


def pin_block(chance: Random) -> str:
    """An encrypted block: sixteen hexadecimal digits, some of them letters."""
    return "".join(chance.choices(HEX.upper(), k=14)) + chance.choice(LETTERS[:6]) + digits(chance, 1)


def looks_issued(made: str) -> bool:
    """Whether anything that reads `made` alone could take it for a card: check digit and issuer."""
    return made.isdigit() and luhn(made) and issuer_of(made.encode()) is not None
