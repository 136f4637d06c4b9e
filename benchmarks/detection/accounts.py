"""International account numbers of every country in the registry, made from its own structure, printed and compact."""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from random import Random
from typing import Final

from stdnum import iban, numdb

from benchmarks.detection.digits import LETTERS, digits, text

_PART: Final = re.compile(r"(\d+)!?([nac])")
DRAWS: Final = 20_000


@cache
def structures() -> Mapping[str, str]:
    """Country: structure of its account numbers, as the registry writes it (`8!n10!n`)."""
    database = numdb.get("iban")
    rows = ((entry[1], database.info(f"{entry[1]}00")) for entry in database.prefixes)
    return {country: info[0][1]["bban"] for country, info in rows}


def compact(chance: Random, country: str, structure: str) -> str:
    """An account number without spaces; national check digits hold where python-stdnum knows them."""
    for _ in range(DRAWS):
        body = "".join(_filled(chance, structure))
        made = f"{country}{iban.calc_check_digits(f'{country}00{body}')}{body}"
        if iban.is_valid(made):
            return made
    raise RuntimeError(f"no account number of {country}")


def _filled(chance: Random, structure: str) -> Iterator[str]:
    for count, kind in _PART.findall(structure):
        if kind == "n":
            yield digits(chance, int(count))
        else:
            yield text(chance, LETTERS if kind == "a" else "0123456789" + LETTERS, int(count))


def printed(made: str, separator: str = " ") -> str:
    """In groups of four."""
    return separator.join(made[at : at + 4] for at in range(0, len(made), 4))


def broken(made: str, chance: Random) -> str:
    """With other check digits."""
    other = f"{(int(made[2:4]) - 2 + chance.randint(1, 96)) % 97 + 2:02}"
    return made[:2] + other + made[4:]
