"""How sure a finding is: the whole table, and what the text before a value adds to it."""

from dataclasses import replace

import pytest

from dlp_patterns.model import Confidence, Context, DataClass, Evidence, Pattern
from sidecar.core import judgement
from sidecar.core.judgement import TABLES, Around, Judge
from tests.kit.engines import patterns

PAGE = """
         AGAINST OTHER NOTHING NEARBY WORD FIELD GUESSED
pan      STRONG  likely  likely  certain certain certain certain likely
pan      FAIR    -       likely  likely  likely  certain certain likely
pan      SLIGHT  -       -       likely  likely  likely  certain likely
pan      WEAK    -       -       -       likely  likely  certain likely
sad      STRONG  certain certain certain certain certain certain likely
sad      FAIR    likely  likely  likely  certain certain certain likely
sad      SLIGHT  -       likely  likely  likely  certain certain likely
sad      WEAK    -       -       -       likely  likely  certain likely
pii      STRONG  likely  certain certain certain certain certain likely
pii      FAIR    -       likely  likely  certain certain certain likely
pii      SLIGHT  -       -       likely  likely  likely  certain likely
pii      WEAK    -       -       -       likely  likely  certain likely
secret   STRONG  certain certain certain certain certain certain likely
secret   FAIR    likely  likely  likely  certain certain certain likely
secret   SLIGHT  -       likely  likely  likely  certain certain likely
secret   WEAK    -       -       -       likely  likely  certain likely
"""


def told(confidence: Confidence | None) -> str:
    return confidence.name.lower() if confidence else "-"


def test_the_table_on_one_page() -> None:
    rows = [
        [klass.value, evidence.name, *map(told, TABLES[klass][evidence])]
        for klass in DataClass
        for evidence in sorted(Evidence, reverse=True)
    ]
    assert [line.split() for line in PAGE.strip().splitlines()[1:]] == rows
    assert PAGE.split()[: len(Around)] == [around.name for around in Around]


PAN = next(pattern for pattern in patterns() if pattern.id == "pci/pan")


@pytest.mark.parametrize(
    ("before", "around"),
    [
        (b'{"card_number":"', Around.FIELD),
        (b'{"trace_id":"', Around.AGAINST),
        (b"card " + b'{"order_id":"', Around.AGAINST),
        (b"my card is ", Around.WORD),
        (b'"card":{"value":"', Around.WORD),
        (b'{"type":"card","fruit":"', Around.NEARBY),
        (b'{"type":"card","number":"', Around.WORD),
        (b"cardReference=", Around.WORD),
        (b"card_id=", Around.WORD),
        (b"user_id=", Around.AGAINST),
        (b"timeUnixNano=", Around.AGAINST),
        (b"GET /orders/", Around.AGAINST),
        (b"GET /cards/", Around.FIELD),
        (b'{"key":"order.id","value":{"stringValue":"', Around.AGAINST),
        (b'{"name":"cardNumber","value":"', Around.FIELD),
        (b"tracking number: ", Around.AGAINST),
        (b"for your order ", Around.AGAINST),
        (b"reorder ", Around.NOTHING),
        (b"fruit=", Around.OTHER),
        (b"x=", Around.NOTHING),
        (b"comment=", Around.NOTHING),
        (b"say ", Around.NOTHING),
        (b"", Around.NOTHING),
    ],
)
def test_what_stands_around(before: bytes, around: Around) -> None:
    assert judgement.look(PAN, before) is around


@pytest.mark.parametrize(
    ("behind", "around"),
    [
        (b" (Visa)", Around.WORD),
        (b" on my card", Around.WORD),
        (b'","card":"', Around.NOTHING),
        (b"&card=1", Around.NOTHING),
        (b" and so on, and much later comes a card", Around.NOTHING),
    ],
)
def test_the_words_behind_a_value_that_speak_of_it(behind: bytes, around: Around) -> None:
    assert judgement.look(PAN, b"pay ", behind) is around


def with_context(context: Context | None) -> Pattern:
    return replace(PAN, context=context)


def test_required_context_is_required_whatever_the_evidence() -> None:
    strict = with_context(Context(words=(b"card",), required=True))
    assert Judge(strict).confidence(Evidence.STRONG, b"x=") is None
    assert Judge(strict).confidence(Evidence.WEAK, b"card ") is Confidence.LIKELY


def test_a_patterns_own_names_speak_against_it() -> None:
    ours = with_context(Context(deny=(b"voucher",)))
    assert judgement.look(ours, b"voucher=") is Around.AGAINST
    assert judgement.look(with_context(None), b"voucher=") is Around.OTHER
