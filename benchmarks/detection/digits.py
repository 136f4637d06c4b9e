"""Random digits and the check digit of ISO/IEC 7812; independent of the product's own, which they are to judge."""

from random import Random
from typing import Final

LETTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
HEX: Final = "0123456789abcdef"
BASE62: Final = "0123456789" + LETTERS + LETTERS.lower()


def digits(chance: Random, count: int) -> str:
    """`count` random digits."""
    return "".join(chance.choices("0123456789", k=count))


def text(chance: Random, alphabet: str, count: int) -> str:
    """`count` random characters."""
    return "".join(chance.choices(alphabet, k=count))


def luhn(number: str) -> bool:
    """Whether the last digit is the check digit of ISO/IEC 7812-1, annex B."""
    total = 0
    for at, char in enumerate(reversed(number)):
        digit = int(char) * (2 if at % 2 else 1)
        total += digit - 9 if digit > 9 else digit
    return total % 10 == 0


def with_luhn(body: str) -> str:
    """`body` and its check digit."""
    return next(body + char for char in "0123456789" if luhn(body + char))


def broken(number: str, chance: Random) -> str:
    """`number`, whose last digit is its check digit, with another last digit.  Separators stay."""
    return number[:-1] + chance.choice([char for char in "0123456789" if char != number[-1]])
