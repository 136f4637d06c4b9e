"""What stands around values: names, times, ids, amounts, all random and none of them anything that is to be found.

A template is text with `$words`: `$value` is the value, `$key` its field's name, `$word` what a person would call it, and the
rest is drawn here.  `$$` is a dollar.
"""

import re
import uuid
from collections.abc import Callable
from random import Random
from typing import Final

from benchmarks.detection.digits import BASE62, HEX, LETTERS, digits, luhn, text

_FIRST: Final = (
    "Anna",
    "Bilal",
    "Chen",
    "Dora",
    "Emeka",
    "Farida",
    "Gil",
    "Hana",
    "Ivo",
    "Jun",
    "Kemi",
    "Lars",
    "Mira",
    "Noor",
)
_LAST: Final = (
    "Adeyemi",
    "Berg",
    "Castro",
    "Dubois",
    "Eriksen",
    "Fischer",
    "Garcia",
    "Haddad",
    "Ito",
    "Jansen",
    "Kowalski",
)
_CITIES: Final = ("Lisboa", "Gent", "Malmo", "Leeds", "Nairobi", "Quito", "Osaka", "Graz", "Austin", "Perth")
_GOODS: Final = (
    "espresso machine",
    "desk lamp",
    "rain jacket",
    "usb-c cable",
    "field notes",
    "bike light",
    "tea kettle",
)
_PLACEHOLDER: Final = re.compile(r"\$(\$|[a-z]+[0-9]*)")


def harmless(chance: Random, count: int) -> str:
    """`count` digits whose check digit does not hold: no card, whoever looks."""
    while True:
        made = digits(chance, count)
        if not luhn(made):
            return made


FILLERS: Final[dict[str, Callable[[Random], str]]] = {
    "first": lambda chance: chance.choice(_FIRST),
    "last": lambda chance: chance.choice(_LAST),
    "name": lambda chance: f"{chance.choice(_FIRST)} {chance.choice(_LAST)}",
    "city": lambda chance: chance.choice(_CITIES),
    "goods": lambda chance: chance.choice(_GOODS),
    "amount": lambda chance: f"{chance.randrange(100, 99999) / 100:.2f}",
    "price": lambda chance: f"{chance.randrange(100, 9999) / 100:.2f}",
    "float": lambda chance: repr(chance.random()),
    "n2": lambda chance: digits(chance, 2),
    "n3": lambda chance: digits(chance, 3),
    "n4": lambda chance: digits(chance, 4),
    "n6": lambda chance: digits(chance, 6),
    "n8": lambda chance: digits(chance, 8),
    "id": lambda chance: str(chance.randrange(1000, 10**7)),
    "small": lambda chance: str(chance.randrange(1, 60)),
    "hex8": lambda chance: text(chance, HEX, 8),
    "hex16": lambda chance: text(chance, HEX, 16),
    "hex32": lambda chance: text(chance, HEX, 32),
    "hex40": lambda chance: text(chance, HEX, 40),
    "hex64": lambda chance: text(chance, HEX, 64),
    "b62": lambda chance: text(chance, BASE62, 11),
    "caps": lambda chance: text(chance, LETTERS, 3),
    "uuid": lambda chance: str(uuid.UUID(int=chance.getrandbits(128), version=4)),
    "epoch": lambda chance: str(1_764_000_000 + chance.randrange(10**7)),
    "millis": lambda chance: str(1_764_000_000_000 + chance.randrange(10**10)),
    "date": lambda chance: f"2026-{chance.randint(1, 12):02}-{chance.randint(1, 28):02}",
    "time": lambda chance: (
        f"{chance.randint(0, 23):02}:{chance.randint(0, 59):02}:{chance.randint(0, 59):02}"
    ),
    "mmyy": lambda chance: f"{chance.randint(1, 12):02}/{chance.randint(27, 33)}",
    "ip": lambda chance: f"10.{chance.randint(0, 255)}.{chance.randint(0, 255)}.{chance.randint(1, 254)}",
    "port": lambda chance: str(chance.randrange(1024, 65000)),
    "ms": lambda chance: f"{chance.randrange(1, 900)}.{digits(chance, 3)}",
    "lat": lambda chance: f"{chance.uniform(-80, 80):.7f}",
    "lon": lambda chance: f"{chance.uniform(-179, 179):.7f}",
}


def fill(chance: Random, template: str, **given: str) -> str:
    """A template with everything filled in."""

    def one(match: re.Match[str]) -> str:
        name = match[1]
        if name == "$":
            return "$"
        return given[name] if name in given else FILLERS[name](chance)

    return _PLACEHOLDER.sub(one, template)


def around(chance: Random, template: str, **given: str) -> tuple[str, str]:
    """What stands before `$value` and what behind it."""
    before, mark, after = template.partition("$value")
    if not mark:
        raise ValueError("a template without $value")
    return fill(chance, before, **given), fill(chance, after, **given)
