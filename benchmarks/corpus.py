"""What is sent: JSON as payment back ends exchange it, full of digits, free of cards, the same in every run.  Pure.

Order numbers, timestamps, prices, UUIDs, hexadecimal trace ids, e-mail and IP addresses, phone numbers: everything that a
card pattern looks at twice.  Sixteen-digit numbers occur with a broken check digit only: whatever would pass a naive
scanner (sixteen digits, Luhn) is drawn again, since a peer that blocks clean traffic would measure something else.
"""

import json
import random
import re
import uuid
from collections.abc import Iterator
from typing import Final

SEED: Final = 77
NAIVE: Final = r"(?<!\d)\d{4}[ -]?\d{4}[ -]?\d{4}[ -]?\d{4}(?!\d)"
"""The one card pattern that the scanning peers look for, as one would write it on an afternoon."""
_NAIVE: Final = re.compile(NAIVE)
_NAMES: Final = (
    "anna",
    "bilal",
    "chen",
    "dora",
    "emeka",
    "farida",
    "gil",
    "hana",
    "ivo",
    "jun",
    "kemi",
    "lars",
)
_GOODS: Final = ("espresso machine", "desk lamp", "rain jacket", "usb-c cable", "field notes", "bike light")
_STATES: Final = ("authorized", "captured", "settled", "refunded", "pending")


def document(size: int, seed: int = SEED) -> bytes:
    """A JSON document of exactly `size` bytes (at least 64)."""
    chance = random.Random(seed)
    if size < 1024:
        return _short(size, chance)
    head, tail = '{"page":1,"orders":[', '],"note":""}'
    parts, room = [head], size - len(head) - len(tail)
    for record in _records(chance):
        text = record + ","
        if len(text) > room:
            break
        parts.append(text)
        room -= len(text)
    body = "".join(parts).removesuffix(",")
    return (body + '],"note":"' + " " * (room + 1) + '"}').encode()


def noise(size: int, seed: int = SEED) -> bytes:
    """Bytes that no pattern begins to match and no compressor shortens: what images and archives look like."""
    return random.Random(seed).randbytes(size)


def suspicious(text: str) -> bool:
    """Whether a naive scanner would call something in `text` a card."""
    return any(_luhn([int(char) for char in run if char.isdigit()]) for run in _NAIVE.findall(text))


def _luhn(digits: list[int]) -> bool:
    """ISO/IEC 7812-1, annex B."""
    doubled = (sum(divmod(2 * digit, 10)) for digit in digits[-2::-2])
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def _short(size: int, chance: random.Random) -> bytes:
    record = f'{{"id":{chance.randrange(10**8, 10**9)},"state":"captured","total":"129.90","at":1732400000,"note":"'
    return (record + " " * (size - len(record) - 2) + '"}').encode()


def _records(chance: random.Random) -> Iterator[str]:
    while True:
        text = json.dumps(_record(chance), separators=(",", ":"))
        if not suspicious(text):
            yield text


def _record(chance: random.Random) -> dict[str, object]:
    """One order of about 500 bytes; every fourth carries a number of sixteen digits."""
    state = chance.choice(_STATES)
    order = _digits(chance, 16) if chance.randrange(4) == 0 else f"SO-2024-{_digits(chance, 8)}"
    return {
        "id": chance.randrange(10**6, 10**7),
        "order_no": order,
        "uuid": str(uuid.UUID(int=chance.getrandbits(128), version=4)),
        "trace_id": f"{chance.getrandbits(128):032x}",
        "created_ms": 1_732_400_000_000 + chance.randrange(10**9),
        "updated": f"2024-11-{chance.randrange(10, 30)}T{chance.randrange(10, 24)}:{chance.randrange(10, 60)}:07.123Z",
        "state": state,
        "payment": _payment(chance, state),
        "customer": {
            "email": f"{chance.choice(_NAMES)}.{chance.randrange(100, 999)}@example.com",
            "phone": f"+1-202-555-{chance.randrange(100, 200):04d}",
            "ip": f"203.0.113.{chance.randrange(1, 255)}",
        },
        "lines": [
            {
                "sku": f"{_digits(chance, 8)}-{_digits(chance, 2)}",
                "title": chance.choice(_GOODS),
                "qty": chance.randrange(1, 5),
                "price": f"{chance.randrange(100, 99999) / 100:.2f}",
            }
        ],
    }


def _payment(chance: random.Random, state: str) -> dict[str, object]:
    """What acquirers send back: retrieval reference, authorization code (ISO 8583, fields 37, 38), clearing reference."""
    payment: dict[str, object] = {
        "rrn": _digits(chance, 12),
        "auth_code": _digits(chance, 6),
        "risk": round(chance.random(), 4),
    }
    if state == "settled":
        payment["arn"] = _digits(chance, 23)
    return payment


def _digits(chance: random.Random, count: int) -> str:
    return f"{chance.randrange(10 ** (count - 1), 10**count)}"
