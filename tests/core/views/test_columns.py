"""Values whose names stand in the header of a table: found as if the name stood before each of them, at any cutting."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlp_patterns import fieldname, load
from dlp_patterns.model import Confidence
from sidecar.core.confirm import Span
from sidecar.core.findings import Part, Place
from sidecar.core.reading import Reading, looked_at, read
from sidecar.core.scopes import Mode
from sidecar.core.views.columns import LONGEST, NAMES, SIGNS, Columns, header_end, matters
from tests.kit.cuts import bytewise, cuttings, outcome
from tests.kit.engines import BLOCK_ALL, MASK_ALL, flow, inspector

FAR = b"a long remark that puts the number far from any word"
FOUND = [
    (b"name,kvnr,city\nBerg,B375840768,Gent\n", "pii/de_kvnr", b"B375840768"),
    (b'"id";"name";"tc_kimlik_no"\r\n"7";"Castro";"81018482866"\r\n', "pii/tr_tckn", b"81018482866"),
    (b"name\tpersonas kods\tcity\nBerg\t020773-13460\tGent", "pii/lv_personas_kods", b"020773-13460"),
    (b"\xef\xbb\xbfName|ITIN\nBerg|938-92-8684\n", "pii/us_itin", b"938-92-8684"),
    (b"name,cvv,city\n" + b"Lindqvist,,Gothenburg\n" * 40 + b"Berg,386,Gent\n", "pci/cvv", b"386"),
    (b"INSERT INTO c (name, cpr) VALUES ('O''Hara', '011262-4387');", "pii/dk_cpr", b"011262-4387"),
    (b"insert into c (`a`, `utr`) values (now(), NULL), (f(x), '8594080382')", "pii/gb_utr", b"8594080382"),
    (b"| Name | ITIN |\n|---|---|\n| Berg | 938-92-8684 |\n", "pii/us_itin", b"938-92-8684"),
    (
        b"Notes:\r\n\r\n| Name | ITIN |\r\n| :--- | --- |\r\n| Berg | 938-92-8684 |\r\n",
        "pii/us_itin",
        b"938-92-8684",
    ),
    (
        "Jméno;Rodné číslo;Město\nBerg;Praha;Brno\nBerg;960203/8920;Brno\n".encode(),
        "pii/cz_rc",
        b"960203/8920",
    ),
    (
        b"name,steueridentifikationsnummer\n" + b"Li,\n" * 9 + b"Berg,36574261809\n",
        "pii/de_idnr",
        b"36574261809",
    ),
    (
        b"<thead><tr><th>Name</th><th class='n'>ITIN</th></tr></thead>\n<tr><td>Li</td>\n<td>938-92-8684</td></tr>",
        "pii/us_itin",
        b"938-92-8684",
    ),
    (
        b"<TABLE><TR><TH>UTR</TH><TH>Note</TH></TR><TR><TD><b>8594080382</b></TD><TD>-</TD></TR></TABLE>",
        "pii/gb_utr",
        b"8594080382",
    ),
    (b"Content-Type: text/csv\r\n\r\nname,cvv\r\nBerg,386\r\n", "pci/cvv", b"386"),
    (b'name,note,pin_block\nBerg,"a\nb, c",AD4215C91B22E4E3\n', "pci/pin_block", b"AD4215C91B22E4E3"),
]
SILENT = [
    (b"name,utr,city\nBerg,8594080383,Gent\n", "the check digit does not hold"),
    (b"name,order,city\nBerg,8594080382,Gent\n", "a column of another name"),
    (b"a\n| name | order |\n|---|---|\n| Berg | 8594080382 |\n", "a column of another name, in Markdown"),
    (
        b"<table><tr><th>utr</th><th>order</th></tr><tr><td>"
        + FAR
        + b"</td><td>8594080382</td></tr></table>",
        "a column of another name, in HTML",
    ),
    (
        b"<tr><th>utr</th><td>none</td></tr>" + FAR + b"<tr><th>n</th><td>8594080382</td></tr>",
        "a column of names",
    ),
    (b"utr " + FAR + b"\n\n|---|\n| 8594080382 |\n", "no header above the line"),
    (b"note,utr,order\n" + FAR + b",,8594080382\n", "the number stands in the other column"),
    (b"note,utr,order\n" + FAR + b",8594080382\n", "a row that does not fit"),
    (b"INSERT INTO c (note, utr, n) VALUES ('" + FAR + b"', 1, 8594080382)", "the other column of an insert"),
    (
        b"INSERT INTO c (note, utr) VALUES ('" + FAR + b"', 1, 8594080382)",
        "a row of an insert that does not fit",
    ),
    (
        b"In the next line: the name, utr, and city\n" + FAR + b", 8594080382, Gent",
        "no header, but a sentence",
    ),
]
TEXTS = [text for text, *_ in FOUND]


def patterns(text: bytes) -> set[str]:
    return {finding.pattern for finding in read(inspector(), text)}


@pytest.mark.parametrize(("text", "pattern", "value"), FOUND)
def test_what_a_column_holds_is_found(text: bytes, pattern: str, value: bytes) -> None:
    assert text.count(value) == 1
    assert pattern in patterns(text)


@pytest.mark.parametrize(("text", "pattern", "value"), FOUND)
def test_what_a_request_carries_is_stopped_however_it_arrives(
    text: bytes, pattern: str, value: bytes
) -> None:
    head = b"POST / HTTP/1.1\r\nHost: shop\r\nContent-Length: %d\r\n\r\n" % len(text)
    whole = head + text
    for cut in ([whole], [head, text], [whole[:40], whole[40:]], [whole[:-3], whole[-3:]], bytewise(whole)):
        one = flow(policy=BLOCK_ALL)
        seen = outcome(lambda data, one=one: one.client.feed(data), cut, one.client_close)
        assert [finding.pattern for finding in seen.findings] == [pattern]
        assert seen.verdict is not None
        assert value not in seen.released


@pytest.mark.parametrize(("text", "why"), SILENT, ids=[why for _, why in SILENT])
def test_what_it_does_not_hold_is_not(text: bytes, why: str) -> None:
    assert patterns(text) == set(), why


@pytest.mark.parametrize("text", TEXTS)
@settings(max_examples=10, deadline=None)
@given(data=st.data())
def test_any_cutting_finds_the_same(text: bytes, data: st.DataObject) -> None:
    place = Place(Part.BODY)
    reading = Reading(inspector(), place)
    spans = [span for piece in data.draw(cuttings(text)) for span in reading.feed(piece)] + reading.end()
    whole, _ = looked_at(inspector(), text, place)
    assert sorted(map(seen, spans)) == sorted(map(seen, whole))


def seen(span: Span) -> tuple[int, int, str, str, Confidence]:
    return span.start, span.end, span.finding.pattern, span.finding.view, span.finding.confidence


@pytest.mark.parametrize(("text", "pattern", "value"), FOUND)
@pytest.mark.parametrize("size", [1, 5])
def test_it_does_not_leave_before_it_is_found(text: bytes, pattern: str, value: bytes, size: int) -> None:
    """What is let go ends before a value that must not leave, until that is told."""
    reading, gone = Reading(inspector(policy=BLOCK_ALL), Place(Part.BODY)), 0
    for at in range(0, len(text), size):
        if any(span.finding.pattern == pattern for span in reading.feed(text[at : at + size])):
            break
        gone = max(gone, reading.safe())
    assert gone <= text.index(value)


HEADERS = [
    (b"name,ssn\n1", 9),
    (b"name,ssn", None),
    (b"name,ssn\r\n", 10),
    (b"", None),
    (b'{"a"', 0),
    (b"name,city\n", 0),
    (b"n" * 50, 0),
    (b"ssn\n", 0),
    (b"| name | ssn |\n|--", 15),
    (b"| name | ssn\n", 0),
    (b"| a | b |\n", 0),
]


@pytest.mark.parametrize(("text", "end"), HEADERS)
def test_a_header_is_told_by_its_first_line(text: bytes, end: int | None) -> None:
    assert header_end(text, 50) == end


def test_names_are_written_as_they_are_compared() -> None:
    assert [name for name in NAMES if not fieldname.is_normal(name)] == []


NO_COLUMNS = {
    **dict.fromkeys(["pii/email", "pii/phone", "pii/phone_national"], "found wherever it stands"),
    **dict.fromkeys(["pii_network/ipv4", "pii_network/mac"], "off by default, and in every log"),
    **dict.fromkeys(["pii/bitcoin_address", "pii/ethereum_address"], "found wherever it stands"),
    **dict.fromkeys(
        ["pii/ae_emirates_id", "pii/be_nn", "pii/cl_rut", "pii/cz_rc", "pii/ec_ci", "pii/uy_ci", "pii/es_ccc",
         "pii/es_nuss", "pii/fr_nif", "pii/fr_nir", "pii/in_voter", "pii/ph_ids", "pii/se_personnummer", "pii/sg_nric",
         "pii/ua_rntrc"],
        "a few letters, which name columns of everything",
    ),
}  # fmt: skip
"""Patterns that have names which are no names of columns, and why."""


def test_the_names_of_columns_are_those_that_the_packs_know() -> None:
    others = {
        pattern.id
        for pack in load.builtin(load.shipped())
        for pattern in pack.patterns
        for name in (pattern.context.fields if pattern.context else ())
        if name.isascii() and not fieldname.is_one_of(fieldname.normal(name), NAMES)
    }
    assert others == NO_COLUMNS.keys()


@pytest.mark.parametrize("size", [64, 1000, 10**6])
def test_a_row_that_does_not_end_ends_the_table(size: int) -> None:
    rows = b"a,ssn\n1,2\n" + b'x,"' + b"y\n" * LONGEST + b'"\n3,4\n'
    view = Columns()
    shown = b"".join(view.feed(rows[at : at + size]) for at in range(0, len(rows), size)) + view.end()
    assert (shown, view.over) == (b"\nssn: 2", len(rows) - len(b"a,ssn\n1,2\n"))


def test_where_a_column_stands() -> None:
    """A value that is found as it stands has its cell; of one that is found under its name only, the table is known."""
    text = b"id,card_number,cvv\n7,4539 1488 0343 6467,\n8,,386\n"
    told = {finding.pattern: (finding.view, finding.where) for finding in read(inspector(), text)}
    assert told == {"pci/pan": ("plain", "$[0].card_number"), "pci/cvv": ("columns", "body")}


def test_a_value_of_a_column_is_told_once_and_as_surely_as_the_name_of_the_column_says() -> None:
    """A Maestro number that stands anywhere is a guess; under `card_number` it is none."""
    rows = b"Berg,5018000000000009,Gent\n"
    (guess,) = read(inspector(), b"name,reference,city\n" + rows)
    (told,) = read(inspector(), b"name,card_number,city\n" + rows)
    assert (guess.confidence, guess.view) == (Confidence.LIKELY, "plain")
    assert (told.confidence, told.view, told.where) == (Confidence.CERTAIN, "plain", "$[0].card_number")


LISTS = [
    (b"INSERT INTO c (id, card_no) VALUES (", True),
    (b"INSERT INTO c (id, city) VALUES (", False),
    (b"f(a, b) values (", False),
    (b"card_no) VALUES (", True),
    (b"name,card_no\n", True),
]


@pytest.mark.parametrize(("before", "begins"), LISTS)
def test_only_a_list_with_a_sensitive_column_begins_the_view(before: bytes, begins: bool) -> None:
    """Of a list that begins before what is kept nobody knows."""
    assert matters(before) == begins


@pytest.mark.parametrize(
    ("row", "wakes"),
    [
        (b"<tr><th>SSN</th><th>Name</th></tr>", True),
        (b"<TR>\n  <TH>Name</TH>\n  <TH>SSN</TH>\n</TR>", True),
        (b"<tr><th>SSN</th></tr>", True),
        (b"<tr><th>SSN</th><td>536 22 8145</td></tr>", False),
        (b"<tr><td>SSN</td><td>536 22 8145</td></tr>", False),
    ],
)
def test_a_header_cell_in_every_row_wakes_nothing(row: bytes, wakes: bool) -> None:
    seen = [found.end() for sign in SIGNS for found in re.finditer(sign.regex, row)]
    assert any(matters(row[:end]) for end in seen) == wakes


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (
            b"name,card_number\nJo,4539578763621486\nLi,5500005555555559\n",
            ["453957******1486", "550000******5559"],
        ),
        (b"name,ssn\nJo,536-22-8145\n", ["***-**-8145"]),
        (b"a\n| name | ssn |\n|---|---|\n| Jo | 536-22-8145 |\n", ["***-**-8145"]),
    ],
)
def test_a_value_that_is_sure_where_it_stands_is_told_once(text: bytes, shown: list[str]) -> None:
    wire = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(text) + text
    for cut in ([wire], bytewise(wire)):
        one = flow(mode=Mode.MONITOR)
        seen = outcome(lambda data, one=one: one.client.feed(data), cut, one.client_close)
        assert [finding.shown for finding in seen.findings] == shown


CARDS = (b"4539578763621486", b"5500005555555559")
ONCE = {
    "far below its name": b"name,card_number\n" + b"Jo,%b\nLi,%b\n" % CARDS * 12,
    "in long rows": b"note,card_number,note\n" + b"%b,%b,%b\n" % (b"x" * 80, CARDS[0], b"y" * 200) * 4,
    "the same number, in a column of another name first": b"reference,note,card_number\n"
    + b",%b,\n%b,,\n" % (b"x" * 80, CARDS[0])
    + b",%b,%b\n" % (b"x" * 80, CARDS[0]) * 3,
    "in quotes": b"name;card_number\n" + b'"a ""b"";";"%b"\n' % CARDS[0] * 9,
    "in an insert": b"INSERT INTO c (name, card_number) VALUES "
    + b", ".join([b"('Jo', '%b')" % CARDS[0]] * 9),
    "in HTML": b"<table><tr><th>Name</th><th>Card number</th></tr>\n"
    + b"<tr><td>Jo</td><td>%b</td></tr>\n" % CARDS[0] * 9,
}


@pytest.mark.parametrize("text", ONCE.values(), ids=ONCE)
@settings(max_examples=8, deadline=None)
@given(data=st.data())
def test_every_place_is_told_once_as_surely_as_its_column_says(text: bytes, data: st.DataObject) -> None:
    """The same number at two places is two findings, the same place told twice would be a fault."""
    places = [found.start() for found in re.finditer(b"|".join(CARDS), text)]
    sure = [Confidence.CERTAIN] * len(places)
    if text.startswith(b"reference"):
        sure[0] = Confidence.LIKELY
    reading = Reading(inspector(), Place(Part.BODY))
    cut = data.draw(cuttings(text))
    streamed = [span.finding for piece in cut for span in reading.feed(piece)]
    streamed += [span.finding for span in reading.end()]
    for told in (streamed, read(inspector(), text)):
        assert sorted((each.offset, each.confidence) for each in told) == list(zip(places, sure, strict=True))
        assert {each.view for each in told} == {"plain"}


def test_a_number_in_a_table_is_masked_where_it_stands() -> None:
    """It is seen in its column too: that no view can be masked is no reason to block what stands in the text."""
    text = ONCE["far below its name"]
    wire = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(text) + text
    for cut in ([wire], [wire[:90], wire[90:]], bytewise(wire)):
        one = flow(policy=MASK_ALL)
        seen = outcome(lambda data, one=one: one.client.feed(data), cut, one.client_close)
        assert seen.verdict is None
        assert len(seen.released) == len(wire)
        assert not any(card in seen.released for card in CARDS)
