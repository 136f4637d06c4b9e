"""Where a value stands, in the words of its format."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.core.findings import Part, Place
from sidecar.core.where import KEPT, Trail, Whereabouts, where
from tests.kit.cuts import cuttings
from tests.kit.engines import inspector

PLACES: list[tuple[str, Part, bytes, str]] = [
    ("the target of a request", Part.HEAD, b"GET /?card=# HTTP/1.1\r\nA: b\r\n\r\n", "url"),
    ("a header", Part.HEAD, b"GET / HTTP/1.1\r\nX-Card: #\r\n\r\n", "header:X-Card"),
    ("a header whose name is a number", Part.HEAD, b"GET / HTTP/1.1\r\nX-41111222: #\r\n\r\n", "header"),
    ("the name of a header", Part.HEAD, b"GET / HTTP/1.1\r\nX-#: 1\r\n\r\n", "header"),
    ("a status line", Part.HEAD, b"HTTP/1.1 200 #\r\n\r\n", "header"),
    ("a member", Part.BODY, b'{"payment": {"card": "#"}}', "$.payment.card"),
    ("a member of a list", Part.BODY, b'{"a": 1, "cards": [{"x": [1, 2]}, {"pan": #}]}', "$.cards[1].pan"),
    ("the second of two", Part.BODY, b'[1, "#"]', "$[1]"),
    ("braces in strings", Part.BODY, b'{"a{[": "}\\"]", "b": "#"}', "$.b"),
    ("a key that is no word", Part.BODY, b'{"4111 1": {"b": "#"}}', "$.*.b"),
    ("a value for a key", Part.BODY, b'{"a": 1, "#": 2}', "$.*"),
    ("a token for a key", Part.BODY, b'{"XyZabQwErTyAbLmNoPqRs": "#"}', "$.*"),
    ("a key with a long number", Part.BODY, b'{"id_41111": "#"}', "$.*"),
    ("a key with a short number", Part.BODY, b'{"address_line_2": {"sha512": "#"}}', "$.address_line_2.sha512"),
    ("a long name", Part.BODY, b'{"merchantCategoryCodeDescription": "#"}', "$.merchantCategoryCodeDescription"),
    ("a line of its own", Part.STREAM, b'{"a": 1}\n{"b": "#"}', "$.b"),
    ("no JSON", Part.BODY, b"{hello: #}", "body"),
    ("more ends than beginnings", Part.BODY, b"{}}}#", "body"),
    ("a cell", Part.BODY, b"name,card_no\nA,1\nB,#\n", "$[1].card_no"),
    ("a cell in quotes", Part.BODY, b'"name";"pan"\r\n"a;b";"#"\r\n', "$[0].pan"),
    ("a column that has a number for a name", Part.BODY, b"pan,id_41111\nA,#", "$[0].*"),
    ("a header", Part.BODY, b"name,pan,#\n", "body"),
    ("more cells than columns", Part.BODY, b"name,pan\nA,1,#", "body"),
    ("a line that ends in quotes", Part.BODY, b'name,pan\n"A\n,#', "body"),
    ("a table without sensitive columns", Part.BODY, b"name,city\nA,#", "body"),
    ("a field of a form", Part.BODY, b"name=A&card_no=#&cvv=1", "$.card_no"),
    ("the first field of a form", Part.BODY, b"card_no=#", "$.card_no"),
    ("a field in brackets", Part.BODY, b"a=1&payment%5Bcard%5D=#", "$.payment.card"),
    ("a field of a list", Part.BODY, b"a=1&cards[0][pan]=411#", "$.cards.*.pan"),
    ("a value for a field", Part.BODY, b"a=1&4111222233334444=#", "$.*"),
    ("a key in a form", Part.BODY, b"a=1&#=2", "body"),
    ("a text with an equals sign", Part.BODY, b"a=1 and card # here", "body"),
    ("an element", Part.BODY, b"<?xml version='1.0'?>\n<order><id>7</id><card type='x'>#</card></order>", "/order/card"),
    ("elements with prefixes", Part.BODY, b'<s:Envelope xmlns:s="u"><s:Body><p:pan>#', "/Envelope/Body/pan"),
    ("an element behind others", Part.BODY, b"<a><b/><c>1</c><!-- <d> --><e x='>'/><f>#</f></a>", "/a/f"),
    ("characters that are no markup", Part.BODY, b"<a><card><![CDATA[#]]></card></a>", "/a/card"),
    ("an attribute", Part.BODY, b'<a><card kind="x" number="#"/></a>', "/a/card@number"),
    ("an element with a value for a name", Part.BODY, b"<a><n41111222><b>#", "/a/*/b"),
    ("an end without a beginning", Part.BODY, b"<a></b><c>#", "/a/c"),
    ("HTML", Part.BODY, b"<!DOCTYPE html><html><body><p>#", "body"),
    ("behind all elements", Part.BODY, b"<a></a>#", "body"),
    ("any text", Part.STREAM, b"card #", "stream"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("part", "text", "told"), [row[1:] for row in PLACES], ids=[row[0] for row in PLACES]
)
def test_where(part: Part, text: bytes, told: str) -> None:
    assert where(text, text.index(b"#"), Place(part)) == told


def test_a_key_in_which_the_engine_sees_something_is_not_shown() -> None:
    key = "AKIA" + "IOSFODNN7EXAMPLE"
    text = b'{"%b": {"card": "#"}}' % key.encode()
    assert where(text, text.index(b"#"), Place(Part.BODY)) == f"$.{key}.card"
    assert where(text, text.index(b"#"), Place(Part.BODY), inspector().sees) == "$.*.card"


def test_a_long_path_says_that_it_is_cut() -> None:
    text = b'{"deeper": ' * 60 + b'"#"'
    told = where(text, text.index(b"#"), Place(Part.BODY))
    assert (len(told), told[-1]) == (200, "…")


def test_a_text_that_is_deeper_than_any_document_has_no_path() -> None:
    for begin in (b"[", b'{"a":', b'[{"a":'):
        text = begin * 20_000 + b"#"
        assert where(text, text.index(b"#"), Place(Part.BODY)) == "body"


def sees_nothing(_: bytes) -> bool:
    return False


documents = st.recursive(
    st.sampled_from(["#", 1, None, "}", '{"a": ["', "\\"]),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.sampled_from(["a", "b", 'c"', "d e"]), inner, max_size=4),
    ),
    max_leaves=40,
)


def holders(inner: object, path: str) -> list[str]:
    """Where every `#` stands, in the order of the text."""
    if isinstance(inner, dict):
        steps = [(each, f"{path}.{key}" if key in ("a", "b") else f"{path}.*") for key, each in inner.items()]
    elif isinstance(inner, list):
        steps = [(each, f"{path}[{nth}]") for nth, each in enumerate(inner)]
    else:
        return [path] if inner == "#" else []
    return [place for each, step in steps for place in holders(each, step)]


@given(st.dictionaries(st.just("a"), documents, min_size=1), st.integers(0, 3), st.data())
def test_paths_are_those_of_the_document(
    document: dict[str, object], indent: int, data: st.DataObject
) -> None:
    """In any order of asking, of a whole text and of one that grows."""
    text = json.dumps(document, indent=indent or None).encode()
    starts = [at for at in range(len(text)) if text.startswith(b'"#"', at)]
    expected = dict(zip(starts, (each[:200] for each in holders(document, "$")), strict=True))
    whole = Whereabouts(text, Place(Part.BODY), sees_nothing)
    trail = Trail(Place(Part.BODY), sees_nothing)
    for piece in data.draw(cuttings(text)):
        trail.feed(piece)
    for start in data.draw(st.permutations(starts)):
        assert whole.at(start + 1) == trail.at(start + 1) == expected[start]


GROWING = [
    (b'id,"name",pan\r\n7,"Berg, A",#\r\n8,,#\r\n#,"x",9\r\n', ["$[0].pan", "$[1].pan", "$[2].id"]),
    (b"name=A&payment%5Bcard%5D=#&cvv=#", ["$.payment.card", "$.cvv"]),
    (
        b"<?xml version='1.0'?><o><a>#</a><b x='1'>#<c y=\"#\"/></b>" + b"<z>#</z>" * 40 + b"</o>",
        ["/o/a", "/o/b", "/o/b/c@y", *["/o/z"] * 40],
    ),
    (b"0\r\n\r\nname,amount\n#,12.50\n", ["body"]),  # a form could begin with `0`, a table cannot
]


@pytest.mark.parametrize(("text", "paths"), GROWING, ids=["table", "form", "elements", "none"])
@given(data=st.data())
def test_places_in_a_text_that_grows(text: bytes, paths: list[str], data: st.DataObject) -> None:
    """In any order of asking."""
    trail = Trail(Place(Part.BODY), sees_nothing)
    for piece in data.draw(cuttings(text)):
        trail.feed(piece)
    starts = [at for at in range(len(text)) if text.startswith(b"#", at)]
    expected = dict(zip(starts, paths, strict=True))
    for start in data.draw(st.permutations(starts)):
        assert trail.at(start) == where(text, start, Place(Part.BODY)) == expected[start]


def test_what_is_kept_of_a_growing_text_is_bounded() -> None:
    trail = Trail(Place(Part.BODY), sees_nothing)
    values = b'{"a": "#"}, ' * 20_000
    text = b"[" + values
    for at in range(0, len(text), 5_000):
        trail.feed(text[at : at + 5_000])
    assert trail.at(KEPT - 1).startswith("$[")
    assert trail.at(KEPT) == "body"
    assert len(trail._text) == KEPT


@pytest.mark.parametrize("part", [Part.BODY, Part.STREAM])
def test_of_what_is_no_json_nothing_is_kept(part: Part) -> None:
    trail = Trail(Place(part), sees_nothing)
    for piece in (b" \n", b" card", b'{"a": 1}' if part is Part.BODY else b"{"):
        trail.feed(piece)
    assert trail._text == b""
    assert trail.at(4) == part.value
