"""Numbers of issuers that python-stdnum does not know: their check digits, on compact upper-case text.

What belongs here: one small function a number, with the rule it follows.  What never does: separators, words nearby, how
sure anybody is (checks/national.py).  Each is called with text that its pattern's expression has let through; on any
other it may raise, and that counts as "not valid" there.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from dlp_patterns.sums import luhn


def _digits(text: str) -> list[int]:
    return [int(character) for character in text]


def _weighed(text: str, weights: Iterable[int]) -> int:
    return sum(digit * weight for digit, weight in zip(_digits(text), weights, strict=False))


def _cross(value: int) -> int:
    return sum(divmod(value, 10))


def is_day(year: int, month: int, day: int) -> bool:
    """Whether there was such a day."""
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True


def shape(_number: str) -> bool:
    """There is no public check digit: the expression has said everything."""
    return True


def digits(number: str) -> bool:
    """The same, of a number without letters."""
    return number.replace("-", "").isdigit()


def us_driving_licence(number: str) -> bool:
    """AAMVA: no state writes more than two letters before its digits."""
    return sum(place.isalpha() for place in number) <= 2


def with_luhn(number: str) -> bool:
    """ISO/IEC 7812 annex B over the whole number."""
    return luhn.is_valid(number.encode())


def us_npi(number: str) -> bool:
    """CMS: Luhn over 80840 (health application, United States) and the number."""
    return luhn.is_valid(b"80840" + number.encode())


def us_dea(number: str) -> bool:
    """DEA: first, third and fifth digit, and twice the second, fourth and sixth, end in the seventh."""
    one, two, three, four, five, six, last = _digits(number[2:])
    return (one + three + five + 2 * (two + four + six)) % 10 == last


def gb_nino(number: str) -> bool:
    """HMRC NIM39110: prefixes that are not given out."""
    return number[:2] not in {"BG", "GB", "NK", "KN", "TN", "NT", "ZZ"}


def de_svnr(number: str) -> bool:
    """VKVV section 4: the letter as two digits, weights with sums of digits, modulo 10."""
    spelled = f"{number[:8]}{ord(number[8]) - 64:02d}{number[9:11]}"
    weights = (2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1)
    total = sum(_cross(digit * weight) for digit, weight in zip(_digits(spelled), weights, strict=True))
    return total % 10 == int(number[11])


def de_kvnr(number: str) -> bool:
    """SGB V section 290: the letter as two digits, weights 1 and 2 with sums of digits, modulo 10."""
    spelled = f"{ord(number[0]) - 64:02d}{number[1:9]}"
    total = sum(_cross(digit * (1 + at % 2)) for at, digit in enumerate(_digits(spelled)))
    return total % 10 == int(number[9])


def icao(number: str) -> bool:
    """ICAO Doc 9303: letters from A = 10, weights 7, 3, 1, modulo 10; the last place is the check digit."""
    total = sum(int(place, 36) * (7, 3, 1)[at % 3] for at, place in enumerate(number[:-1]))
    return total % 10 == int(number[-1])


def de_passport(number: str) -> bool:
    """With its check digit, as in the machine readable zone, or without, as it is printed."""
    return icao(number) if len(number) == 10 else any(place.isdigit() for place in number)


def es_nuss(number: str) -> bool:
    """Seguridad Social: province and number modulo 97; a number below ten million counts without its leading zero."""
    province, own, control = number[:2], number[2:-2], number[-2:]
    whole = int(province) * 10**7 + int(own) if int(own) < 10**7 else int(province + own)
    return whole % 97 == int(control)


def eg_nid(number: str) -> bool:
    """Century (2, 3), date of birth, governorate 01-35 or 88 (abroad)."""
    century = {"2": 1900, "3": 2000}[number[0]]
    place = int(number[7:9])
    return is_day(century + int(number[1:3]), int(number[3:5]), int(number[5:7])) and (
        place <= 35 or place == 88
    )


_SG_LETTERS = {"S": (0, "JZIHGFEDCBA"), "T": (4, "JZIHGFEDCBA"), "F": (0, "XWUTRQPNMLK")} | {
    "G": (4, "XWUTRQPNMLK"),
    "M": (3, "XWUTRQPNJLK"),
}


def sg_nric(number: str) -> bool:
    """ICA: weights 2 7 6 5 4 3 2 and an offset by kind, modulo 11, a letter of the kind's own row."""
    offset, letters = _SG_LETTERS[number[0]]
    return letters[(_weighed(number[1:8], (2, 7, 6, 5, 4, 3, 2)) + offset) % 11] == number[8]


_TW_REGION = "ABCDEFGHJKLMNPQRSTUVXYWZIO"


def tw_id(number: str) -> bool:
    """The letter's region as two digits from 10, weights 1 9 8 ... 1 1, divisible by 10."""
    spelled = f"{_TW_REGION.index(number[0]) + 10}{number[1:]}"
    return _weighed(spelled, (1, 9, 8, 7, 6, 5, 4, 3, 2, 1, 1)) % 10 == 0


def hk_hkid(number: str) -> bool:
    """Letters from A = 10 (one letter: a blank, 36, before it), weights 9 ... 2, check 0-9 or A, divisible by 11."""
    places = [36] * (9 - len(number)) + [int(place, 36) for place in number]
    return sum(place * weight for place, weight in zip(places, range(9, 0, -1), strict=True)) % 11 == 0


def kz_iin(number: str) -> bool:
    """Weights 1 ... 11 modulo 11, or if that is 10, weights 3 ... 11, 1, 2."""
    check = _weighed(number, range(1, 12)) % 11
    if check == 10:
        check = _weighed(number, (3, 4, 5, 6, 7, 8, 9, 10, 11, 1, 2)) % 11
    return check == int(number[11])


def ru_snils(number: str) -> bool:
    """Weights 9 ... 1, modulo 101, of which 100 is written 00."""
    return _weighed(number, range(9, 0, -1)) % 101 % 100 == int(number[9:])


def hu_taj(number: str) -> bool:
    """Weights 3 and 7 in turn, modulo 10."""
    return _weighed(number, (3, 7) * 4) % 10 == int(number[8])


def hu_tax(number: str) -> bool:
    """Weights 1 ... 9, modulo 11."""
    return _weighed(number, range(1, 10)) % 11 == int(number[9])


def au_medicare(number: str) -> bool:
    """Weights 1 3 7 9 twice over eight digits, modulo 10."""
    return _weighed(number[:8], (1, 3, 7, 9) * 2) % 10 == int(number[8])


def mx_clabe(number: str) -> bool:
    """Each digit times 3, 7, 1, only the units added, modulo 10."""
    total = sum(
        digit * weight % 10 for digit, weight in zip(_digits(number[:17]), (3, 7, 1) * 6, strict=False)
    )
    return -total % 10 == int(number[17])


def uy_ci(number: str) -> bool:
    """Weights 2 9 8 7 6 3 4, modulo 10."""
    return -_weighed(number[:7], (2, 9, 8, 7, 6, 3, 4)) % 10 == int(number[7])


def vehicle(number: str) -> bool:
    """ISO 3779: letters and digits; the last four are digits.  The check digit of 49 CFR 565 is kept in America only."""
    return not number.isdigit() and len(set(number)) > 5


def subscriber(number: str) -> bool:
    """ITU-T E.212: country codes 200 to 799."""
    return "200" <= number[:3] < "800"


def lu_matricule(number: str) -> bool:
    """A date of birth, and Luhn over the first twelve places."""
    day = is_day(int(number[:4]), int(number[4:6]), int(number[6:8]))
    return day and luhn.is_valid(number[:12].encode())
