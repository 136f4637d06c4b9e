"""Addresses of crypto currencies: Bitcoin and Ethereum, whose own check says enough to stand alone.

What belongs here: what makes an address one.  What never does: who owns it.
Sources: Bitcoin developer reference (Base58Check; BIP 173 and 350, bech32), by way of python-stdnum; EIP-55.
"""

from __future__ import annotations

import re

from dlp_patterns import stdnums
from dlp_patterns.model import Confirmed, Evidence

_ETHEREUM = re.compile(rb"0x[0-9A-Fa-f]{40}")


def check(window: bytes, start: int, end: int) -> Confirmed | None:
    """The address in window[start:end]; an Ethereum address has a sum only in its capitals, so it is WEAK."""
    value = window[start:end]
    if _ETHEREUM.fullmatch(value):
        return Confirmed(start, end, "ethereum", Evidence.WEAK) if len(set(value.lower())) > 8 else None
    if not stdnums.is_valid("bitcoin", value.decode("ascii", "replace")):
        return None
    return Confirmed(start, end, "bitcoin", Evidence.STRONG)
