"""Strict reading: what two readers could understand differently is refused, with the line."""

import json

import pytest

from sidecar.core.document import DocumentError, parse, show

UNDERSTOOD = [
    ("", None),
    ("# nothing\n", None),
    ("a: 1\nb: [x, 2, 1.5, true, null, ~]\n", {"a": 1, "b": ["x", 2, 1.5, True, None, None]}),
    ('{"a": {"b": [1, -2.5, "x", false, null]}}', {"a": {"b": [1, -2.5, "x", False, None]}}),
    ("{a: 1, b: fd77::/64}", {"a": 1, "b": "fd77::/64"}),
    # YAML 1.1 would read false, 1350, 8 and a date.
    ("a: no\nb: 22:30\nc: 010\nd: 2024-11-23", {"a": "no", "b": "22:30", "c": 10, "d": "2024-11-23"}),
    ("a: '1'\nb: \"true\"", {"a": "1", "b": "true"}),
    ("a: |\n  two\n  lines\n", {"a": "two\nlines\n"}),
]

REFUSED = [
    ("a: ]", "file: is no YAML: did not find expected node content in line 1; correct the syntax"),
    ("a: 1\na: 2", "file: has the key 'a' twice in line 2; keep one"),
    ('{"a": 1, "a": 2}', "file: has the key 'a' twice; keep one"),
    ("a: &x 1\nb: *x", "file: uses an anchor in line 1; write the value out"),
    (
        "a: !!python/name:os.system x",
        "file: uses the tag 'tag:yaml.org,2002:python/name:os.system' in line 1",
    ),
    ("a: !!set {x}", "file: uses the tag 'tag:yaml.org,2002:set' in line 1; remove it"),
    ("a: !!int 1", "file: uses the tag 'tag:yaml.org,2002:int' in line 1; remove it"),
    ("a: ! x", "file: uses the tag '!' in line 1; remove it"),
    ("1: a", "file: has a key that is no word in line 1; put it in quotes"),
    ("? [a]\n: b", "file: has a key that is no word in line 1; put it in quotes"),
    ("a: 1\n---\nb: 2", "file: holds a second document in line 2; keep one"),
    ("a: \x01", "file: is no YAML: "),
    ('{"a": ' + "1" * 5_000 + "}", "file: holds a number of 5000 digits; write a smaller one"),
    ('{"a": NaN}', "file: holds NaN; write a number"),
    ("[" * 40 + "]" * 40, "file: is nested deeper than 16 in line 1; check that it is the right file"),
    ("[" * 100_000, "file: "),
    ("- " * 100_000, "file: "),
    ('{"a": ' * 100_000, "file: is nested deeper than 16"),
]


@pytest.mark.parametrize(("text", "value"), UNDERSTOOD)
def test_understood(text, value):
    assert parse(text) == value


@pytest.mark.parametrize(("text", "complaint"), REFUSED, ids=[complaint for _, complaint in REFUSED])
def test_refused(text, complaint):
    with pytest.raises(DocumentError) as caught:
        parse(text)
    assert str(caught.value).startswith(complaint)


def test_json_and_yaml_agree():
    value = {"peers": [{"ip": "10.77.0.11", "port": 8080}, {"ip": "fd77::1", "scope": None}], "epoch": 3}
    assert parse(json.dumps(value)) == parse("# by the YAML reader\n" + json.dumps(value)) == value


def test_an_error_does_not_quote_the_file():
    with pytest.raises(DocumentError) as caught:
        parse("a: 'secret\nb: [")
    assert "secret" not in str(caught.value)
    assert caught.value.__suppress_context__


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("x", "'x'"),
        (True, "true"),
        (["a", 1], '["a", 1]'),
        ("a\nb", "'a\\nb'"),
        ("x" * 99, "'" + "x" * 58 + "…"),
        (4111111111111111, "411111******1111"),
    ],
)
def test_how_a_value_is_shown(value, shown):
    assert show(value) == shown
