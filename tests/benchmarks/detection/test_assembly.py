"""The labelled set: labels stand where they say, the same seed makes the same bytes, and the parts share no text."""

import base64
import gzip
import json
import re
from itertools import islice
from random import Random
from urllib.parse import unquote_plus

import brotli
import pytest
import zstandard

from benchmarks.detection import accounts, assembly, cards, identities, near, templates, tokens, unseen
from benchmarks.detection.assembly import DEVELOPMENT, HELD_OUT
from benchmarks.detection.digits import broken, luhn
from benchmarks.detection.encodings.table import ENCODINGS
from benchmarks.detection.fillers import fill
from benchmarks.detection.sample import Group
from dlp_patterns.issuers import issuer_of
from dlp_patterns.published import TEST_NUMBERS

CARD = "4539 1488 0343 6467".replace(" ", "")
FAMILIES = {
    "pan": assembly.pans,
    "sad": assembly.stripes,
    "iban": assembly.ibans,
    "id": assembly.numbers,
    "secret": assembly.secrets,
    "near": assembly.nearly,
    "encoded": assembly.encoded,
}


def some(part, family, count=60):
    """From the beginning of a family."""
    return list(islice(FAMILIES[family](part, Random(1)), count))


@pytest.mark.parametrize("part", [DEVELOPMENT, HELD_OUT], ids=["development", "held out"])
@pytest.mark.parametrize("family", FAMILIES)
def test_a_label_stands_where_it_says(part, family):
    made = some(part, family)
    for sample in made:
        for label in sample.labels:
            if label.stands:
                assert sample.data[label.start : label.end].decode() == label.value
        assert bool(sample.labels) == (sample.group is not Group.NEAR)
        assert all(label.stands for label in sample.labels) or sample.group in (Group.ENCODED, Group.CONTROL)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_same_seed_makes_the_same_bytes_and_another_does_not(family):
    make = FAMILIES[family]
    first, again, other = (list(islice(make(DEVELOPMENT, Random(seed)), 12)) for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_benign_documents_are_the_same_in_every_run_and_fill_the_size():
    first, again = (list(assembly.documents(4, 60_000)) for _ in range(2))
    assert first == again
    assert 60_000 <= sum(len(sample.data) for sample in first) < 60_000 + 2 * 16_384


@pytest.mark.parametrize("family", ["named", "alone"])
def test_nobody_tunes_on_the_texts_of_the_held_out_part(family):
    ours, theirs = ({one.text for one in getattr(module, family.upper())} for module in (templates, unseen))
    assert not ours & theirs
    assert not set(near.NEAR) & set(near.UNSEEN)
    assert DEVELOPMENT.seed != HELD_OUT.seed


@pytest.mark.parametrize("template", [*templates.NAMED, *templates.ALONE, *unseen.NAMED, *unseen.ALONE])
def test_a_template_has_one_value_and_only_fillers_that_there_are(template):
    assert template.text.count("$value") == 1
    assert template.named == bool(re.search(r"\$(key|word)", template.text))
    made = fill(Random(3), template.text, value="VALUE", key="KEY", word="WORD")
    assert "VALUE" in made
    assert not re.search(r"\$[a-z]{2}", made)


# --- values -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("row", "length"), cards.shapes())
def test_a_card_is_one_of_its_brand_and_length_and_no_published_test_number(row, length):
    made = cards.number(Random(length), row, length)
    assert len(made) == length
    assert luhn(made)
    assert row.low <= made[: len(row.low)] <= row.high
    assert issuer_of(made.encode()) is not None
    assert made.encode() not in TEST_NUMBERS


@pytest.mark.parametrize("separator", cards.SEPARATORS)
@pytest.mark.parametrize("length", [14, 15, 16, 19])
def test_grouping_changes_no_digit(separator, length):
    number = "4539148803436467123"[:length]
    text = cards.grouped(number, cards.SEPARATORS[separator], 1)
    assert "".join(char for char in text if char.isdigit()) == number
    assert (text == number) == (separator == "none")


def test_a_broken_number_is_broken():
    chance = Random(2)
    for _ in range(50):
        assert not luhn(broken(cards.any_card(chance).number, chance))


@pytest.mark.parametrize("country", ["DE", "GB", "MT", "NO", "BR"])
def test_an_account_number_holds_and_its_broken_twin_does_not(country):
    chance = Random(5)
    made = accounts.compact(chance, country, accounts.structures()[country])
    assert _mod97(made) == 1
    assert _mod97(accounts.broken(made, chance)) != 1
    assert accounts.printed(made).replace(" ", "") == made


def _mod97(account):
    return int("".join(str(int(char, 36)) for char in account[4:] + account[:4])) % 97


@pytest.mark.parametrize("row", identities.IDENTITIES, ids=lambda row: row.kind)
def test_a_number_has_its_shape(row):
    made = identities.make(Random(6), row)
    assert made == identities.make(Random(6), row)
    assert len(made) >= 8


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("us_npi", "1234567893"),  # the example of the standard
        ("us_dea", "AB1234563"),
        ("sg_nric", "S1234567D"),
        ("au_medicare", "2123 45670 1"),
    ],
)
def test_our_own_sums_agree_with_examples_from_the_standards(kind, value):
    row = next(row for row in identities.IDENTITIES if row.kind == kind)
    body = value if kind == "au_medicare" else value[:-1]
    assert row.finish(body) == value


def test_every_kind_of_secret_can_be_made_and_never_twice_the_same():
    chance = Random(7)
    for _, make, keys in tokens.altogether():
        assert keys
        assert make(chance) != make(chance)


def test_a_github_token_has_the_checksum_that_our_check_asks_for():
    from dlp_patterns.checks import github_token

    made = next(make for name, make, _ in tokens.altogether() if name == "github_token")(Random(8)).encode()
    assert github_token.check(made, 0, len(made)) is not None


# --- encodings ----------------------------------------------------------------------------------------------------------

READABLE = (
    "json number",
    "csv",
    "xml",
    "soap",
    "cdata",
    "yaml",
    "multipart field",
    "mysql query",
    "redis command",
)


@pytest.mark.parametrize("encoding", ENCODINGS, ids=lambda encoding: encoding.name)
def test_an_encoding_is_the_same_for_the_same_seed(encoding):
    first, again = (encoding.make(Random(9), "card_number", CARD) for _ in range(2))
    assert first == again
    assert first.data


def test_no_encoding_has_the_name_of_another():
    assert len({encoding.name for encoding in ENCODINGS}) == len(ENCODINGS)


@pytest.mark.parametrize("name", READABLE)
def test_structures_of_text_leave_the_value_as_it_is(name):
    assert CARD.encode() in made(name).data


def made(name, key="card_number", value=CARD):
    return next(one for one in ENCODINGS if one.name == name).make(Random(10), key, value)


@pytest.mark.parametrize(
    ("name", "decode"),
    [
        ("gzip", gzip.decompress),
        ("br", brotli.decompress),
        ("zstd", lambda data: zstandard.ZstdDecompressor().decompress(data)),
        ("gzip, br", lambda data: gzip.decompress(brotli.decompress(data))),
        ("percent, all", lambda data: unquote_plus(data.decode()).encode()),
        ("base64, whole body", base64.b64decode),
        ("json \\u, all", lambda data: json.loads(data)["card_number"].encode()),
        ("utf-16 le, mark", lambda data: data.decode("utf-16").encode()),
        ("utf-32 be, bare", lambda data: data.decode("utf-32-be").encode()),
        ("base64 of base64", lambda data: base64.b64decode(base64.b64decode(json.loads(data)["blob"]))),
        ("ebcdic", lambda data: data.decode("cp037").encode()),
    ],
)
def test_a_standard_decoder_reads_what_we_encode(name, decode):
    delivery = made(name)
    assert CARD.encode() not in delivery.data
    assert CARD.encode() in decode(delivery.data)


def test_packed_digits_stand_in_the_bytes_of_payment_messages():
    for name in ("iso 8583, bcd", "iso 8583, bcd, track 2", "emv, tag 5A", "emv, tag 57"):
        assert CARD in made(name).data.hex()
    for name in ("iso 8583, ascii", "iso 8583, ascii, hex bitmap", "iso 8583, ascii, track 2"):
        assert CARD.encode() in made(name).data


def test_chunks_of_an_answer_put_together_are_its_body():
    data = made("http chunked").data
    _, _, rest = data.partition(b"\r\n\r\n")
    body = b""
    while rest:
        head, _, rest = rest.partition(b"\r\n")
        size = int(head.partition(b";")[0], 16)
        body, rest = body + rest[:size], rest[size + 2 :]
    assert json.loads(body)["card_number"] == CARD
    assert CARD.encode() not in data
