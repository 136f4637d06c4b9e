"""The difference of two documents: exactly these operations, and a patch that makes any document of any other."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from injector import patch

NAMED = {"name": "a", "port": 1}


@pytest.mark.parametrize(
    ("old", "new", "operations"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": [1, {"b": None}]}, {"a": [1, {"b": None}]}, []),
        ({"a": 1}, {"a": True}, [("replace", "/a", True)]),
        ({"a": 1}, {"a": 1.0}, [("replace", "/a", 1.0)]),
        ({"a": [1]}, {"a": [True]}, [("replace", "/a/0", True)]),
        ({"a": None}, {}, [("remove", "/a")]),
        ({}, {"a": None}, [("add", "/a", None)]),
        ({"a": {}}, {"a": []}, [("replace", "/a", [])]),
        ({"a/b~c": 1}, {"a/b~c": 2}, [("replace", "/a~1b~0c", 2)]),
        ({"l": ["x"]}, {"l": ["y", "x"]}, [("add", "/l/0", "y")]),
        ({"l": ["x", "y", "z"]}, {"l": ["z"]}, [("remove", "/l/0"), ("remove", "/l/0")]),
        ({"l": [1, 2]}, {"l": [2, 1]}, [("add", "/l/0", 2), ("remove", "/l/2")]),
        (
            {"l": [NAMED]},
            {"l": [{"name": "new"}, NAMED | {"port": 2}]},
            [("add", "/l/0", {"name": "new"}), ("replace", "/l/1/port", 2)],
        ),
    ],
)
def test_the_operations(old, new, operations):
    found = [
        tuple(each[key] for key in ("op", "path", "value") if key in each)
        for each in patch.difference(old, new)
    ]
    assert repr(found) == repr(operations)  # 1 == True


leaves = some.none() | some.booleans() | some.integers(0, 2) | some.sampled_from(["", "a", "~/", 1.0])
trees = some.recursive(
    leaves,
    lambda inner: (
        some.lists(inner, max_size=5)
        | some.dictionaries(some.sampled_from(["name", "a", "b/c", "~1", ""]), inner, max_size=4)
    ),
    max_leaves=20,
)
documents = some.dictionaries(some.sampled_from(["a", "b", "name"]), trees, max_size=3)


@given(documents, documents)
def test_any_document_becomes_any_other(old, new):
    made = patch.apply(old, patch.difference(old, new))
    assert patch.compact(made) == patch.compact(new)
