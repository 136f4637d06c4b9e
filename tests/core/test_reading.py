"""What encodings hide is found, told once, at any chunking, and does not leave."""

import base64
from collections.abc import Callable
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlp_patterns.sums import luhn
from sidecar.core.awake import FREE, Shared
from sidecar.core.decode.pieces import OpaqueReader
from sidecar.core.decode.unscannable import UnscannableError
from sidecar.core.findings import Finding, Part, Place
from sidecar.core.inspection import Inspection
from sidecar.core.inspector import Inspector
from sidecar.core.reading import Reading, looked_at, read
from tests.kit.cuts import cuttings
from tests.kit.encodings import ENCODINGS, SPACED, Encoding
from tests.kit.engines import BLOCK_ALL, MASK_ALL, inspector

CARD = b"4111111111111111"
GROUPED = b"4111 1111 1111 1111"
SSN = b"536-22-8145"
TOKEN = b"".join([b"glpat", b"-", b"Zx7Qp2mK9vB4sT1wYc6n"])
BROKEN = b"4111111111111112"
AROUND = [b"%b", b'{"data":"%b","z":1}', b"POST /x\r\ndata: %b, y: 2\r\n"]


def found(text: bytes, inspect: Inspector | None = None) -> list[Finding]:
    return read(inspect or inspector(), text)


def cards(text: bytes) -> list[tuple[str, str]]:
    return [(finding.view, finding.shown) for finding in found(text) if finding.pattern == "pci/pan"]


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize(("view", "encode"), ENCODINGS.values(), ids=ENCODINGS)
def test_a_hidden_card_number_is_found_once(view: str, encode: Encoding, around: bytes) -> None:
    assert {cards(around % encode(CARD))[0][0]} == {view}
    assert len({shown for _, shown in cards(around % encode(CARD))}) == 1


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize(("view", "encode"), ENCODINGS.values(), ids=ENCODINGS)
def test_a_hidden_number_that_is_none_is_not(view: str, encode: Encoding, around: bytes) -> None:
    assert not luhn.is_valid(BROKEN)
    assert cards(around % encode(BROKEN)) == []


@pytest.mark.parametrize(("view", "encode"), (ENCODINGS | SPACED).values(), ids=ENCODINGS | SPACED)
def test_a_hidden_number_in_groups(view: str, encode: Encoding) -> None:
    views = {finding.view for finding in found(b"x: %b;" % encode(GROUPED)) if finding.klass == "test_pan"}
    assert views == {view}


@pytest.mark.parametrize(("view", "encode"), ENCODINGS.values(), ids=ENCODINGS)
def test_a_hidden_social_security_number(view: str, encode: Encoding) -> None:
    views = {finding.view for finding in found(b"x: %b;" % encode(SSN)) if finding.pattern == "pii/us_ssn"}
    assert views == {view}


NO_DIGITS_TO_SEE = {"base64 of utf-16", "utf-32", "spaced hexadecimal", "array of bytes", "ebcdic 037", "ebcdic 500",
                    "quoted-printable", "query of a query"}  # fmt: skip


@pytest.mark.parametrize(
    ("view", "encode"),
    [each for name, each in ENCODINGS.items() if name not in NO_DIGITS_TO_SEE],
    ids=[name for name in ENCODINGS if name not in NO_DIGITS_TO_SEE],
)
def test_a_hidden_token(view: str, encode: Encoding) -> None:
    assert {finding.view for finding in found(b"x: %b;" % encode(TOKEN)) if finding.klass == "secret"} == {
        view
    }


def test_what_stands_in_the_text_as_it_is_is_told_as_that() -> None:
    text = b"card=%b&next=%%31%%32%%33&more=%b" % (CARD, b"%".join([b"", b"41", b"42"]))
    assert [view for view, _ in cards(text)] == ["plain"]


def test_a_value_is_told_once_a_copy() -> None:
    """Escapes are another reading of the same bytes; base64 is a copy of its own, which leaves or is masked by itself."""
    assert [view for view, _ in cards(b"a %b b %%20 c" % CARD)] == ["plain"]
    assert [view for view, _ in cards(b"a %b b %b" % (CARD, base64.b64encode(CARD)))] == ["base64", "plain"]


def test_a_masked_number_does_not_pass_in_a_copy_of_it() -> None:
    body = b"%b and %b." % (CARD, base64.b64encode(b"card " + CARD))
    inspect = inspector(policy=MASK_ALL)
    inspection = Inspection(inspect, OpaqueReader())
    step = inspection.feed(body)
    last = inspection.close() if step.verdict is None else step
    assert last.verdict is not None
    assert CARD not in step.release + last.release
    assert base64.b64encode(b"card " + CARD)[:20] not in step.release + last.release


@pytest.mark.parametrize("write", [bytes.hex, lambda text: text.hex().upper()], ids=["small", "capital"])
@pytest.mark.parametrize(
    "document",
    [
        b'{"card":"%b"}',
        b'{ "id": 7, "card": "%b", "x": [1, 2] }',
        b'{"1":{"card":"%b"}}',
        b'[{"card":"%b"}]',
        b'{\n  "card": "%b"\n}',
    ],
)
def test_a_document_in_base64_in_hexadecimal(document: bytes, write: Callable[[bytes], str]) -> None:
    for value, expected in ((CARD, [("hex+base64", "411111******1111")]), (BROKEN, [])):
        text = b'{"raw":"%b"}' % write(base64.b64encode(document % value)).encode()
        assert cards(text) == expected


def test_a_hidden_value_tells_where_its_field_stands() -> None:
    text = b'{"a":[1,{"blob":"%b"}]}' % base64.b64encode(CARD)
    assert [finding.where for finding in found(text)] == ["$.a[1].blob"]


@pytest.mark.parametrize(
    "text",
    [
        b"GET /pay?card=%2234111111111111%22 HTTP/1.1\r\n\r\n",
        b"the width=34 and the height=31, 100%25 of 2024+0000",
        b'{"sha":"sha512-MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkw=="}',
        b"&#34;quoted&#34; &amp; &#169; 2008&ndash;2019",
        bytes(4000),
        b"\xf0" * 4000,
        b"3" * 4000,
    ],
)
def test_what_only_looks_encoded_is_nothing(text: bytes) -> None:
    assert [finding for finding in found(text) if finding.klass in ("pan", "unscannable")] == []


# --- streams ----------------------------------------------------------------------------------------------------------


def told(inspect: Inspector, pieces: list[bytes]) -> list[tuple[str, str]]:
    reading = Reading(inspect, Place(Part.STREAM))
    spans = [span for piece in pieces for span in reading.feed(piece)] + reading.end()
    return sorted(_plainly(span.finding) for span in spans)


def _plainly(finding: Finding) -> tuple[str, str]:
    """A value that two views show is told by the one that comes to its end first, which the cutting may decide."""
    return finding.pattern, finding.shown


@settings(deadline=None)  # the first compiles the engine
@given(data=st.data(), seed=st.integers(0, 2**32))
def test_any_cutting_tells_the_same(data: st.DataObject, seed: int) -> None:
    rng, inspect = Random(seed), inspector()
    names = data.draw(st.lists(st.sampled_from(sorted(ENCODINGS)), min_size=1, max_size=3))
    parts = [ENCODINGS[name][1](rng.choice((CARD, SSN, TOKEN, BROKEN))) for name in names]
    fillers = [rng.choice((b"; ", b"\n", b'","b":"', b" text " * rng.randrange(1, 150))) for _ in parts]
    text = b"\n" + b"".join(part + filler for part, filler in zip(parts, fillers, strict=True))
    whole = sorted(_plainly(span.finding) for span in looked_at(inspect, text, Place(Part.STREAM))[0])
    assert told(inspect, [text]) == whole
    assert told(inspect, data.draw(cuttings(text))) == whole


@pytest.mark.parametrize("name", ENCODINGS)
def test_every_byte_by_itself_tells_the_same(name: str) -> None:
    text = b"x: %b; " % ENCODINGS[name][1](CARD) + b"and so on " * 60
    assert told(inspector(), [bytes([byte]) for byte in text]) == told(inspector(), [text]) != []


@settings(deadline=None)
@given(st.binary(max_size=600), st.lists(st.sampled_from(sorted(ENCODINGS)), max_size=2))
def test_any_bytes_are_read_to_their_end(noise: bytes, names: list[str]) -> None:
    text = noise[:300] + b"".join(ENCODINGS[name][1](CARD) + noise[300:] for name in names)
    whole = sorted(_plainly(span.finding) for span in looked_at(inspector(), text, Place(Part.STREAM))[0])
    assert told(inspector(), [text[:77], text[77:]]) == whole


SHOWN = 6
"""Digits of a card number that may be shown."""


@pytest.mark.parametrize(
    "name",
    [
        name
        for name, (view, _) in ENCODINGS.items()
        if name not in ("quoted-printable mail",) and "+" not in view
    ],
)
def test_a_hidden_number_does_not_leave_byte_by_byte(name: str) -> None:
    """Compared with a text that has the same first digits: no more of it leaves than up to where they differ."""
    encode = ENCODINGS[name][1]
    head, text = b"\0\1 hello there\n", encode(CARD)
    one = Inspection(inspector(policy=BLOCK_ALL), OpaqueReader())
    left, blocked = b"", False
    for byte in head + text + b" and so on, " * 30:
        step = one.feed(bytes([byte]))
        left += step.release
        if blocked := step.verdict is not None:
            break
    assert blocked
    released = left[len(head) :]
    common = next(
        at for at, (one_, other) in enumerate(zip(text, encode(_OTHER), strict=False)) if one_ != other
    )
    assert len(released) <= common + _GROUP.get(name, 0)


_OTHER = CARD[: SHOWN + 1] + b"2" * (len(CARD) - SHOWN - 1)
"""Differs where the second digit behind the shown ones stands, so that an encoded unit that holds both may not leave."""
_GROUP = {"base64 of text": 4}


def test_encodings_in_encodings_have_a_limit() -> None:
    shared = Shared(source=1)
    shared.count(FREE)
    with pytest.raises(UnscannableError):
        shared.count(1000)
