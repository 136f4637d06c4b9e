"""The last net: card numbers in any line are masked, other numbers are left alone."""

import random

import pytest

from dlp_patterns.sums import luhn
from sidecar.core.redact import holds_pan, mask_pans

MASKED = [
    ("4111111111111111", "411111******1111"),
    ("4111 1111 1111 1111", "4111 11** **** 1111"),
    ("4111-1111-1111-1111", "4111-11**-****-1111"),
    ("card=378282246310005&x", "card=378282*****0005&x"),
    ("{'pan': '5555555555554444'}", "{'pan': '555555******4444'}"),
    ("4222222222222", "422222***2222"),
    ("36006666333344", "360066****3344"),
    ("6205500000000000004", "620550*********0004"),
    ("two: 4111111111111111, 5105105105105100.", "two: 411111******1111, 510510******5100."),
    # The repr of bytes: a NUL before the number ends in digits.
    (repr(b"\x004111111111111111"), "b'\\x00411111******1111'"),
    ("qty 2 4111 1111 1111 1111", "qty 2 4111 11** **** 1111"),
]

LEFT_ALONE = [
    "",
    "4111111111111112",  # Luhn
    "411111******1111",
    "2024-11-23T22:52:11.123Z 10.77.0.11:40000 -> fd77::14:8080",
    "1732400000123",  # milliseconds since 1970
    "1732400000123456",
    "+49 30 901820",
    "0123456789ab",
    "9111111111111116",  # no issuer begins so
    "550e8400-e29b-41d4-a716-446655440000",
]


@pytest.mark.parametrize(("text", "masked"), MASKED)
def test_card_numbers_are_masked(text, masked):
    assert holds_pan(text)
    assert mask_pans(text) == masked
    assert not holds_pan(masked)
    assert mask_pans(masked) == masked


@pytest.mark.parametrize("text", LEFT_ALONE)
def test_other_numbers_are_left_alone(text):
    assert mask_pans(text) == text
    assert not holds_pan(text)


def test_wherever_a_number_stands_in_other_digits_its_middle_is_hidden():
    dice = random.Random(7)
    for _ in range(300):
        body = "4" + "".join(dice.choices("0123456789", k=14))
        pan = body + luhn.check_digit(body.encode()).decode()
        before, after = ("".join(dice.choices("0123456789", k=dice.randrange(8))) for _ in range(2))
        shown = mask_pans(f"{before}{pan}{after}")
        assert len(shown) == len(before + pan + after)
        assert shown[len(before) + 6 : len(before) + 12] == "******"
