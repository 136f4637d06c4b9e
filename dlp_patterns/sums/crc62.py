"""CRC32 in base 62: the last six characters of GitHub's and npm's tokens.

What belongs here: the sum.  What never does: prefixes and lengths, which the patterns know.
Source: GitHub engineering, "Behind GitHub's new authentication token formats" (2021): the last six
characters of a token are a CRC32 of the rest, in base 62 with leading zeros.  The alphabet is 0-9 A-Z a-z,
the prefix is not summed.
"""

from __future__ import annotations

import zlib

ALPHABET = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
LENGTH = 6


def checksum(body: bytes, alphabet: bytes = ALPHABET, length: int = LENGTH) -> bytes:
    """The characters that belong to `body`; other issuers write the same sum in another alphabet and length."""
    rest, out = zlib.crc32(body), bytearray()
    for _ in range(length):
        rest, digit = divmod(rest, len(alphabet))
        out.append(alphabet[digit])
    return bytes(reversed(out))


def is_valid(text: bytes) -> bool:
    """Whether `text`, a token without its prefix, ends in the checksum of what stands before."""
    return len(text) > LENGTH and text[-LENGTH:] == checksum(text[:-LENGTH])
