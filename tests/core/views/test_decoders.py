"""Each decoder alone: what it makes of a text, at any cutting, and of any bytes."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlp_patterns import regex
from sidecar.core.views.base64_run import start
from sidecar.core.views.table import SIGNS, VIEWS
from sidecar.core.views.view import Spec
from tests.kit.cuts import cuttings

BY_NAME = {spec.name: spec for spec in VIEWS}

MADE = [
    ("percent", b"a%3Db+c%2B%zz%4", b"a=b c+%zz%4"),
    ("percent", b"%e2%80%89", "\u2009".encode()),
    ("json", rb"\u0034\x31\"\/\n\\u0031\q\ud83d\ude00\061", "41\"/\n\\u0031\\q\U0001f60001".replace("01", "1").encode()),
    ("json", rb"\ud83d \u00a0", "\ufffd \u00a0".encode()),
    ("html", b"&#52;&#x31;&nbsp;&nothing; & &#1114112;&#55296;x", "41\u00a0&nothing; & &#1114112;&#55296;x".encode()),
    ("qp", b"=34=\r\n1=3d=zz=", b"41==zz="),
    ("base64", b"NDEx\r\nMTEx\\/w==NDEx", b"411111\xff"),
    ("base64", b"_-8", b"\xff\xef"),
    ("hex", b"3431 31,0x32!33", b"4112"),
    ("columns", b'name,ssn,"x, y"\n"a, b",536,1\nc,"5""1"\nd,,2\ne,537,3', b"\nssn: 536\n\n\nssn: 537"),
    ("columns", b"(a, cpr) VALUES ('x', '0''1'), (f(1), 2);(3,4)", b"\ncpr: '0''1'\ncpr: 2"),
    ("columns", b"name;city\na;b\n", b""),
    ("columns", b'{"ssn",\n1,2\n', b""),
    ("utf-16", b"4\0001\0", b"41"),
    ("ebcdic", b"\xf4\xf1\x40\xc1", b"41 A"),
]  # fmt: skip


def made(spec: Spec, pieces: list[bytes]) -> tuple[bytes, int | None]:
    view = spec.make()
    return b"".join(map(view.feed, pieces)) + view.end(), view.over


@pytest.mark.parametrize(("name", "text", "expected"), MADE)
def test_what_is_made_of_a_text(name: str, text: bytes, expected: bytes) -> None:
    assert made(BY_NAME[name], [text])[0] == expected


ALPHABET = st.lists(
    st.one_of(
        st.binary(max_size=3),
        st.sampled_from([b"%3", b"%34", b"+", b";"]),
        st.sampled_from([b"\\", b"\\u", b"\\ud83d", b"\\ude00", b"\\x3", b"&", b"&#", b"&#5", b"&nbsp",
                         b"a,ssn\n", b"1,2\n", b'"1', b'",', b"(a,ssn) VALUES (", b"1,'2'", b"),(",
                         b"=", b"=3", b"=\r", b"\n", b"\r\n ", b"NDEx", b"A", b"3", b"31", b"0x", b", ", b" ", b"\0"]),
    ),
    max_size=24,
).map(b"".join)  # fmt: skip


@pytest.mark.parametrize("spec", VIEWS, ids=lambda spec: spec.name)
@given(data=st.data())
def test_any_cutting_makes_the_same(spec: Spec, data: st.DataObject) -> None:
    text = data.draw(ALPHABET)
    assert made(spec, data.draw(cuttings(text))) == made(spec, [text])


@pytest.mark.parametrize("spec", VIEWS, ids=lambda spec: spec.name)
@given(before=st.binary(max_size=500))
def test_a_view_begins_in_what_came_before(spec: Spec, before: bytes) -> None:
    assert 0 <= spec.start(before) <= len(before)


@given(st.integers(0, 3), st.text("0123456789 abcdef:,", min_size=24, max_size=60))
def test_the_groups_of_base64_begin_where_it_decodes_to_text(shift: int, text: str) -> None:
    letters = base64.b64encode(text.encode()).rstrip(b"=")
    letters = letters[: len(letters) // 4 * 4]
    before = b"/" * shift + letters
    assert (start(before) - shift) % 4 == 0


def test_signs_are_in_the_grammar_of_patterns_and_no_longer_than_what_is_kept_of_a_text() -> None:
    assert max(regex.widest(sign.regex) for sign in SIGNS) <= 64
    assert all(regex.narrowest(sign.regex) >= 3 for sign in SIGNS)


def test_views_have_names_of_their_own() -> None:
    assert len(BY_NAME) == len(VIEWS)
