"""The field reader: every method says what is wrong and goes on with the empty value of its kind."""

import pytest

from sidecar.core.fields import Reader, join, listed

TABLE = {"allow": True, "deny": False}

# Method, arguments after the field, node, result, complaint ("" for none).
READINGS = [
    ("mapping", (("a",), ("b",)), {"a": 1}, {"a": 1}, ""),
    ("mapping", (("a",), ("b",)), {"b": 1}, {"b": 1}, "f.a: is missing; add it"),
    ("mapping", (("a",), ("b",)), {"a": 1, "c": 1}, {"a": 1, "c": 1}, "f.c: is no known key; use a or b"),
    ("mapping", (("a",),), [1], {}, "f: is no mapping; write `key: value` lines"),
    ("items", (), None, [], ""),
    ("items", (), ["x", "y"], [("f[0]", "x"), ("f[1]", "y")], ""),
    ("items", (), "x", [], "f: is 'x'; write a list"),
    ("one_or_many", (), "x", [("f", "x")], ""),
    ("one_or_many", (), ["x"], [("f[0]", "x")], ""),
    ("one_or_many", (), [], [], "f: is an empty list; name at least one, or leave the key out"),
    ("text", (), "x", "x", ""),
    ("text", (), "", "", "f: is ''; write some text"),
    ("text", (), 7, "", "f: is 7; write some text"),
    ("integer", (1, 9), 9, 9, ""),
    ("integer", (1, 9), 10, None, "f: is 10; write a whole number from 1 to 9"),
    ("integer", (1, 9), True, None, "f: is true; write a whole number from 1 to 9"),
    ("integer", (1, 9), 1.0, None, "f: is 1.0; write a whole number from 1 to 9"),
    ("choice", (TABLE,), "deny", False, ""),
    ("choice", (TABLE,), "no", None, "f: is 'no'; use allow or deny"),
    ("choice", (TABLE,), None, None, "f: is null; use allow or deny"),
]


@pytest.mark.parametrize(("method", "arguments", "node", "result", "complaint"), READINGS)
def test_a_reading(method, arguments, node, result, complaint):
    reader = Reader()
    assert getattr(reader, method)(node, "f", *arguments) == result
    assert "\n".join(map(str, reader.problems)) == complaint


def test_the_header():
    reader = Reader()
    reader.header({"apiVersion": "v1", "kind": None}, "Policy")
    assert [str(problem) for problem in reader.problems] == [
        "apiVersion: is 'v1'; write cdefence.io/v1",
        "kind: is null; write Policy",
    ]


def test_words():
    assert [join("", "a"), join("a[1]", "b")] == ["a", "a[1].b"]
    assert [listed(["a"]), listed(["a", "b"]), listed(["a", "b", "c"])] == ["a", "a or b", "a, b or c"]
