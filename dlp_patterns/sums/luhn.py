"""The Luhn check digit (ISO/IEC 7812-1 annex B, US patent 2950048), on ASCII digits, by table.

What belongs here: the sum.  What never does: separators, lengths and issuers, which checks/pan.py knows.
"""

from __future__ import annotations

# What the byte "0".."9" adds in an even place from the right: the digit doubled, with its digits added up.
# Every other byte adds nothing, so that no input raises.
_DOUBLED = bytes(sum(divmod(2 * (byte - 48), 10)) if 48 <= byte <= 57 else 0 for byte in range(256))


def is_valid(digits: bytes) -> bool:
    """Whether `digits` (ASCII, no separators) end in their Luhn digit; False for anything else."""
    return digits.isdigit() and _total(digits) % 10 == 0


def check_digit(digits: bytes) -> bytes:
    """The digit that makes `digits` + it valid.  `digits`: ASCII digits without their check digit."""
    return b"%d" % (-_total(digits + b"0") % 10)


def _total(digits: bytes) -> int:
    """The Luhn sum: two slices and two C loops, about 0.3 us for 16 digits."""
    odd = digits[::-2]
    return sum(odd) - 48 * len(odd) + sum(digits[-2::-2].translate(_DOUBLED))
