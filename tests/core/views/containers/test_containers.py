"""Containers: what is packed in a text is found, at any cutting, and what cannot be opened is told."""

import bz2
import gzip
import lzma
import tracemalloc
import zipfile
from base64 import b64encode
from collections.abc import Callable
from io import BytesIO
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.core.decode.unscannable import (
    CONTAINER_FREE,
    CONTAINER_LIMIT,
    EFFORT_EACH,
    EFFORT_FREE,
    SIGN_COST,
    VALUE_COST,
    Effort,
)
from sidecar.core.findings import Finding, FindingClass, Part, Place
from sidecar.core.policy import Policy
from sidecar.core.reading import looked_at, read
from sidecar.core.scopes import Mode
from sidecar.core.views.containers.avro import AVRO
from sidecar.core.views.containers.office import OFFICE
from sidecar.core.views.containers.opener import Opener
from sidecar.core.views.containers.pdf import PDF
from sidecar.core.views.containers.pdf_text import PDF_TEXT
from sidecar.core.views.containers.single import BZIP2, GZIP
from sidecar.core.views.containers.xz import XZ
from sidecar.core.views.containers.zipped import ZIP
from sidecar.core.views.view import Spec
from sidecar.lab.samples import VISA
from tests.kit.bombs import cards, ids, post
from tests.kit.cuts import bytewise, cuttings, outcome, pieces
from tests.kit.effort import effort
from tests.kit.engines import flow, inspector
from tests.kit.packed import avro, docx, encrypted, pdf, tar, xlsx, zip_stream, zipped

CARD = VISA.encode()
CSV = b"customer,card\nJo," + CARD + b"\n"
PAGE = b"BT /F1 12 Tf 72 700 Td [(41) -20 (11 1111)] TJ ( 1111 1111) Tj ET"
GLYPHS = (
    b"BT "
    + b"".join(b"1 0 0 1 %d 700 Tm (%c) Tj " % (72 + 7 * at, byte) for at, byte in enumerate(CARD))
    + b"ET"
)


def found(text: bytes) -> list[Finding]:
    return read(inspector(), text)


FOUND = {
    "zip": (zipped(("a.csv", CSV)), "zip"),
    "zip, stored": (zipped(("a.csv", CSV), method=zipfile.ZIP_STORED), "plain"),
    "zip, bzip2": (zipped(("a.csv", CSV), method=zipfile.ZIP_BZIP2), "zip"),
    "zip from a pipe, 64 bits": (zip_stream(("x", b"y"), ("a.csv", CSV)), "zip"),
    "zip, behind other members": (zipped(*((f"{at}.txt", b"hello") for at in range(20)), ("a.csv", CSV)), "zip"),
    "zip, behind an encrypted member": (encrypted(zipped(("x", b"y" * 99), ("a.csv", CSV))), "zip"),
    "zip in zip": (zipped(("b.zip", zipped(("a.csv", CSV)))), "zip+zip"),
    "zip in gzip": (gzip.compress(zipped(("a.csv", CSV))), "gzip+zip"),
    "gzip in an upload": (b"--x\r\n\r\n" + gzip.compress(CSV) + b"\r\n--x--", "gzip"),
    "gzip, members": (gzip.compress(b"hello\n") + gzip.compress(CSV), "gzip"),
    "bzip2": (bz2.compress(CSV), "bzip2"),
    "xz": (lzma.compress(CSV), "xz"),
    "xz, a large dictionary": (lzma.compress(CSV, preset=9), "xz"),
    "tar": (tar("w")(CSV), "plain"),
    "tar, gzip": (tar("w:gz")(CSV), "gzip"),
    "tar, xz": (tar("w:xz")(CSV), "xz"),
    "avro": (avro(b"hello", b"card " + CARD), "avro"),
    "docx": (docx(b"card " + CARD), "zip"),
    "docx, in runs": (docx(b"card 4111 11", b"11 1111", b" 1111"), "zip+office"),
    "xlsx": (xlsx(CARD), "zip"),
    "xlsx, in runs": (xlsx(CARD[:7], CARD[7:]), "zip+office"),
    "pdf": (pdf(b"q Q", PAGE), "pdf+pdf_text"),
    "pdf, one string": (pdf(b"BT (" + CARD + b") Tj ET"), "pdf"),
    "pdf, base 85": (pdf(PAGE, ascii85=True), "pdf+pdf_text"),
    "pdf, hexadecimal": (pdf(b"BT <" + CARD.hex().encode() + b"> Tj ET"), "pdf+hex"),
    "pdf, glyph by glyph": (pdf(GLYPHS), "pdf+pdf_text"),
    "pdf, not compressed": (b"%PDF-1.4\nstream\n" + PAGE + b"\nendstream", "pdf_text"),
    "pdf in zip": (zipped(("a.pdf", pdf(PAGE))), "zip+pdf+pdf_text"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "view"), FOUND.values(), ids=FOUND)
def test_a_card_number_is_found_in(text: bytes, view: str) -> None:
    cards = [finding for finding in found(text) if finding.pattern == "pci/pan"]
    assert view in [finding.view for finding in cards]  # a member of bzip2 is one for two views
    assert {finding.shown.replace(" ", "") for finding in cards} == {"411111******1111"}


@pytest.mark.parametrize(
    "name", ["zip", "zip in zip", "gzip, members", "docx, in runs", "pdf", "pdf, base 85"]
)
def test_it_is_blocked_on_the_wire_however_it_is_cut(name: str) -> None:
    body = FOUND[name][0]
    wire = b"POST /upload HTTP/1.1\r\nHost: shop\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    for cut in ([wire], pieces(wire, range(0, len(wire), 37)), bytewise(wire)):
        one = flow(policy=Policy())
        seen = outcome(lambda data, one=one: one.client.feed(data), cut, one.client_close)
        assert seen.verdict is not None
        assert seen.verdict.finding is not None
        assert seen.verdict.finding.view == FOUND[name][1]
        assert len(seen.released) < len(wire)


BROKEN = zipped(("a.csv", b"".join(b"%d," % at for at in range(3000))))
UNSCANNABLE = {
    "zip, encrypted": (encrypted(zipped(("a.csv", CSV))), "zip: encrypted member"),
    "zip, LZMA": (zipped(("a.csv", CSV), method=zipfile.ZIP_LZMA), "zip: unknown compression of a member"),
    "zip, broken": (BROKEN[:50] + b"\xff" * 50 + BROKEN[100:], "zip: broken member"),
    "gzip, broken": (gzip.compress(CSV * 9)[:-8] + bytes(8), "broken compressed data"),
    "pdf, encrypted": (pdf(CSV).replace(b"\nstream\nx", b"\nstream\ny"), "pdf: encrypted or broken stream"),
    "avro, snappy": (avro(CSV, codec=b"snappy"), "avro: unknown compression"),
    "pdf, LZW": (pdf(CSV).replace(b"/FlateDecode", b"/LZWDecode"), "pdf: LZW"),
}


@pytest.mark.parametrize(("text", "shown"), UNSCANNABLE.values(), ids=UNSCANNABLE)
def test_what_cannot_be_opened_is_told(text: bytes, shown: str) -> None:
    told = [finding.shown for finding in found(text) if finding.pattern == "unscannable"]
    assert told == [shown]


NOTHING = {
    "a word": b"PK and %PDF- in a text, \x1f\x8b and BZh91AY&SY too",
    "a signature alone": b"PK\x03\x04" * 30,
    "a header that no archive has": b"PK\x03\x04" + b"\xff" * 40,
    "gzip of nothing": b"\x1f\x8b\x08\x00 and so on",
}


@pytest.mark.parametrize("text", NOTHING.values(), ids=NOTHING)
def test_what_only_looks_like_a_container_is_none(text: bytes) -> None:
    assert found(text) == []


def test_a_container_is_not_broken_by_another_reading_of_it() -> None:
    """Percent signs in its bytes wake the view that decodes them, in which the same container would be broken."""
    archive = BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=0) as one:
        one.writestr("a.txt", f"%41%42%43%44 card {VISA} " * 20)
    whole = archive.getvalue()
    assert b"%41%42" in whole
    assert {finding.klass for finding in found(whole)} == {FindingClass.TEST_PAN}
    lengths = whole.index(b"%41") - 2  # of the stored block: the second says the first once more
    broken = whole[:lengths] + b"!!" + whole[lengths + 2 :]
    assert FindingClass.UNSCANNABLE in {finding.klass for finding in found(broken)}
    encoded = b"a=" + b"".join(b"%%%02x" % byte for byte in broken)
    assert FindingClass.UNSCANNABLE in {finding.klass for finding in found(encoded)}


PACKED = gzip.compress(b64encode(Random(8).randbytes(90_000)) + b" card " + CARD)
WITHIN = {
    "zip": lambda inner: zipped(("a", b"readme"), ("a.gz", inner), ("b", b"readme")),
    "zip from a pipe": lambda inner: zip_stream(("a.gz", inner)),
    "gzip": gzip.compress,
    "tar.gz": tar("w:gz"),
    "tar.xz": tar("w:xz"),
    "docx": lambda inner: zipped(
        ("word/document.xml", b"<w:t>hello</w:t>" * 9), ("word/embeddings/a.bin", inner)
    ),
}


@pytest.mark.parametrize("pack", WITHIN.values(), ids=WITHIN)
@pytest.mark.parametrize("inner", [PACKED, zipped(("a", PACKED))], ids=["gzip", "zip"])
def test_what_is_packed_twice_is_not_broken(pack: Callable[[bytes], bytes], inner: bytes) -> None:
    """What is compressed already is only stored by the second, in blocks, and seen in both ways."""
    for broken in (False, True):
        archive = pack(inner[:50_000] + inner[50_010:] if broken else inner)
        for size in (1000, 4096, 65_536, len(archive)):
            one, told = flow(mode=Mode.MONITOR), list[Finding]()
            for piece in pieces(post(archive), range(0, len(archive) + 200, size)):
                told += one.client.feed(piece).findings
            assert (FindingClass.UNSCANNABLE in {each.klass for each in told}) is broken


@pytest.mark.parametrize(("times", "told"), [(3, False), (4, True), (5, True)])
def test_what_is_packed_too_often_is_told(times: int, told: bool) -> None:
    text = b"card " + CARD + b" " * 99
    for _ in range(times):
        text = zipped(("a.zip", text))
    one = flow(mode=Mode.MONITOR).client.feed(post(text))
    assert (FindingClass.TEST_PAN in {each.klass for each in one.findings}) is not told
    assert ("more than 3 encodings in each other" in {each.shown for each in one.findings}) is told


def seen_by(spec: Spec, cut: list[bytes]) -> tuple[bytes, list[str]]:
    view = spec.make()
    text = b"".join([*map(view.feed, cut), view.end()])
    return text, [str(each.error) for each in view.troubles] if isinstance(view, Opener) else []


TEXT = b"hello, world\n" * 40
OPENED = {
    "zip": (ZIP, zipped(("a", TEXT), ("b", b"x"), ("c", TEXT))),
    "pipe": (ZIP, zip_stream(("a", TEXT), ("b", TEXT))),
    "gzip": (GZIP, b"." + gzip.compress(TEXT) + b"--" + gzip.compress(TEXT)),
    "bzip2": (BZIP2, bz2.compress(TEXT)),
    "xz": (XZ, lzma.compress(TEXT)),
    "avro": (AVRO, avro(TEXT, b"x", TEXT) + b"-" + avro(TEXT)),
    "pdf": (PDF, pdf(PAGE, TEXT, GLYPHS)),
    "pdf, base 85": (PDF, pdf(PAGE, TEXT, GLYPHS, ascii85=True)),
    "pdf_text": (PDF_TEXT, PAGE + GLYPHS + PAGE.replace(b"-20", b"-300")),
    "office": (OFFICE, b"<w:t>4111</w:t></w:r><w:tab/><w:p>1 < 2</w:p><si><r><t>1</t></r></si>"),
}


@pytest.mark.parametrize(("spec", "text"), OPENED.values(), ids=OPENED)
def test_the_same_is_opened_at_any_cutting(spec: Spec, text: bytes) -> None:
    whole = seen_by(spec, [text])
    assert len(whole[0]) > 10
    assert whole[1] == []
    for cut in (bytewise(text), *(pieces(text, [at]) for at in range(1, len(text)))):
        assert seen_by(spec, cut) == whole


@effort(60)
@given(st.sampled_from([spec for spec, _ in OPENED.values()]), st.binary(max_size=300), st.data())
def test_junk_harms_no_view(spec: Spec, junk: bytes, data: st.DataObject) -> None:
    """What a document's text is cut out of may depend on the cutting if it is no document; what comes is bounded."""
    magic = data.draw(
        st.sampled_from([b"", b"PK\x03\x04", b"\x1f\x8b\x08\x00", b"BZh9", b"stream\n", b"((("])
    )
    text, _ = seen_by(spec, data.draw(cuttings(magic + junk)))
    assert len(text) <= CONTAINER_FREE


def test_what_a_page_shows() -> None:
    shown, _ = seen_by(
        PDF_TEXT,
        [
            b"BT 0 20 Td (a\\(b\\)\\051\\n) Tj 5 0 Td [(c) -300 (d) 20 <0065>] TJ T* <FEFF0066 0067> Tj (h) ' ET"
        ],
    )
    assert shown == b"\na(b))\n c de\nfg\nh"


@effort(80)
@given(st.sampled_from([ZIP, GZIP, AVRO, PDF]), st.integers(0, 10**9), st.data())
def test_damage_and_junk_are_opened_the_same_at_any_cutting(
    spec: Spec, seed: int, data: st.DataObject
) -> None:
    rng = Random(seed)
    known = [text for each, text in OPENED.values() if each is spec]
    text = bytearray(rng.choice(known) + rng.randbytes(rng.randrange(40)) + rng.choice(known))
    for _ in range(rng.randrange(4)):
        text[rng.randrange(len(text))] = rng.randrange(256)
    assert seen_by(spec, data.draw(cuttings(bytes(text)))) == seen_by(spec, [bytes(text)])


BOMBS = {
    "zip": zipped(("a", bytes(50_000_000))),
    "gzip": gzip.compress(bytes(50_000_000)),
    "bzip2": bz2.compress(bytes(50_000_000)),
    "zips in a zip": zipped(*((f"{at}.zip", zipped(("a", bytes(3_000_000)))) for at in range(30))),
    "pdf": pdf(b" " * 50_000_000),
}


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS)
def test_a_bomb_ends_at_what_its_size_allows(bomb: bytes) -> None:
    inspector()
    tracemalloc.start()
    told = found(bomb)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert {finding.shown for finding in told} <= {
        "container exceeds the limit of growth",
        "too much in what was opened",
    }
    assert told
    assert {finding.kind for finding in told} == {"too_large"}
    assert peak < 8 * 1024 * 1024


MUCH = {
    "a list of cards": zipped(("a", cards(900) * 40)),
    "a list of ids": zipped(("a", ids(900) * 60)),
    "cards, gzip": gzip.compress(cards(900) * 40),
    "signs": zipped(("a", b"%2534" * 900_000)),
    "PDF, an operation a digit": pdf(b"(1)Tj" * 200_000),
    "PDF, cards": pdf(b"".join(b"(%b)Tj\n" % card for card in cards(900).split()) * 9),
}


OVERSHOOT = 32 * VALUE_COST + 64 * 1024 // 5 * SIGN_COST
"""What is in hand is finished: some values, and what the engine sees in one part."""


@pytest.mark.parametrize("bomb", MUCH.values(), ids=MUCH)
def test_the_work_in_what_is_opened_is_bounded_by_what_came(bomb: bytes) -> None:
    effort = Effort(len(bomb))
    tracemalloc.start()
    _, problems = looked_at(inspector(), bomb, Place(Part.BODY), effort=effort)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert "too much in what was opened" in {str(problem) for problem in problems if problem.too_large}
    assert effort.spent <= EFFORT_FREE + len(bomb) * EFFORT_EACH + OVERSHOOT
    assert peak < 8 * 1024 * 1024


def test_a_coded_body_has_the_same_limit() -> None:
    body = gzip.compress(cards(900) * 40)
    head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body)
    one = flow(mode=Mode.MONITOR)
    told = one.client.feed(head + body).findings
    assert "too much in what was opened" in {each.shown for each in told}
    assert len(told) < (EFFORT_FREE + len(body) * EFFORT_EACH) / VALUE_COST + 64


XZ_TEXT = Random(3).randbytes(3_000_000)
XZ_FILES = {
    "as it is packed by default": lzma.compress(XZ_TEXT),
    "the largest dictionary": lzma.compress(XZ_TEXT, preset=9),
    "several blocks": b"".join(lzma.compress(XZ_TEXT[at : at + 7], check=lzma.CHECK_SHA256) for at in range(0, 3000, 7)),
    "without checksums": lzma.compress(XZ_TEXT[:5], check=lzma.CHECK_NONE),
}  # fmt: skip


@pytest.mark.parametrize("name", XZ_FILES)
def test_an_xz_file_is_opened_with_little_memory(name: str) -> None:
    view, size, cut = XZ.make(), 0, pieces(XZ_FILES[name], range(0, 10**7, 4096))
    tracemalloc.start()
    for piece in cut:
        size += len(view.feed(piece).replace(b"\n", b""))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert isinstance(view, Opener)
    assert view.troubles == []
    assert size > 4
    assert peak < 5 * 1024 * 1024


def test_what_an_xz_file_copies_from_far_back_is_not_opened() -> None:
    noise = Random(4).randbytes(4_500_000)
    text, problems = seen_by(XZ, [lzma.compress(noise + noise[:1000], preset=9)])
    assert 4_000_000 < len(text) < 4_500_002
    assert problems == ["xz: broken data, or a dictionary that is too large"]
    assert seen_by(XZ, [lzma.compress(noise, preset=9)])[1] == []


@pytest.mark.parametrize("spec", [ZIP, GZIP, BZIP2, PDF], ids=lambda spec: spec.name)
def test_the_limit_does_not_depend_on_the_cutting(spec: Spec) -> None:
    bomb = BOMBS[spec.name]
    whole, problems = seen_by(spec, [bomb])
    assert seen_by(spec, pieces(bomb, range(0, len(bomb), 999))) == (whole, problems)
    blocks = len(bomb) // 4096 + 1
    assert CONTAINER_FREE < len(whole) <= CONTAINER_FREE + CONTAINER_LIMIT * 4096 * blocks
    assert set(problems) == {"container exceeds the limit of growth"}
