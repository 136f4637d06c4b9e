"""Check digits, against definitions written out the slow way and against published examples."""

from __future__ import annotations

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlp_patterns.checks import iban
from dlp_patterns.sums import crc62, luhn, mod97


def _luhn_by_hand(digits: str) -> bool:
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


@given(st.text("0123456789", min_size=1, max_size=24))
def test_luhn_is_luhn(digits: str) -> None:
    assert luhn.is_valid(digits.encode()) == _luhn_by_hand(digits)
    assert luhn.is_valid(digits.encode() + luhn.check_digit(digits.encode()))


@given(st.binary(max_size=24))
def test_luhn_of_anything_else_is_false(text: bytes) -> None:
    assert not luhn.is_valid(b"x" + text)


def test_a_checksum_in_base_62_reads_back_as_crc32() -> None:
    body = b"UBkbJCukQmjmGYFeqlVMQXkdzDJYjL"
    read = 0
    for character in crc62.checksum(body):
        read = read * 62 + crc62.ALPHABET.index(character)
    assert read == zlib.crc32(body)
    assert crc62.is_valid(body + crc62.checksum(body))
    assert not crc62.is_valid(body + b"000000")
    assert not crc62.is_valid(b"")


# One published example a country, from the SWIFT IBAN registry.
REGISTRY_EXAMPLES = """
AD1200012030200359100100 AE070331234567890123456 AL47212110090000000235698741 AT611904300234573201
AZ21NABZ00000000137010001944 BA391290079401028494 BE68539007547034 BG80BNBG96611020345678
BH67BMAG00001299123456 BR1800360305000010009795493C1 BY13NBRB3600900000002Z00AB00 CH9300762011623852957
CR05015202001026284066 CY17002001280000001200527600 CZ6508000000192000145399 DE89370400440532013000
DK5000400440116243 DO28BAGR00000001212453611324 EE382200221020145685 EG380019000500000000263180002
ES9121000418450200051332 FI2112345600000785 FO6264600001631634 FR1420041010050500013M02606
GB29NWBK60161331926819 GE29NB0000000101904917 GI75NWBK000000007099453 GL8964710001000206
GR1601101250000000012300695 GT82TRAJ01020000001210029690 HR1210010051863000160
HU42117730161111101800000000 IE29AIBK93115212345678 IL620108000000099999999 IQ98NBIQ850123456789012
IS140159260076545510730339 IT60X0542811101000000123456 JO94CBJO0010000000000131000302
KW81CBKU0000000000001234560101 KZ86125KZT5004100100 LB62099900000001001901229114
LC55HEMM000100010012001200023015 LI21088100002324013AA LT121000011101001000 LU280019400644750000
LV80BANK0000435195001 MC5811222000010123456789030 MD24AG000225100013104168 ME25505000012345678951
MK07250120000058984 MR1300020001010000123456753 MT84MALT011000012345MTLCAST001S
MU17BOMM0101101030300200000MUR NL91ABNA0417164300 NO9386011117947 PK36SCBL0000001123456702
PL61109010140000071219812874 PS92PALS000000000400123456702 PT50000201231234567890154
QA58DOHB00001234567890ABCDEFG RO49AAAA1B31007593840000 RS35260005601001611379 SA0380000000608010167519
SC18SSCB11010000000000001497USD SE4550000000058398257466 SI56263300012039086 SK3112000000198742637541
SM86U0322509800000000270100 ST23000100010051845310146 SV62CENR00000000000000700025
TL380080012345678910157 TN5910006035183598478831 TR330006100519786457841326 UA213223130000026007233566001
VA59001123000012345678 VG96VPVG0000012345678901 XK051212012345678906
"""


@pytest.mark.parametrize("text", REGISTRY_EXAMPLES.split())
def test_published_account_numbers(text: str) -> None:
    number = text.encode()
    assert mod97.is_valid(number)
    found = iban.check(b"x " + number + b" y", 2, len(number) + 2)
    assert found is not None
    assert (found.start, found.end, found.kind) == (2, len(number) + 2, text[:2])


@given(st.sampled_from(REGISTRY_EXAMPLES.split()), st.data())
def test_one_wrong_character_is_noticed(text: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(2, len(text) - 1))
    other = data.draw(st.sampled_from("0123456789" if text[at].isdigit() else "ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
    wrong = (text[:at] + other + text[at + 1 :]).encode()
    assert (iban.check(wrong, 0, len(wrong)) is None) == (other != text[at])


def test_the_table_of_countries_has_plausible_lengths() -> None:
    assert len(iban.COUNTRIES) >= 85
    assert all(15 <= length <= 33 for length, _ in iban.COUNTRIES.values())
