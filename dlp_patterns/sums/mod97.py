"""ISO 7064 mod 97-10: the two check digits of an IBAN (ISO 13616).

What belongs here: the sum.  What never does: countries and lengths, which checks/iban.py knows.
"""

from __future__ import annotations

_VALUE = {byte: b"%d" % int(chr(byte), 36) for byte in b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"}


def remainder(text: bytes) -> int:
    """`text` (0-9 A-Z) read as a number, A = 10 ... Z = 35, modulo 97; -1 if it holds anything else or nothing."""
    try:
        return int(b"".join([_VALUE[byte] for byte in text])) % 97
    except (KeyError, ValueError):
        return -1


def is_valid(iban: bytes) -> bool:
    """Whether the check digits of `iban` (no separators, upper case) hold: 02 to 98, and a remainder of 1."""
    return b"02" <= iban[2:4] <= b"98" and remainder(iban[4:] + iban[:4]) == 1
