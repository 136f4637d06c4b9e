"""What may be seen of a value: as a table, and as promises for any bytes."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlp_patterns import masking
from dlp_patterns.model import Pattern
from tests.dlp_patterns.cards import cards
from tests.kit.engines import shipped

PATTERNS = shipped()
KNOWN = {pattern.id: pattern for pattern in PATTERNS}

TABLE = [
    ("first6_last4", b"4111111111111111", b"411111******1111"),
    ("first6_last4", b"4111 1111 1111 1111", b"4111 11** **** 1111"),
    ("first6_last4", b"3782-822463-10005", b"3782-82****-*0005"),
    ("first6_last4", b"501800000009", b"501800**0009"),
    ("first6_last4", b"41111111111", b"***********"),
    ("track", b"%B4111111111111111^DOE/JOHN^3012101?", b"%B411111******1111^********^*******?"),
    ("track", b";4111111111111111=30121010000012345678?", b";411111******1111=********************?"),
    ("track", b"4111111111111111D3012201", b"411111******1111********"),
    ("last4", b"123-45-6789", b"***-**-6789"),
    ("last4", b"123456789", b"*****6789"),
    ("iban", b"DE89 3704 0044 0532 0130 00", b"DE89 **** **** **** **30 00"),
    ("last3", b"12345678901", b"********901"),
    ("last3", b"RSSMRA85T10A562S", b"*************62S"),
    ("last3", b"1234", b"****"),
    ("phone", b"+49 30 901820", b"+** ** ****20"),
    ("email", b"jane.doe@mail.gmx.de", b"j***.***@****.***.de"),
    ("token", b"unknown_a1b2c3", b"**************"),
    ("hidden", b"a1b2c3d4", b"********"),
    ("hidden", b"12/27", b"*****"),
    ("pem", b"-----BEGIN EC PRIVATE KEY-----\nMIGH", b"-----BEGIN EC PRIVATE KEY-----*****"),
]


@pytest.mark.parametrize(("show", "value", "masked"), TABLE)
def test_masking_table(show: str, value: bytes, masked: bytes) -> None:
    assert masking.mask(show, value) == masked


TOKENS = [
    ("secrets/aws_access_key_id", b"AKIA" + b"RPZUZDIKFN33MB3X", b"AKIA****************"),
    ("secrets/github_token", b"ghp_" + b"a1b2" * 9, b"ghp_" + b"*" * 36),
    ("secrets/sendgrid_key", b"SG." + b"a1." * 22, b"SG." + b"*" * 66),
    ("secrets/slack_token", b"xapp-1-A0", b"xapp-****"),
    ("secrets/npm_token", b"ghp_" + b"a1b2" * 9, b"*" * 40),
]


@pytest.mark.parametrize(("pattern", "value", "masked"), TOKENS)
def test_of_a_token_the_literal_beginning_of_its_expression_is_shown(
    pattern: str, value: bytes, masked: bytes
) -> None:
    assert masking.mask("token", value, KNOWN[pattern].openings) == masked


def test_an_event_shows_printable_characters_and_no_length_of_a_secret() -> None:
    assert masking.shown("first6_last4", b"4111111111111111") == "411111******1111"
    assert (
        masking.shown("first6_last4", "4111\u00a01111\u00a01111\u00a01111".encode())
        == "4111..11**..****..1111"
    )
    assert masking.shown("token", b"sk_live_" + b"a1" * 50, (b"sk_live_",)) == "sk_live_************"
    assert (
        masking.shown("pem", b"-----BEGIN PRIVATE KEY-----\n" + b"M" * 64)
        == "-----BEGIN PRIVATE KEY-----************"
    )


@given(st.sampled_from(sorted(masking.RULES)), st.binary(max_size=80))
def test_any_bytes_keep_their_length_and_make_a_printable_event(show: str, value: bytes) -> None:
    masked = masking.mask(show, value)
    assert len(masked) == len(value)
    assert all(new in (old, masking.STAR) for old, new in zip(value, masked, strict=True))
    assert masking.shown(show, value).isascii()
    assert masking.shown(show, value).isprintable()


@given(cards(), st.sampled_from([b"", b" ", b"-", b"\xc2\xa0"]))
def test_of_a_card_number_at_most_bin_and_last_four_are_seen(number: bytes, separator: bytes) -> None:
    value = separator.join(number[at : at + 4] for at in range(0, len(number), 4))
    for show in ("first6_last4", "track"):
        digits = masking.mask(show, value).translate(None, separator)
        assert digits == number[:6] + b"*" * (len(number) - 10) + number[-4:]


@given(cards())
def test_of_a_stripe_nothing_but_the_card_number_is_seen(number: bytes) -> None:
    for value in (b"%B" + number + b"^A/B^2912201987?", b";" + number + b"=2912201987?"):
        seen = masking.mask("track", value).translate(None, b"*%B;^=?")
        assert seen == number[:6] + number[-4:]


def test_the_head_that_may_be_seen_early_is_short() -> None:
    leads = {show: masking.lead(show) for show in masking.RULES}
    assert leads == {
        "first6_last4": 6,
        "track": 6,
        "last4": 0,
        "last3": 0,
        "phone": 0,
        "email": 1,
        "iban": 4,
        "token": 0,
        "hidden": 0,
        "pem": 4,
    }
    assert masking.lead("token", (b"AKIA", b"ASIA")) == 4
    assert masking.lead("token", (b"sk_live_", b"rk_")) == 3
    assert masking.lead("hidden", (b"datadog",)) == masking.MAX_LEAD
    assert masking.lead("token", (b"sk_live_", b"")) == 0
    assert max(masking.lead(pattern.show, pattern.openings) for pattern in PATTERNS) <= masking.MAX_LEAD


def test_every_way_to_show_is_used_by_a_pattern() -> None:
    assert {pattern.show for pattern in PATTERNS} == set(masking.RULES)


@pytest.mark.parametrize("pattern", PATTERNS, ids=lambda p: p.id)
def test_what_may_leave_early_of_an_example_is_visible_in_its_mask(pattern: Pattern) -> None:
    """What may leave before the verdict is never more than what a mask would have shown."""
    for example in pattern.match:
        value = example.value
        begin = example.text.index(value)
        # What introduces a value leaves with it: of the value itself only what the lead has left over.
        introduced = begin - min(found.start() for found in hits(pattern, example.text, begin + len(value)))
        early = max(0, masking.lead(pattern.show, pattern.openings) - introduced)
        assert masking.mask(pattern.show, value, pattern.openings)[:early] == value[:early]


def hits(pattern: Pattern, text: bytes, end: int) -> list[re.Match[bytes]]:
    """What the expression matches of the text up to `end`."""
    expression = re.compile(pattern.regex + rb"\Z", re.DOTALL)
    found = (expression.match(text, start, end) for start in range(end))
    return [match for match in found if match is not None]
