"""Values in the bytes of protocols as they are on the wire: found whatever length, tag or letter stands right beside them.

The encoders are those of the detection benchmark, written from the specifications.
"""

from random import Random

import pytest

from benchmarks.detection.digits import broken
from benchmarks.detection.encodings import wire
from benchmarks.detection.encodings.model import Delivery, Encoding
from benchmarks.detection.sample import Via
from sidecar.core.findings import Finding
from sidecar.core.scopes import Mode
from tests.kit.engines import flow

CARDS = (
    "4539148803436467",
    "4539 1488 0343 6467",
    "5425-2334-3010-9903",
    "371449635398431",
    "3714 496353 98431",
    "3056 930902 5904",
    "30569309025904",
    "6205500000000000004",
    "6205 5000 0000 0000 004",
)
ACCOUNT = "DE89370400440532013000"
TOKEN = "".join(("ghp_", "UBkbJCukQmjmGYFeqlVMQXkdzDJYjL", "1mwFnZ"))
CLASSES = ("pan", "test_pan")
PLAIN = [encoding for encoding in wire.ENCODINGS if not encoding.name.endswith(("gzip", "deflate"))]
TEXTS = [encoding for encoding in PLAIN if not encoding.numbers]


def told(delivery: Delivery, size: int) -> list[Finding]:
    """What a flow that brings these bytes tells, in pieces of `size`."""
    subject = flow(Mode.MONITOR)
    findings: list[Finding] = []
    for at in range(0, len(delivery.data), size):
        findings += subject.client.feed(delivery.data[at : at + size]).findings
    assert delivery.via in (Via.STREAM, Via.REQUEST)
    return findings + list(subject.client_close().findings)


def cards(encoding: Encoding, value: str, size: int = 1400) -> list[Finding]:
    found = told(encoding.make(Random(value), "note", value), size)
    return [finding for finding in found if finding.klass in CLASSES]


@pytest.mark.parametrize("encoding", PLAIN, ids=[encoding.name for encoding in PLAIN])
def test_a_card_number_is_found_once_and_whole(encoding: Encoding) -> None:
    for card in (card for card in CARDS if card.isdigit() or not encoding.numbers):
        assert [finding.length for finding in cards(encoding, card)] in ([len(card)], [len(card)] * 2), card


@pytest.mark.parametrize("encoding", PLAIN, ids=[encoding.name for encoding in PLAIN])
def test_a_number_whose_check_digit_is_broken_is_none(encoding: Encoding) -> None:
    for card in (card for card in CARDS if card.isdigit() or not encoding.numbers):
        assert cards(encoding, broken(card, Random(card))) == [], card


@pytest.mark.parametrize("encoding", TEXTS, ids=[encoding.name for encoding in TEXTS])
@pytest.mark.parametrize(("value", "pattern"), [(ACCOUNT, "pii/iban"), (TOKEN, "secrets/github_token")])
def test_an_account_and_a_token(encoding: Encoding, value: str, pattern: str) -> None:
    found = told(encoding.make(Random(value), "note", value), 1400)
    assert pattern in {finding.pattern for finding in found}


def test_a_token_over_the_end_of_a_line_of_base64() -> None:
    (mail,) = (encoding for encoding in TEXTS if encoding.name == "smtp, base64 body")
    delivery = mail.make(Random(TOKEN), "note", TOKEN)
    assert b"Z2hw\r\nX1" in delivery.data  # ghp|_U
    assert "secrets/github_token" in {finding.pattern for finding in told(delivery, 1400)}


@pytest.mark.parametrize("encoding", TEXTS, ids=[encoding.name for encoding in TEXTS])
@pytest.mark.parametrize("size", [1, 7])
def test_the_same_in_small_pieces(encoding: Encoding, size: int) -> None:
    for card in CARDS[:3]:
        whole, cut = cards(encoding, card), cards(encoding, card, size)
        assert [(each.shown, each.offset) for each in cut] == [(each.shown, each.offset) for each in whole]
