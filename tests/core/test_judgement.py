"""How sure a finding is: the whole table, and what the text before a value adds to it."""

from dataclasses import replace

import pytest

from dlp_patterns.model import Confidence, Context, DataClass, Evidence, Pattern
from sidecar.core import judgement
from sidecar.core.judgement import TABLES, Around
from tests.kit.engines import patterns

PAGE = """
         AGAINST NOTHING WORD FIELD
pan      STRONG  likely  certain certain certain
pan      FAIR    -       likely  certain certain
pan      WEAK    -       -       likely  certain
sad      STRONG  certain certain certain certain
sad      FAIR    likely  likely  certain certain
sad      WEAK    -       -       likely  certain
pii      STRONG  likely  certain certain certain
pii      FAIR    -       likely  certain certain
pii      WEAK    -       -       likely  certain
secret   STRONG  certain certain certain certain
secret   FAIR    likely  likely  certain certain
secret   WEAK    -       -       likely  certain
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
    assert PAGE.split()[:4] == [around.name for around in Around]


PAN = next(pattern for pattern in patterns() if pattern.id == "pci/pan")


@pytest.mark.parametrize(
    ("before", "around"),
    [
        (b'{"card_number":"', Around.FIELD),
        (b'{"trace_id":"', Around.AGAINST),
        (b"card " + b'{"order_id":"', Around.AGAINST),
        (b"my card is ", Around.WORD),
        (b'"card":{"value":"', Around.WORD),
        (b"call ", Around.NOTHING),
        (b"", Around.NOTHING),
    ],
)
def test_what_stands_around(before: bytes, around: Around) -> None:
    assert judgement.look(PAN, before) is around


def with_context(context: Context | None) -> Pattern:
    return replace(PAN, context=context)


def test_required_context_is_required_whatever_the_evidence() -> None:
    strict = with_context(Context(words=(b"card",), required=True))
    assert judgement.confidence(strict, Evidence.STRONG, b"x=") is None
    assert judgement.confidence(strict, Evidence.WEAK, b"card ") is Confidence.LIKELY


def test_a_patterns_own_names_speak_against_it() -> None:
    ours = with_context(Context(deny=(b"voucher",)))
    assert judgement.look(ours, b"voucher=") is Around.AGAINST
    assert judgement.look(with_context(None), b"voucher=") is Around.NOTHING
